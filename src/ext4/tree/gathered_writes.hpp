#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "base/aligned_buffer.hpp"
#include "ext4/tree/disk.hpp"

namespace thinsnap::ext4::tree {

/// Blocks with content on their way to the device: neighbours are gathered in page-aligned memory
/// and written in one call of up to `kMaxBytes`. Content is copied once.
class GatheredWrites {
public:
    static constexpr std::size_t kMaxBytes = std::size_t{4} << 20U;
    /// Writes whole blocks; the memory is page-aligned.
    using Write = std::function<void(FsBlock start, std::span<const std::byte>)>;

    explicit GatheredWrites(Write write)
        : write_(std::move(write))
        , buffer_(kMaxBytes) {}

    /// Memory for the content of block `where`, not initialised; to be filled before the next call.
    [[nodiscard]] std::span<std::byte> next_block(FsBlock where);
    /// Content of blocks `start` and on. \param content  a multiple of 4 KiB
    void append(FsBlock start, std::span<const std::byte> content);
    /// The blocks were freed and may come back as something else: what is gathered of them is
    /// written now, so that it cannot overwrite that.
    void settle(BlockRun freed);
    /// Writes what is gathered.
    void flush();

private:
    [[nodiscard]] std::span<std::byte> make_room(FsBlock where);

    Write write_;
    AlignedBuffer buffer_;
    FsBlock start_;
    std::size_t filled_ = 0;
};

} // namespace thinsnap::ext4::tree
