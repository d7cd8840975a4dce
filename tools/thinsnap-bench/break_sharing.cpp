#include <algorithm>
#include <numeric>
#include <random>

#include "base/aligned_buffer.hpp"

#include "bench_pool.hpp"
#include "cases.hpp"

namespace thinsnap::bench {

namespace {

constexpr std::uint64_t kChunk = thin::kMinChunkSize;
constexpr std::uint64_t kBlock = 4096;
constexpr std::size_t kWrites = 512;

std::vector<std::uint64_t> random_chunks(std::uint64_t all, unsigned seed) {
    std::vector<std::uint64_t> chunks(all);
    std::iota(chunks.begin(), chunks.end(), 0);
    std::shuffle(chunks.begin(), chunks.end(), std::mt19937(seed));
    chunks.resize(kWrites);
    return chunks;
}

} // namespace

/// Ours: a 4 KiB write to a chunk that a snapshot shares, a flush at the end. Theirs: 64 KiB read
/// and written elsewhere in a file allocated ahead, a flush at the end.
std::vector<Figure> break_sharing(const fs::path& directory, const Scale& scale) {
    const std::uint64_t device_bytes = scale.working_set / 4;
    const auto rounds = static_cast<std::uint64_t>(scale.rounds);
    const std::uint64_t copies = rounds * kWrites * kChunk;
    BenchPool pool(directory, {.data_bytes = device_bytes + copies + (64U << 20U)});
    const PoolOperation create = CreateThin{DeviceId(1)};
    pool.apply({&create, 1});
    const auto device = pool->open_device(DeviceId(1), {.size = device_bytes});
    AlignedBuffer buffer(1U << 20U);
    std::ranges::fill(buffer.bytes(), std::byte{0x5A});
    for (std::uint64_t offset = 0; offset < device_bytes; offset += buffer.size())
        device->write(offset, buffer.bytes());
    device->flush();
    const RawFile old_file(pool.data_path(), 0, true);
    const RawFile new_file(directory / "raw", copies, true);

    unsigned round = 0;
    std::uint64_t written = 0;
    Figure figure = compare(
        "4 KiB write that breaks sharing, against 64 KiB pread + pwrite",
        "us",
        scale.rounds,
        [&] {
            ++round;
            const DeviceId id(round + 1);
            const PoolOperation snapshot = CreateSnapshot{id, DeviceId(1)};
            pool.apply({&snapshot, 1});
            const auto shared = pool->open_device(id, {.size = device_bytes});
            const auto chunks = random_chunks(device_bytes / kChunk, round);
            return 1e6 / kWrites * seconds([&] {
                       for (const std::uint64_t chunk : chunks)
                           shared->write(chunk * kChunk + kBlock, buffer.bytes().first(kBlock));
                       shared->flush();
                   });
        },
        [&] {
            const auto chunks = random_chunks(device_bytes / kChunk, round + 1000);
            return 1e6 / kWrites * seconds([&] {
                       for (const std::uint64_t chunk : chunks) {
                           old_file.read(chunk * kChunk, buffer.bytes().first(kChunk));
                           new_file.write(written, buffer.bytes().first(kChunk));
                           written += kChunk;
                       }
                       new_file.flush();
                   });
        });
    figure.bound = 1.3;
    figure.at_least = false;
    fs::remove_all(directory);
    return {figure};
}

} // namespace thinsnap::bench
