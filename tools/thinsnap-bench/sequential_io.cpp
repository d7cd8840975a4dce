#include <algorithm>

#include <fmt/core.h>

#include "base/aligned_buffer.hpp"

#include "bench_pool.hpp"
#include "cases.hpp"

namespace thinsnap::bench {

namespace {

constexpr std::uint64_t kStep = 1U << 20U;

double megabytes_per_second(std::uint64_t bytes,
                            const std::function<void(std::uint64_t, std::span<std::byte>)>& write,
                            const std::function<void()>& flush) {
    AlignedBuffer buffer(kStep);
    std::ranges::fill(buffer.bytes(), std::byte{0x5A});
    const double taken = seconds([&] {
        for (std::uint64_t offset = 0; offset < bytes; offset += kStep)
            write(offset, buffer.bytes());
        flush();
    });
    return static_cast<double>(bytes) / 1e6 / taken;
}

} // namespace

std::vector<Figure> sequential_io(const fs::path& directory, const Scale& scale) {
    const std::uint64_t bytes = scale.working_set / 4;
    std::vector<Figure> figures;
    for (const bool direct : {true, false}) {
        Figure figure = compare(
            fmt::format("sequential 1 MiB writes to fresh space, {}",
                        direct ? "O_DIRECT" : "page cache"),
            "MB/s",
            scale.rounds,
            [&] { // a new pool each time, so that both sides write to extents never written before
                BenchPool pool(directory / "pool", {.data_bytes = bytes, .direct = direct});
                const PoolOperation create = CreateThin{DeviceId(1)};
                pool.apply({&create, 1});
                const auto device = pool->open_device(DeviceId(1), {.size = bytes});
                const double result = megabytes_per_second(
                    bytes,
                    [&](auto at, auto data) { device->write(at, data); },
                    [&] { device->flush(); });
                fs::remove_all(directory / "pool");
                return result;
            },
            [&] {
                fs::create_directories(directory);
                const RawFile raw(directory / "raw", bytes, direct);
                const double result = megabytes_per_second(
                    bytes, [&](auto at, auto data) { raw.write(at, data); }, [&] { raw.flush(); });
                fs::remove(directory / "raw");
                return result;
            });
        figure.bound = 0.85;
        figure.judged = direct;
        figures.push_back(figure);
    }
    fs::remove_all(directory);
    return figures;
}

} // namespace thinsnap::bench
