#pragma once

#include <filesystem>
#include <vector>

#include "measure.hpp"

namespace thinsnap::bench {

/// How much is measured; the quick run is for a check, the full one for figures to quote.
struct Scale {
    int rounds = 15;
    std::uint64_t working_set = std::uint64_t{2} << 30U; ///< bytes of the device read and written
    double slice = 0.5; ///< seconds of random I/O in each half of a round
    std::uint64_t mappings = 1'000'000;
};

/// Each measures in a directory of its own and removes it. Bounds are those of the project's
/// issues.
[[nodiscard]] std::vector<Figure> random_io(const std::filesystem::path& directory,
                                            const Scale& scale);
[[nodiscard]] std::vector<Figure> sequential_io(const std::filesystem::path& directory,
                                                const Scale& scale);
[[nodiscard]] std::vector<Figure> break_sharing(const std::filesystem::path& directory,
                                                const Scale& scale);
[[nodiscard]] std::vector<Figure> snapshots(const std::filesystem::path& directory,
                                            const Scale& scale);
[[nodiscard]] std::vector<Figure> lookups(const std::filesystem::path& directory,
                                          const Scale& scale);

} // namespace thinsnap::bench
