#include "support/real_pool.hpp"

#include <functional>
#include <memory>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "engine/embedded_pool.hpp"
#include "pdata/btree_reader.hpp"
#include "thin/format_pool.hpp"
#include "thin/superblock.hpp"

#include "support/content.hpp"
#include "support/sparse_device.hpp"

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kChunk = 64U << 10U;
constexpr std::uint64_t kBlock = 4096;
constexpr int kMostRuns = 2000;

// --- the walk ------------------------------------------------------------------------------------

struct BlockWalk {
    pdata::BlockCache& cache;
    std::map<std::uint64_t, Purpose> found;

    using Value = std::function<void(std::span<const std::byte>)>;

    void tree(MetaBlock root, std::uint32_t value_size, Purpose purpose, const Value& value = {}) {
        if (!found.emplace(root.value(), purpose).second)
            return;
        const pdata::ReadRef block = pdata::BtreeReader(cache, value_size).node(root);
        const pdata::NodeView node(block.bytes());
        for (std::uint32_t i = 0; i < node.size(); ++i)
            if (!node.is_leaf())
                tree(node.child(i), value_size, purpose, value);
            else if (value)
                value(node.value(i));
    }
};

// --- using a pool --------------------------------------------------------------------------------

struct User {
    ThinPool& pool;
    const RealPool& truth;
    Outcome& outcome;

    void attempt(const std::function<void()>& action) const {
        try {
            action();
        } catch (const CorruptionError& error) {
            outcome.errors.emplace_back(error.what());
            outcome.blocks.push_back(error.block());
        } catch (const Error& error) {
            outcome.errors.emplace_back(error.what());
        }
    }

    void read(DeviceId id, std::uint64_t stride) const {
        const std::uint64_t size = truth.shape.device_chunks * kChunk;
        const auto device = pool.open_device(id, {.size = size, .read_only = true});
        std::vector<std::byte> actual(8192);
        std::vector<std::byte> expected(8192);
        for (std::uint64_t at = 0; at < size; at += stride * kChunk)
            attempt([&] {
                device->read(at, actual);
                truth.model.content(id).read(at, expected);
                if (actual != expected)
                    outcome.wrong.push_back(fmt::format("device {} at {}", id.value(), at));
            });
    }

    void ask() const {
        attempt([&] { static_cast<void>(pool.status()); });
        attempt([&] { static_cast<void>(device_ids(pool)); });
        for (const DeviceId id : truth.model.devices()) {
            attempt([&] { static_cast<void>(pool.read_view()->usage(id)); });
            attempt([&] {
                int left = kMostRuns; // damage can make trees of endless many leaves
                pool.read_view()->for_each_mapping(
                    id, {}, [&](const MappedRun&) { return --left > 0; });
            });
        }
        attempt([&] { pool.read_view()->diff(DeviceId(0), DeviceId(3), [](const DiffRun&) {}); });
    }

    void change() const {
        for (const std::uint32_t id : {0U, 3U, 100U, 300U})
            attempt([&] {
                const auto device = pool.open_device(DeviceId(id), {});
                write_pattern(*device, 5, 10 * kChunk, 4096);
                write_pattern(*device, 5, 400 * kChunk, 4096);
                device->discard(0, 2 * kChunk);
                device->flush();
            });
        attempt([&] { apply_all(pool, {CreateSnapshot{DeviceId(500), DeviceId(0)}}); });
        attempt([&] { apply_all(pool, {CreateThin{DeviceId(120000)}}); });
        for (const DeviceId id : truth.model.devices())
            attempt([&] { apply_all(pool, {DeleteDevice{id}}); });
    }
};

} // namespace

RealPool make_real_pool(const RealPoolShape& shape) {
    RealPool made{shape, SparseBytes(), SparseBytes(), PoolModel(kChunk)};
    SparseDevice metadata(shape.metadata_blocks * kBlock);
    SparseDevice data(SparseBytes(shape.data_chunks * kChunk));
    thin::format_pool(metadata, {.chunk_size = kChunk, .nr_data_chunks = shape.data_chunks});
    const auto pool = engine::open_embedded_pool(metadata, data);
    const auto do_all = [&](const std::vector<PoolOperation>& operations) {
        apply_all(*pool, operations);
        for (const PoolOperation& operation : operations)
            made.model.apply(operation);
    };
    const auto write = [&](std::uint32_t id, std::uint64_t chunk) {
        const auto bytes = pattern(id, chunk * kChunk + 4096, 512);
        made.model.write(DeviceId(id), chunk * kChunk + 4096, bytes);
        pool->open_device(DeviceId(id), {})->write(chunk * kChunk + 4096, bytes);
    };

    do_all({CreateThin{DeviceId(0)}});
    for (std::uint64_t chunk = 0; chunk < shape.device_chunks; ++chunk)
        write(0, chunk);
    for (std::uint32_t id = 1; id < 8; ++id) { // the root is shared by eight, its leaves by some
        do_all({CreateSnapshot{DeviceId(id), DeviceId(0)}});
        write(id, 5);
    }
    write(0, shape.device_chunks / 2);
    std::vector<PoolOperation> small;
    for (std::uint32_t id = 100; id < 100 + shape.small_devices; ++id)
        small.emplace_back(CreateThin{DeviceId(id)});
    do_all(small);
    for (std::uint32_t id = 100; id < 100 + shape.small_devices; id += 10)
        write(id, 3);
    for (std::uint32_t id = 300; id < 305; ++id) // one that is never written again
        do_all({CreateSnapshot{DeviceId(id), DeviceId(100)}});
    pool->commit();
    made.metadata = metadata.content();
    made.data = data.content();
    return made;
}

