#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace thinsnap::oci {

/// What an image runs on, in the words of Go: "linux", "arm64", "v8".
struct Platform {
    std::string os;
    std::string architecture;
    std::string variant; ///< often empty

    friend bool operator==(const Platform&, const Platform&) = default;
};

/// "linux/amd64", "linux/arm/v7".
[[nodiscard]] std::string to_string(const Platform& platform);

/// From such a text; well-known other names are understood ("linux/x86_64").
/// \throws Error(invalid_argument)
[[nodiscard]] Platform parse_platform(std::string_view text);

/// Of the machine that this runs on.
[[nodiscard]] Platform host_platform();

/// One spelling for what is the same: "aarch64" is "arm64", whose "v8" is no variant.
[[nodiscard]] Platform normalised(Platform platform);

/// The index of the platform that suits `wanted` best: the same; for arm the highest lower variant;
/// when none is wanted any variant. Nothing suits: empty.
[[nodiscard]] std::optional<std::size_t> best_match(std::span<const Platform> offered,
                                                    const Platform& wanted);

} // namespace thinsnap::oci
