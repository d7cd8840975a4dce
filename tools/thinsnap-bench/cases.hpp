#pragma once

#include <cstddef>
#include <cstdint>
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
    double fio_seconds = 2; ///< of each half of a round
    int fio_rounds = 7;

    bool quick = false;         ///< no peer that is slow or seldom installed, no image of Debian
    int slow_rounds = 5;        ///< of what takes seconds
    std::size_t files = 70'000; ///< in the layer of files
    std::size_t layers = 200;   ///< of the image with many
    std::size_t containers = 10'000;
    std::size_t entries = 100'000;  ///< of the journal
    std::filesystem::path images{}; ///< where made images are kept; empty: nowhere
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

// Active devices and mounted containers.
[[nodiscard]] std::vector<Figure> devices(const std::filesystem::path& directory,
                                          const Scale& scale);
[[nodiscard]] std::vector<Figure> first_writes(const std::filesystem::path& directory,
                                               const Scale& scale);

// Images and containers.
[[nodiscard]] std::vector<Figure> imports(const std::filesystem::path& directory,
                                          const Scale& scale);
[[nodiscard]] std::vector<Figure> creations(const std::filesystem::path& directory,
                                            const Scale& scale);
[[nodiscard]] std::vector<Figure> activations(const std::filesystem::path& directory,
                                              const Scale& scale);
[[nodiscard]] std::vector<Figure> questions(const std::filesystem::path& directory,
                                            const Scale& scale);
[[nodiscard]] std::vector<Figure> differences(const std::filesystem::path& directory,
                                              const Scale& scale);
[[nodiscard]] std::vector<Figure> journals(const std::filesystem::path& directory,
                                           const Scale& scale);

} // namespace thinsnap::bench