const char* name_of(Purpose purpose) {
    switch (purpose) {
    case Purpose::superblock:
        return "superblock";
    case Purpose::metadata_index:
        return "metadata index";
    case Purpose::metadata_bitmap:
        return "metadata bitmap";
    case Purpose::metadata_overflow:
        return "metadata overflow tree";
    case Purpose::data_index:
        return "data index tree";
    case Purpose::data_bitmap:
        return "data bitmap";
    case Purpose::data_overflow:
        return "data overflow tree";
    case Purpose::details:
        return "details tree";
    case Purpose::top_level:
        return "top-level tree";
    case Purpose::mappings:
        return "mapping tree";
    }
    return "?";
}

pdata::BlockKind kind_of(Purpose purpose) {
    switch (purpose) {
    case Purpose::superblock:
        return pdata::BlockKind::superblock;
    case Purpose::metadata_index:
        return pdata::BlockKind::index;
    case Purpose::metadata_bitmap:
    case Purpose::data_bitmap:
        return pdata::BlockKind::bitmap;
    default:
        return pdata::BlockKind::node;
    }
}

std::map<std::uint64_t, Purpose> blocks_of(const SparseBytes& metadata) {
    SparseDevice device(metadata);
    pdata::BlockCache cache(device, 1024);
    const thin::Superblock superblock = thin::read_superblock(device);
    BlockWalk walk{cache, {{0, Purpose::superblock}}};

    const auto& map = superblock.metadata_space_map;
    walk.found[map.bitmap_root.value()] = Purpose::metadata_index;
    const auto index = cache.read(map.bitmap_root, pdata::BlockKind::index);
    for (std::uint64_t page = 0; page < pdata::bitmaps_for(map.nr_blocks); ++page)
        walk.found[pdata::IndexEntry::unpack(index.bytes().subspan(16 + 16 * page))
                       .bitmap.value()] = Purpose::metadata_bitmap;
    walk.tree(map.ref_count_root, 4, Purpose::metadata_overflow);
    walk.tree(superblock.data_space_map.bitmap_root, 16, Purpose::data_index, [&](auto value) {
        walk.found[pdata::IndexEntry::unpack(value).bitmap.value()] = Purpose::data_bitmap;
    });
    walk.tree(superblock.data_space_map.ref_count_root, 4, Purpose::data_overflow);
    walk.tree(superblock.details_root, 24, Purpose::details);
    walk.tree(superblock.mapping_root, 8, Purpose::top_level, [&](auto value) {
        walk.tree(MetaBlock(load_le<std::uint64_t>(value, 0)), 8, Purpose::mappings);
    });
    return walk.found;
}

Outcome use_pool(const RealPool& truth, const SparseBytes& metadata_image, std::uint64_t stride) {
    SparseDevice metadata(metadata_image);
    SparseDevice data(truth.data);
    Outcome outcome;
    std::unique_ptr<ThinPool> pool;
    try {
        pool = engine::open_embedded_pool(
            metadata, data, {.metadata_cache = 1, .mapping_cache = 4096});
    } catch (const CorruptionError& error) {
        outcome.errors.emplace_back(error.what());
        outcome.blocks.push_back(error.block());
        return outcome;
    } catch (const Error& error) {
        outcome.errors.emplace_back(error.what());
        return outcome;
    }
    outcome.opened = true;
    const User user{*pool, truth, outcome};
    user.ask();
    for (const std::uint32_t id : {0U, 3U, 7U, 100U, 101U, 300U})
        user.attempt([&] { user.read(DeviceId(id), stride); });
    user.change();
    user.attempt([&] { static_cast<void>(pool->status()); });
    return outcome;
}

} // namespace thinsnap::test
