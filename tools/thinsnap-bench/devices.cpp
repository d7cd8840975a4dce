#include <algorithm>
#include <list>
#include <random>

#include <fmt/core.h>

#include "app/interrupt.hpp"
#include "attach/loop_device.hpp"
#include "base/aligned_buffer.hpp"

#include "active_pool.hpp"
#include "cases.hpp"
#include "fio.hpp"
#include "program.hpp"

namespace thinsnap::bench {

namespace {

constexpr std::uint32_t kTogether = 8; ///< devices that are flushed at once

/// Thin devices of a pool, and as many plain files of the same disk, each under a loop device. All
/// have been written from end to end.
class Pair {
public:
    Pair(const fs::path& directory, std::uint32_t count, std::uint64_t bytes)
        : pool_(directory / "pool",
                {.data_bytes = count * bytes + (64U << 20U),
                 .mapping_cache = engine::EngineOptions{}.mapping_cache})
        , active_(*pool_, directory / "run") {
        AlignedBuffer noise(4U << 20U);
        std::mt19937_64 random(1);
        for (auto& byte : noise.bytes())
            byte = static_cast<std::byte>(random());
        for (std::uint32_t i = 1; i <= count; ++i) {
            const PoolOperation create = CreateThin{DeviceId(i)};
            pool_.apply({&create, 1});
            const auto thin = pool_->open_device(DeviceId(i), {.size = bytes});
            const fs::path file = directory / fmt::format("plain-{}", i);
            const RawFile plain(file, bytes, true);
            for (std::uint64_t at = 0; at < bytes; at += noise.size()) {
                app::check_interrupt();
                thin->write(at, noise.bytes());
                plain.write(at, noise.bytes());
            }
            thin->flush();
            plain.flush();
            ours_.push_back(active_.activate(DeviceId(i), bytes));
            loops_.emplace_back(file.string(), attach::LoopOptions{});
            theirs_.push_back(loops_.back().path());
        }
    }

    Figure compare_fio(const std::string& what, const FioJob& job, int rounds, double bound) {
        Figure figure = compare(
            fmt::format("{}, against a loop device", what),
            "IO/s",
            rounds,
            [&] { return run_fio(ours_, job); },
            [&] { return run_fio(theirs_, job); });
        figure.bound = bound;
        return figure;
    }

private:
    BenchPool pool_;
    ActivePool active_;
    std::list<attach::LoopDevice> loops_;
    std::vector<std::string> ours_;
    std::vector<std::string> theirs_;
};

struct OneDevice {
    const char* access;
    const char* block;
    unsigned depth;
    double bound;
};

constexpr OneDevice kOneDevice[] = {
    {"randread", "4k", 16, 0.85},
    {"randwrite", "4k", 16, 0.85},
    {"read", "1M", 4, 0.85},
    {"write", "1M", 4, 0.85},
    {"randread", "4k", 1, 0.6},
    {"randwrite", "4k", 1, 0.6},
};

} // namespace

std::vector<Figure> devices(const fs::path& directory, const Scale& scale) {
    std::string why = why_not_active();
    if (why.empty() && !have_program("fio"))
        why = "fio is not installed";
    if (!why.empty())
        return {not_measured("fio on active devices", why)};
    std::vector<Figure> figures;
    {
        Pair pair(directory / "one", 1, scale.working_set);
        for (const OneDevice& job : kOneDevice)
            figures.push_back(pair.compare_fio(
                fmt::format("fio {} {}, depth {}", job.access, job.block, job.depth),
                {.access = job.access,
                 .block = job.block,
                 .depth = job.depth,
                 .seconds = scale.fio_seconds},
                scale.fio_rounds,
                job.bound));
    }
    fs::remove_all(directory);
    {
        Pair pair(directory / "many", kTogether, scale.working_set / kTogether);
        figures.push_back(pair.compare_fio(
            fmt::format("fio 4k write + fdatasync, {} devices at once", kTogether),
            {.access = "randwrite", .block = "4k", .durable = true, .seconds = scale.fio_seconds},
            scale.fio_rounds,
            0.5));
    }
    fs::remove_all(directory);
    return figures;
}

} // namespace thinsnap::bench
