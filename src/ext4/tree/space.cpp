#include "ext4/tree/space.hpp"

#include <algorithm>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "ext4/file_system_handle.hpp"
#include "ext4/tree/bit_range.hpp"

namespace thinsnap::ext4::tree {

namespace {

constexpr std::uint32_t kContentRun = 256; // blocks reserved at a time: one write of 1 MiB

} // namespace

class Space::Blocks final : public BitmapSource {
public:
    explicit Blocks(FileSystemHandle& handle)
        : handle_(handle) {
        look_at_reserve();
    }

    [[nodiscard]] std::uint32_t group_count() const override { return handle_.nr_groups(); }
    [[nodiscard]] std::uint32_t units_in(std::uint32_t group) const override {
        const std::uint64_t start = std::uint64_t{group} * kBlocksPerGroup;
        return static_cast<std::uint32_t>(
            std::min<std::uint64_t>(kBlocksPerGroup, handle_.nr_blocks() - start));
    }
    [[nodiscard]] std::uint32_t free_in(std::uint32_t group) const override {
        return ext2fs_bg_free_blocks_count(handle_.native(), group);
    }
    [[nodiscard]] std::uint32_t into_chunk(std::uint32_t /*group*/) const override { return 0; }

    void load(std::uint32_t group, std::span<std::uint64_t> words) override {
        const std::uint64_t start = std::uint64_t{group} * kBlocksPerGroup;
        require_ok(handle_.io(),
                   ext2fs_get_block_bitmap_range2(
                       handle_.native()->block_map, start, units_in(group), words.data()),
                   fmt::format("reading the block bitmap of group {}", group));
        for (const BlockRange& range : reserve_) {
            const std::uint64_t from = std::max(range.first, start);
            const std::uint64_t to = std::min(range.end(), start + units_in(group));
            if (from < to)
                fill_bits(words,
                          static_cast<std::uint32_t>(from - start),
                          static_cast<std::uint32_t>(to - start),
                          true);
        }
    }

    void look_at_reserve() { reserve_ = handle_.kept_for_growth(); }

private:
    FileSystemHandle& handle_;
    std::vector<BlockRange> reserve_;
};

class Space::Inodes final : public BitmapSource {
public:
    explicit Inodes(FileSystemHandle& handle)
        : handle_(handle) {}

    [[nodiscard]] std::uint32_t group_count() const override { return handle_.nr_groups(); }
    [[nodiscard]] std::uint32_t units_in(std::uint32_t /*group*/) const override {
        return kInodesPerGroup;
    }
    [[nodiscard]] std::uint32_t free_in(std::uint32_t group) const override {
        return ext2fs_bg_free_inodes_count(handle_.native(), group);
    }
    [[nodiscard]] std::uint32_t into_chunk(std::uint32_t group) const override {
        const std::uint64_t table = ext2fs_inode_table_loc(handle_.native(), group);
        return static_cast<std::uint32_t>(table * kInodesPerBlock % kInodesPerGroup);
    }

