#include <algorithm>

#include <fmt/core.h>

#include "base/aligned_buffer.hpp"

#include "bench_pool.hpp"
#include "cases.hpp"

namespace thinsnap::bench {

namespace {

constexpr std::uint64_t kChunk = thin::kMinChunkSize;
constexpr int kRepeats = 20;

void map_chunks(ThinPool& pool, DeviceId id, std::uint64_t chunks) {
    const auto device = pool.open_device(id, {.size = chunks * kChunk});
    AlignedBuffer buffer(4U << 20U);
    std::ranges::fill(buffer.bytes(), std::byte{0x5A});
    for (std::uint64_t offset = 0; offset < chunks * kChunk; offset += buffer.size())
        device->write(
            offset,
            buffer.bytes().first(std::min<std::uint64_t>(buffer.size(), chunks * kChunk - offset)));
    device->flush();
}

} // namespace

std::vector<Figure> snapshots(const fs::path& directory, const Scale& scale) {
    const std::uint64_t large = scale.working_set / 2 / kChunk;
    BenchPool pool(directory, {.data_bytes = scale.working_set});
    const std::vector<PoolOperation> create{CreateThin{DeviceId(1)}, CreateThin{DeviceId(2)}};
    pool.apply(create);
    map_chunks(*pool, DeviceId(1), 1);
    map_chunks(*pool, DeviceId(2), large);
    AppendedFile journal(directory / "journal");

    std::vector<Figure> figures;
    std::uint32_t next = 100;
    for (const auto& [origin, chunks] :
         {std::pair(DeviceId(1), std::uint64_t{1}), std::pair(DeviceId(2), large)}) {
        Figure figure = compare(
            fmt::format("durable snapshot of {} chunks, against append + fdatasync", chunks),
            "us",
            scale.rounds,
            [&, from = origin] {
                return 1e6 / kRepeats * seconds([&] {
                           for (int i = 0; i < kRepeats; ++i) {
                               const PoolOperation op = CreateSnapshot{DeviceId(next++), from};
                               pool.apply({&op, 1});
                           }
                       });
            },
            [&] { return journal.append_and_sync(kRepeats); });
        figure.bound = 3;
        figure.at_least = false;
        figures.push_back(figure);
    }

    std::vector<double> each;
    for (int round = 0; round < scale.rounds; ++round) {
        std::vector<PoolOperation> batch;
        for (int i = 0; i < 1000; ++i)
            batch.emplace_back(CreateSnapshot{DeviceId(next++), DeviceId(2)});
        each.push_back(1e6 / 1000 * seconds([&] { pool.apply(batch); }));
    }
    Figure batch;
    batch.name = "1000 snapshots in one commit, each";
    batch.unit = "us";
    batch.ours = median(each);
    batch.bound = 20;
    batch.at_least = false;
    figures.push_back(batch);
    fs::remove_all(directory);
    return figures;
}

} // namespace thinsnap::bench
