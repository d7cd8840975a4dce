#include "ext4/file_content.hpp"

#include <algorithm>
#include <vector>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "ext4/block_map.hpp"
#include "ext4/checksums.hpp"

namespace thinsnap::ext4 {

namespace {

constexpr std::uint32_t kReadAhead = 64; // blocks of a directory in one read

ExtentTree make_tree(FileSystemHandle& handle, InodeNumber number, const ext2_inode_large& inode) {
    return {number,
            std::as_bytes(std::span(inode.i_block)),
            inode_seed(handle.native()->csum_seed, number, inode.i_generation),
            handle.nr_blocks()};
}

/// Fills the part of [offset, offset + into.size()) that the extent holds.
void read_extent(DeviceIo& io,
                 const Extent& extent,
                 std::uint64_t offset,
                 std::span<std::byte> into) {
    const std::uint64_t begin = std::max(offset, extent.logical * kBlockSize);
    const std::uint64_t end =
        std::min(offset + into.size(), (extent.logical + extent.count) * kBlockSize);
    if (begin >= end || extent.unwritten)
        return;
    const auto part = into.subspan(begin - offset, end - begin);
    const std::uint64_t first =
        extent.physical * kBlockSize + (begin - extent.logical * kBlockSize);
    const std::uint64_t first_block = first / kBlockSize;
    if (first % kBlockSize == 0 && part.size() % kBlockSize == 0)
        return io.read_content(first_block, part);
    const std::uint64_t blocks = (first + part.size() - 1) / kBlockSize - first_block + 1;
    std::vector<std::byte> whole(blocks * kBlockSize);
    io.read_content(first_block, whole);
    std::ranges::copy(std::span(whole).subspan(first % kBlockSize, part.size()), part.begin());
}

} // namespace

void for_each_extent_of(FileSystemHandle& handle,
                        InodeNumber number,
                        const InodeRecord& record,
                        std::uint64_t from,
                        const std::function<bool(const Extent&)>& visit) {
    const ext2_inode_large inode = record.fields();
    const ExtentTree tree = make_tree(handle, number, inode);
    if ((inode.i_flags & EXT4_EXTENTS_FL) != 0)
        for_each_extent(handle.io(), tree, from, visit);
    else
        for_each_mapped_run(handle.io(), tree, from, visit);
}

std::size_t read_content(FileSystemHandle& handle,
                         InodeNumber number,
                         const InodeRecord& record,
                         std::uint64_t offset,
                         std::span<std::byte> into) {
    const std::uint64_t size = size_of(record.fields());
    if (offset >= size)
        return 0;
    into = into.first(std::min<std::uint64_t>(into.size(), size - offset));
    std::ranges::fill(into, std::byte{0});
    for_each_extent_of(handle, number, record, offset / kBlockSize, [&](const Extent& extent) {
        if (extent.logical * kBlockSize >= offset + into.size())
            return false;
        read_extent(handle.io(), extent, offset, into);
        return true;
    });
    return into.size();
}

void for_each_entry_of(FileSystemHandle& handle,
                       InodeNumber number,
                       const InodeRecord& record,
                       const std::function<bool(const RawEntry&)>& visit) {
    const ext2_inode_large inode = record.fields();
    DirectoryBlock block{number,
                         inode_seed(handle.native()->csum_seed, number, inode.i_generation),
                         0,
                         0,
                         (inode.i_flags & EXT2_INDEX_FL) != 0,
                         handle.nr_inodes()};
    const std::uint64_t blocks = size_of(inode) / kBlockSize;
    std::vector<std::byte> content;
    bool go_on = true;
    const auto read_blocks = [&](const Extent& extent) {
        if (extent.logical != block.index || extent.unwritten ||
            extent.logical + extent.count > blocks)
            throw_corrupt(number,
                          fmt::format("a directory of {} blocks with an extent of {} at {}",
                                      blocks,
                                      extent.count,
                                      extent.logical));
        for (std::uint32_t done = 0; go_on && done < extent.count; done += kReadAhead) {
            const std::uint32_t n = std::min(kReadAhead, extent.count - done);
            content.resize(std::size_t{n} * kBlockSize);
            handle.io().read(extent.physical + done, content);
            for (std::uint32_t i = 0; go_on && i < n; ++i, ++block.index) {
                block.physical = extent.physical + done + i;
                go_on = for_each_raw_entry(
                    std::span(content).subspan(std::size_t{i} * kBlockSize, kBlockSize),
                    block,
                    visit);
            }
        }
        return go_on;
    };
    for_each_extent_of(handle, number, record, 0, read_blocks);
    if (go_on && block.index != blocks)
        throw_corrupt(number, fmt::format("a directory of {} blocks has {}", blocks, block.index));
}

} // namespace thinsnap::ext4
