// Metadata with right checksums and wrong content. Whatever it says, the check ends and describes
// it; and what the check calls clean, everybody else can read.

#include <algorithm>
#include <array>
#include <stdexcept>
#include <vector>

#include <thinsnap/error.hpp>

#include "pdata/block_cache.hpp"
#include "thin/backup.hpp"
#include "thin/check.hpp"
#include "thin/dump.hpp"
#include "thin/format/superblock_disk.hpp"
#include "thin/pool_metadata.hpp"

#include "support/metadata_builder.hpp"

#include "fuzz/fuzz.hpp"

namespace thinsnap::test {

namespace {

using pdata::BlockBytes;
using pdata::BlockKind;
using pdata::kBlockSize;

constexpr std::array kKinds = {
    BlockKind::node, BlockKind::bitmap, BlockKind::index, BlockKind::superblock};

/// A small pool with shared roots and leaves, a metadata snapshot, and counts of three and more.
MetadataImage build_pool() {
    MetadataBuilder builder(48, 600);
    builder.superblock().time = 3;
    const MetaBlock shared = builder.leaf(run(0, 0, 100, 1));
    const MetaBlock next = builder.leaf(run(100, 100, 100, 2));
    const MetaBlock same_chunks = builder.leaf(run(100, 100, 100, 2));
    builder.add_device(device(1, 200), builder.internal({{0, shared}, {100, next}}));
    builder.add_device(device(2, 200), builder.internal({{0, shared}, {100, same_chunks}}));
    const MetaBlock popular = builder.tree(run(50, 50, 120));
    for (std::uint32_t id = 3; id < 8; ++id)
        builder.add_device(device(id, 120), popular);
    builder.hold();
    builder.add_device(device(9, 10), builder.tree(run(0, 500, 10)));
    return builder.finish();
}

/// Takes the input apart.
class Input {
public:
    explicit Input(std::span<const std::byte> bytes)
        : rest_(bytes) {}

    [[nodiscard]] bool empty() const { return rest_.empty(); }
    [[nodiscard]] std::uint64_t number(std::size_t width) {
        std::uint64_t value = 0;
        for (; width > 0 && !rest_.empty(); --width) {
            value = value << 8U | std::to_integer<std::uint64_t>(rest_.front());
            rest_ = rest_.subspan(1);
        }
        return value;
    }
    [[nodiscard]] std::span<const std::byte> rest() const { return rest_; }

private:
    std::span<const std::byte> rest_;
};

/// The input says what to change in a sound pool: block, kind, offset, width, value.
void change_pool(MetadataImage& image, Input input) {
    while (!input.empty()) {
        const MetaBlock where(input.number(1) % 48);
        const std::uint64_t how = input.number(1);
        const std::uint64_t offset = input.number(2) % (kBlockSize - 8);
        const std::size_t width = how / 4 % 8 + 1;
        const std::uint64_t value = input.number(width);
        const BlockKind kind = where == MetaBlock(0) ? BlockKind::superblock : kKinds[how % 4];
        image.edit(kind, where, [&](BlockBytes block) {
            for (std::size_t i = 0; i < width; ++i)
                block[offset + i] = static_cast<std::byte>(value >> 8 * i);
        });
    }
}

/// The input is the metadata; each block's checksum is made right for the kind that its first byte
/// names.
MetadataImage take_as_metadata(std::span<const std::byte> bytes) {
    const std::size_t blocks = std::min<std::size_t>(bytes.size() / kBlockSize, 64);
    MetadataImage image(blocks);
    for (std::size_t i = 0; i < blocks; ++i) {
        const auto content = bytes.subspan(i * kBlockSize, kBlockSize);
        const BlockKind kind =
            i == 0 ? BlockKind::superblock : kKinds[std::to_integer<std::size_t>(content[0]) % 4];
        image.edit(kind, MetaBlock(i), [&](BlockBytes block) {
            std::ranges::copy(content, block.begin());
            if (kind == BlockKind::superblock)
                store_le<std::uint64_t>(block, 32, thin::kSuperblockMagic);
        });
    }
    return image;
}

/// What is clean can be read, backed up, restored, and opened for writing.
void use(BlockDevice& metadata) {
    pdata::BlockCache cache(metadata, 256);
    thin::MetadataView view(cache, thin::read_superblock(metadata), {});
    thin::dump_xml(view, [](std::string_view) {});
    std::vector<DeviceId> ids;
    view.for_each_device([&](const DeviceInfo& info) { ids.push_back(info.id); });
    for (const DeviceId id : ids) {
        (void)view.usage(id);
        view.diff(ids.front(), id, [](const DiffRun&) {});
    }
    std::vector<std::byte> backup;
    (void)thin::write_backup(view, [&](std::span<const std::byte> piece) {
        backup.insert(backup.end(), piece.begin(), piece.end());
    });
    io::ScratchDevice file(backup);
    io::ScratchDevice copy(metadata.size());
    (void)thin::restore_backup(file, copy);
    if (!thin::check_metadata(copy, {}, {}).is_clean())
        throw std::logic_error("a backup of clean metadata is not clean");
    const thin::PoolMetadata pool(copy, 256);
}

void try_metadata(MetadataImage& image) {
    std::uint64_t told = 0;
    const auto result = thin::check_metadata(
        image.device(), {.data_bytes = 600ULL << 16U}, [&](const thin::Finding& finding) {
            ++told;
            (void)thin::describe(finding);
        });
    if (told != result.warnings + result.leaks + result.damages)
        throw std::logic_error("findings are counted wrongly");
    if (result.is_clean())
        use(image.device());
}

} // namespace

int fuzz_one(std::span<const std::byte> input) {
    static MetadataImage sound = build_pool();
    Input rest(input);
    if (rest.number(1) % 4 == 3) {
        auto image = take_as_metadata(rest.rest());
        try_metadata(image);
    } else {
        auto image = sound.copy();
        change_pool(image, rest);
        try_metadata(image);
    }
    return 0;
}

} // namespace thinsnap::test
