#include "measure.hpp"

#include <algorithm>
#include <utility>

#include "app/interrupt.hpp"

namespace thinsnap::bench {

double seconds(const std::function<void()>& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

bool Figure::holds() const {
    const double value = ratio != 0 ? ratio : ours;
    return !judged || (at_least ? value >= bound : value <= bound);
}

Figure absolute(std::string name, std::string unit, double value, double bound, bool at_least) {
    Figure figure;
    figure.name = std::move(name);
    figure.unit = std::move(unit);
    figure.ours = value;
    figure.bound = bound;
    figure.at_least = at_least;
    return figure;
}

Figure not_measured(std::string name, std::string why) {
    Figure figure;
    figure.name = std::move(name);
    figure.missing = std::move(why);
    figure.judged = false;
    return figure;
}

Figure compare(std::string name,
               std::string unit,
               int rounds,
               const std::function<double()>& ours,
               const std::function<double()>& theirs) {
    std::vector<double> our_values;
    std::vector<double> their_values;
    std::vector<double> ratios;
    for (int round = 0; round < rounds; ++round) {
        app::check_interrupt();
        // Who goes first alternates: what one leaves in the disk's cache must not favour the other.
        const bool first = round % 2 == 0;
        const double a = first ? ours() : theirs();
        const double b = first ? theirs() : ours();
        our_values.push_back(first ? a : b);
        their_values.push_back(first ? b : a);
        ratios.push_back(our_values.back() / their_values.back());
    }
    Figure figure;
    figure.name = std::move(name);
    figure.unit = std::move(unit);
    figure.ours = median(std::move(our_values));
    figure.theirs = median(std::move(their_values));
    figure.ratio = median(std::move(ratios));
    return figure;
}

} // namespace thinsnap::bench
