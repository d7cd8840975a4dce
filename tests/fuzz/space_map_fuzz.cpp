// Both space maps, damaged as the input says and with right checksums again. What can be loaded can
// be asked, changed and saved.

#include <array>
#include <optional>
#include <vector>

#include <thinsnap/error.hpp>

#include "io/scratch_device.hpp"
#include "pdata/data_space_map.hpp"
#include "pdata/transaction.hpp"

#include "fuzz/changes.hpp"
#include "fuzz/fuzz.hpp"

namespace thinsnap::test {

namespace {

using pdata::BlockBytes;
using pdata::BlockKind;
using pdata::DataSpaceMap;
using pdata::kBlockSize;
using pdata::MetadataSpaceMap;
using pdata::SpaceMapRoot;
using pdata::Transaction;

constexpr std::uint64_t kBlocks = 32;
constexpr std::uint64_t kChunks = 40000; // three bitmaps
constexpr std::array kKinds{BlockKind::node, BlockKind::bitmap, BlockKind::index};
constexpr std::uint8_t kRoots = 255; // as a block in a change: the two roots

/// Sound maps with counts of all kinds.
struct Sound {
    std::vector<std::byte> bytes = std::vector<std::byte>(kBlocks * kBlockSize);
    std::array<std::byte, kBlockSize> roots{}; ///< metadata at 0, data behind it
    std::vector<std::optional<BlockKind>> kinds;

    Sound() {
        io::ScratchDevice device(kBlocks * kBlockSize);
        pdata::BlockCache cache(device, 256);
        MetadataSpaceMap map(kBlocks);
        static_cast<void>(map.allocate());
        Transaction transaction(cache, std::move(map));
        DataSpaceMap data(transaction);
        data.extend(kChunks);
        for (int i = 0; i < 10; ++i) {
            const auto run = data.reserve(3);
            data.claim(run->begin);
            for (int k = 0; k < i; ++k)
                data.inc(run->begin);
        }
        const MetaBlock shared = transaction.space_map().allocate();
        for (int i = 0; i < 5; ++i)
            transaction.inc(shared);
        data.save().pack(std::span(roots).subspan(SpaceMapRoot::kSize, SpaceMapRoot::kSize));
        transaction.space_map().save(transaction).pack(std::span(roots).first(SpaceMapRoot::kSize));
        cache.write_back();
        device.read(0, bytes);
        for (std::uint64_t i = 0; i < kBlocks; ++i)
            kinds.push_back(kind_at(i));
    }

    [[nodiscard]] std::optional<BlockKind> kind_at(std::uint64_t number) const {
        const pdata::ConstBlockBytes block(bytes.data() + number * kBlockSize, kBlockSize);
        for (const BlockKind kind : kKinds)
            try {
                pdata::validate(kind, MetaBlock(number), block);
                return kind;
            } catch (const CorruptionError&) {
                continue;
            }
        return std::nullopt;
    }
};

void damage(Sound& maps, const Change& change) {
    if (change.block == kRoots)
        return change.apply(maps.roots);
    const std::uint64_t number = change.block % kBlocks;
    const BlockBytes block(maps.bytes.data() + number * kBlockSize, kBlockSize);
    change.apply(block);
    if (maps.kinds[number])
        pdata::seal(*maps.kinds[number], MetaBlock(number), block);
}

void use_metadata_map(Transaction& transaction) {
    MetadataSpaceMap& map = transaction.space_map();
    for (std::uint64_t i = 0; i < map.nr_blocks(); ++i)
        if (map.count(MetaBlock(i)) > 1)
            map.dec(MetaBlock(i));
    if (map.nr_free() > 0)
        map.inc(map.allocate());
}

void use_data_map(DataSpaceMap& map) {
    for (int i = 0; i < 4; ++i)
        if (const auto run = map.reserve(7))
            map.claim(run->begin);
    for (std::uint64_t i = 0; i < map.nr_chunks(); i += 1 + map.nr_chunks() / 50)
        if (map.count(DataChunk(i)) > 0)
            map.dec(DataChunk(i));
    for (std::uint64_t i = 0; i < 30; ++i)
        if (map.count(DataChunk(i)) > 0)
            map.inc(DataChunk(i));
    static_cast<void>(map.save());
}

} // namespace

int fuzz_one(std::span<const std::byte> input) {
    static const Sound sound;
    Sound maps = sound;
    for_each_change(input, [&](const Change& change) { damage(maps, change); });
    io::ScratchDevice device(maps.bytes);
    pdata::BlockCache cache(device, 256);
    const std::span<const std::byte> roots(maps.roots);
    try {
        MetadataSpaceMap map(cache, SpaceMapRoot::unpack(roots.first(SpaceMapRoot::kSize)));
        Transaction transaction(cache, std::move(map));
        DataSpaceMap data(
            transaction,
            SpaceMapRoot::unpack(roots.subspan(SpaceMapRoot::kSize, SpaceMapRoot::kSize)));
        use_metadata_map(transaction);
        use_data_map(data);
        static_cast<void>(transaction.space_map().save(transaction));
    } catch (const Error&) { // it says what is wrong
    }
    return 0;
}

} // namespace thinsnap::test
