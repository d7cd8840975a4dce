#include <atomic>
#include <random>
#include <thread>

#include <fmt/core.h>

#include "base/aligned_buffer.hpp"

#include "bench_pool.hpp"
#include "cases.hpp"

namespace thinsnap::bench {

namespace {

constexpr std::uint64_t kBlock = 4096;

using Access = std::function<void(std::uint64_t offset, std::span<std::byte> block)>;

/// Operations a second of `depth` threads that access random blocks for `slice` seconds; what `end`
/// takes (a flush) counts too.
double operations_per_second(const Scale& scale,
                             unsigned depth,
                             const Access& access,
                             const std::function<void()>& end) {
    std::atomic<std::uint64_t> operations = 0;
    const auto worker = [&](unsigned seed) {
        AlignedBuffer block(kBlock);
        std::mt19937_64 random(seed);
        const auto until =
            std::chrono::steady_clock::now() + std::chrono::duration<double>(scale.slice);
        std::uint64_t done = 0;
        while (std::chrono::steady_clock::now() < until) {
            access(random() % (scale.working_set / kBlock) * kBlock, block.bytes());
            ++done;
        }
        operations += done;
    };
    const double taken = seconds([&] {
        std::vector<std::jthread> threads;
        for (unsigned i = 0; i < depth; ++i)
            threads.emplace_back(worker, i + 1);
        threads.clear();
        end();
    });
    return static_cast<double>(operations) / taken;
}

void fill(BlockDevice& device, std::uint64_t bytes) {
    AlignedBuffer buffer(1U << 20U);
    std::mt19937_64 random(1);
    for (auto& byte : buffer.bytes())
        byte = static_cast<std::byte>(random());
    for (std::uint64_t offset = 0; offset < bytes; offset += buffer.size())
        device.write(offset, buffer.bytes());
    device.flush();
}

void measure(std::vector<Figure>& figures,
             const fs::path& directory,
             const Scale& scale,
             bool direct) {
    BenchPool pool(directory, {.data_bytes = scale.working_set + (64U << 20U), .direct = direct});
    const PoolOperation create = CreateThin{DeviceId(1)};
    pool.apply({&create, 1});
    const auto device = pool->open_device(DeviceId(1), {.size = scale.working_set});
    fill(*device, scale.working_set);
    const RawFile raw(pool.data_path(), 0, direct);
    const char* how = direct ? "O_DIRECT" : "page cache";

    for (const unsigned depth : {1U, 16U}) {
        Figure read = compare(
            fmt::format("random 4 KiB reads, depth {}, {}", depth, how),
            "IO/s",
            scale.rounds,
            [&] {
                return operations_per_second(
                    scale, depth, [&](auto at, auto block) { device->read(at, block); }, [] {});
            },
            [&] {
                return operations_per_second(
                    scale, depth, [&](auto at, auto block) { raw.read(at, block); }, [] {});
            });
        Figure write = compare(
            fmt::format("random 4 KiB in-place writes, depth {}, {}", depth, how),
            "IO/s",
            scale.rounds,
            [&] {
                return operations_per_second(
                    scale,
                    depth,
                    [&](auto at, auto block) { device->write(at, block); },
                    [&] { device->flush(); });
            },
            [&] {
                return operations_per_second(
                    scale,
                    depth,
                    [&](auto at, auto block) { raw.write(at, block); },
                    [&] { raw.flush(); });
            });
        for (Figure* figure : {&read, &write}) {
            figure->bound = 0.9;
            figure->judged = direct;
            figures.push_back(*figure);
        }
    }
}

} // namespace

std::vector<Figure> random_io(const fs::path& directory, const Scale& scale) {
    std::vector<Figure> figures;
    for (const bool direct : {true, false}) {
        measure(figures, directory, scale, direct);
        fs::remove_all(directory);
    }
    return figures;
}

} // namespace thinsnap::bench