    void load(std::uint32_t group, std::span<std::uint64_t> words) override {
        require_ok(handle_.io(),
                   ext2fs_get_inode_bitmap_range2(handle_.native()->inode_map,
                                                  std::uint64_t{group} * kInodesPerGroup + 1,
                                                  kInodesPerGroup,
                                                  words.data()),
                   fmt::format("reading the inode bitmap of group {}", group));
        if (group == 0)
            fill_bits(words, 0, kFirstFileInode.value() - 1, true);
    }

private:
    FileSystemHandle& handle_;
};

Space::Space(FileSystemHandle& handle, std::uint32_t chunk_bytes, Grow grow)
    : handle_(handle)
    , grow_(std::move(grow))
    , block_source_(std::make_unique<Blocks>(handle))
    , inode_source_(std::make_unique<Inodes>(handle))
    , blocks_(*block_source_, kBlocksPerGroup, chunk_bytes / kBlockSize)
    , inodes_(*inode_source_, kInodesPerGroup, chunk_bytes / kInodeSize)
    , content_([this] { return reserve(blocks_, kContentRun, "blocks"); })
    , metadata_([this] { return reserve(blocks_, 1, "blocks"); })
    , directory_inodes_([this] { return reserve(inodes_, 1, "inodes"); })
    , other_inodes_([this] { return reserve(inodes_, 1, "inodes"); }) {
    handle_.require_writable();
    reserve_first_directories();
}

Space::~Space() = default;

/// The first directories of a file system that has none but its root lie beside that.
void Space::reserve_first_directories() {
    if (auto run = inodes_.take_rest_of_chunk(kFirstFileInode.value() - 1))
        directory_inodes_.start_in(*run);
}

bool Space::grow() {
    if (!grow_)
        return false;
    pass_on();
    const bool grown = grow_();
    blocks_.forget();
    inodes_.forget();
    block_source_->look_at_reserve();
    return grown;
}

UnitRun Space::reserve(GroupedBitmap& map, std::uint32_t most, const char* what) {
    do {
        if (const auto run = map.take_chunks(most))
            return *run;
    } while (grow());
    if (const auto run = map.take_any(most))
        return *run;
    throw Error(Errc::no_space,
                fmt::format("the file system of {} bytes has no free {} left",
                            handle_.nr_blocks() * kBlockSize,
                            what));
}

void Space::free_blocks(BlockRun run) {
    blocks_.give_back({run.start.value(), run.count});
    handle_.io().forget(run.start.value(), run.count);
}

InodeNumber Space::take_inode(bool directory) {
    const UnitRun run = (directory ? directory_inodes_ : other_inodes_).take(1);
    if (directory)
        ++directories_[static_cast<std::uint32_t>(run.start / kInodesPerGroup)];
    return InodeNumber(static_cast<std::uint32_t>(run.start + 1));
}

void Space::free_inode(InodeNumber number, bool directory) {
    const std::uint64_t unit = number.value() - 1;
    inodes_.give_back({unit, 1});
    if (directory)
        --directories_[static_cast<std::uint32_t>(unit / kInodesPerGroup)];
}

void Space::pass_on() {
    const ext2_filsys native = handle_.native();
    const GroupedBitmap::Changes blocks = blocks_.drain_changes();
    for (const UnitRun& run : blocks.taken)
        ext2fs_block_alloc_stats_range(native, run.start, run.count, 1);
    for (const UnitRun& run : blocks.freed)
        ext2fs_block_alloc_stats_range(native, run.start, run.count, -1);
    const auto pass_inodes = [&](const std::vector<UnitRun>& runs, int use) {
        for (const UnitRun& run : runs)
            for (std::uint32_t i = 0; i < run.count; ++i)
                ext2fs_inode_alloc_stats2(
                    native, static_cast<ext2_ino_t>(run.start + i + 1), use, 0);
    };
    const GroupedBitmap::Changes inodes = inodes_.drain_changes();
    pass_inodes(inodes.taken, 1);
    pass_inodes(inodes.freed, -1);
    for (const auto& [group, more] : std::exchange(directories_, {})) {
        const std::int64_t count = ext2fs_bg_used_dirs_count(native, group) + more;
        ext2fs_bg_used_dirs_count_set(
            native, group, static_cast<std::uint32_t>(std::max<std::int64_t>(count, 0)));
        ext2fs_group_desc_csum_set(native, group);
    }
}

void Space::finish() {
    for (RunStream* stream : {&content_, &metadata_})
        blocks_.untake(stream->give_up_rest());
    for (RunStream* stream : {&directory_inodes_, &other_inodes_})
        inodes_.untake(stream->give_up_rest());
    pass_on();
}

std::vector<BlockRun> Space::freed_chunks() {
    std::vector<BlockRun> runs;
    for (const UnitRun& run : blocks_.freed_chunks())
        runs.push_back(to_blocks(run));
    return runs;
}

} // namespace thinsnap::ext4::tree
