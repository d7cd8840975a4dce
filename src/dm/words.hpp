#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace thinsnap::dm {

/// The words of a line that the kernel wrote.
[[nodiscard]] std::vector<std::string_view> words_of(std::string_view line);

/// A decimal number, all of `word`.
[[nodiscard]] std::optional<std::uint64_t> number_of(std::string_view word);

/// Two numbers with `separator` between them: "12/4096", "7:3".
struct NumberPair {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
};
[[nodiscard]] std::optional<NumberPair> pair_of(std::string_view word, char separator);

} // namespace thinsnap::dm
