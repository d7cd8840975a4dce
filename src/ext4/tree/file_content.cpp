#include "ext4/tree/file_content.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "ext4/tree/file_blocks.hpp"

namespace thinsnap::ext4::tree {

namespace {

constexpr std::uint64_t kMaxBytes = (std::uint64_t{1} << 44U) - kBlockSize; // 2^32 - 1 blocks
constexpr std::size_t kMostBlocks = 256;

} // namespace

BlockRun FileContent::take(std::uint64_t block, std::size_t most) {
    const BlockRun run =
        workspace_.space.take_content(static_cast<std::uint32_t>(std::min(most, kMostBlocks)));
    append_extent(extents_, {static_cast<std::uint32_t>(block), run.count, run.start, false});
    return run;
}

void FileContent::finish_block() {
    if (!open_.empty())
        std::memset(open_.subspan(filled_).data(), 0, open_.size() - filled_);
    open_ = {};
}

void FileContent::write_part(std::uint64_t offset, std::span<const std::byte> content) {
    const std::size_t into = offset % kBlockBytes;
    if (open_.empty()) {
        open_block_ = offset / kBlockBytes;
        open_ = workspace_.gathered.next_block(take(open_block_, 1).start);
        filled_ = 0;
    }
    std::memset(open_.subspan(filled_).data(), 0, into - filled_);
    std::memcpy(open_.subspan(into, content.size()).data(), content.data(), content.size());
    filled_ = into + content.size();
    if (filled_ == kBlockBytes)
        open_ = {};
}

void FileContent::write_whole(std::uint64_t block, std::span<const std::byte> content) {
    while (!content.empty()) {
        const BlockRun run = take(block, content.size() / kBlockBytes);
        workspace_.gathered.append(run.start, content.first(run.count * kBlockBytes));
        content = content.subspan(run.count * kBlockBytes);
        block += run.count;
    }
}

void FileContent::write(std::uint64_t offset, std::span<const std::byte> content) {
    if (offset < end_ || content.size() > kMaxBytes || offset > kMaxBytes - content.size())
        throw Error(Errc::invalid_argument,
                    fmt::format("writing {} bytes at {} of inode {}: {} are written and {} is the "
                                "largest file",
                                content.size(),
                                offset,
                                number_.value(),
                                end_,
                                kMaxBytes));
    end_ = content.empty() ? end_ : offset + content.size();
    while (!content.empty()) {
        const std::uint64_t block = offset / kBlockBytes;
        const std::size_t into = offset % kBlockBytes;
        if (!open_.empty() && block != open_block_)
            finish_block();
        std::size_t part = std::min(content.size(), kBlockBytes - into);
        if (into == 0 && part == kBlockBytes) {
            part = content.size() / kBlockBytes * kBlockBytes;
            write_whole(block, content.first(part));
        } else {
            write_part(offset, content.first(part));
        }
        offset += part;
        content = content.subspan(part);
    }
}

void FileContent::close(std::uint64_t size) {
    if (size < end_ || size > kMaxBytes)
        throw Error(Errc::invalid_argument,
                    fmt::format("closing inode {} with {} bytes: {} are written and {} is the "
                                "largest file",
                                number_.value(),
                                size,
                                end_,
                                kMaxBytes));
    finish_block();
    set_file_extents(workspace_, number_, extents_, size);
}

} // namespace thinsnap::ext4::tree
