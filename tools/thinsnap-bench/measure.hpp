#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace thinsnap::bench {

/// Seconds that `work` takes.
[[nodiscard]] double seconds(const std::function<void()>& work);

[[nodiscard]] double median(std::vector<double> values);

/// One line of the result: a figure of ours beside what it is measured against.
struct Figure {
    std::string name;
    std::string unit;     ///< of `ours` and `theirs`
    double ours = 0;      ///< median
    double theirs = 0;    ///< median; 0 where the bound is absolute
    double ratio = 0;     ///< median of the pairwise ratios, ours / theirs; 0 likewise
    double bound = 0;     ///< of the ratio, or of `ours` where there is no ratio
    bool at_least = true; ///< the bound is a lower one
    bool judged = true;   ///< false: printed for comparison only
    std::string missing;  ///< why there is no figure: the name stands for what was not measured
    [[nodiscard]] bool holds() const;
};

/// A figure with a bound of its own.
[[nodiscard]] Figure
absolute(std::string name, std::string unit, double value, double bound, bool at_least);

[[nodiscard]] Figure not_measured(std::string name, std::string why);

/// Runs the two in turn, `rounds` times, and takes the median of the ratios, so that a machine
/// whose speed drifts does not decide the result. Each returns its own figure (MB/s, operations/s,
/// ...). \throws app::Interrupted  between two rounds
[[nodiscard]] Figure compare(std::string name,
                             std::string unit,
                             int rounds,
                             const std::function<double()>& ours,
                             const std::function<double()>& theirs);

} // namespace thinsnap::bench
