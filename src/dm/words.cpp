#include "dm/words.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace thinsnap::dm {

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    while (true) {
        const auto begin = line.find_first_not_of(" \n");
        if (begin == std::string_view::npos)
            return words;
        line.remove_prefix(begin);
        const auto length = std::min(line.find_first_of(" \n"), line.size());
        words.push_back(line.substr(0, length));
        line.remove_prefix(length);
    }
}

std::optional<std::uint64_t> number_of(std::string_view word) {
    std::uint64_t number = 0;
    const char* const end = word.data() + word.size();
    const auto [last, error] = std::from_chars(word.data(), end, number);
    if (error != std::errc{} || last != end)
        return std::nullopt;
    return number;
}

std::optional<NumberPair> pair_of(std::string_view word, char separator) {
    const auto at = word.find(separator);
    if (at == std::string_view::npos)
        return std::nullopt;
    const auto first = number_of(word.substr(0, at));
    const auto second = number_of(word.substr(at + 1));
    if (!first || !second)
        return std::nullopt;
    return NumberPair{*first, *second};
}

} // namespace thinsnap::dm
