// What libext2fs calls: a channel is one DeviceIo, and no exception gets into its C code.

#include <memory>
#include <utility>

#include <ext2fs/ext2fs.h>

#include <thinsnap/error.hpp>

#include "ext4/device_io.hpp"

namespace thinsnap::ext4 {

namespace {

DeviceIo*& device_being_opened() {
    // libext2fs' open() takes a name and nothing else.
    // NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
    thread_local DeviceIo* io = nullptr;
    return io;
}

DeviceIo& device_of(io_channel channel) {
    return *static_cast<DeviceIo*>(channel->private_data);
}

/// Runs `action`; what it throws is kept for require_ok() and becomes `failure`.
template <class Action>
errcode_t guard(DeviceIo& io, errcode_t failure, const Action& action) noexcept {
    try {
        action();
        return 0;
    } catch (...) {
        io.remember_failure();
        return failure;
    }
}

/// libext2fs counts in blocks of the size that it has set, or in bytes as a negative number.
std::size_t length_of(io_channel channel, int count) {
    return count < 0
               ? static_cast<std::size_t>(-static_cast<long>(count))
               : static_cast<std::size_t>(count) * static_cast<std::size_t>(channel->block_size);
}

std::uint64_t offset_of(io_channel channel, std::uint64_t block) {
    return block * static_cast<std::uint64_t>(channel->block_size);
}

errcode_t open_channel(const char*, int, io_channel* result) noexcept {
    DeviceIo* const io = device_being_opened();
    if (io == nullptr)
        return EXT2_ET_BAD_DEVICE_NAME;
    io_channel channel = nullptr;
    const errcode_t error =
        ext2fs_get_memzero(sizeof(struct_io_channel), static_cast<void*>(&channel));
    if (error != 0)
        return error;
    channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    channel->manager = DeviceIo::manager();
    channel->block_size = 1024;
    channel->refcount = 1;
    channel->private_data = io;
    *result = channel;
    return 0;
}

errcode_t close_channel(io_channel channel) noexcept {
    if (--channel->refcount > 0)
        return 0;
    return ext2fs_free_mem(static_cast<void*>(&channel));
}

errcode_t set_block_size(io_channel channel, int size) noexcept {
    channel->block_size = size;
    return 0;
}

errcode_t
read_blocks(io_channel channel, unsigned long long block, int count, void* data) noexcept {
    DeviceIo& io = device_of(channel);
    return guard(io, EXT2_ET_SHORT_READ, [&] {
        io.read_bytes(offset_of(channel, block),
                      {static_cast<std::byte*>(data), length_of(channel, count)});
    });
}

errcode_t
write_blocks(io_channel channel, unsigned long long block, int count, const void* data) noexcept {
    DeviceIo& io = device_of(channel);
    return guard(io, EXT2_ET_SHORT_WRITE, [&] {
        io.write_bytes(offset_of(channel, block),
                       {static_cast<const std::byte*>(data), length_of(channel, count)});
    });
}

errcode_t read_blocks_32(io_channel channel, unsigned long block, int count, void* data) noexcept {
    return read_blocks(channel, block, count, data);
}

errcode_t
write_blocks_32(io_channel channel, unsigned long block, int count, const void* data) noexcept {
    return write_blocks(channel, block, count, data);
}

errcode_t flush_channel(io_channel) noexcept {
    return 0; // FileSystem::flush() says when
}

struct_io_manager make_manager() {
    struct_io_manager manager{};
    manager.magic = EXT2_ET_MAGIC_IO_MANAGER;
    manager.name = "thinsnap block device";
    manager.open = open_channel;
    manager.close = close_channel;
    manager.set_blksize = set_block_size;
    manager.read_blk = read_blocks_32;
    manager.write_blk = write_blocks_32;
    manager.flush = flush_channel;
    manager.read_blk64 = read_blocks;
    manager.write_blk64 = write_blocks;
    return manager;
}

} // namespace

struct_io_manager* DeviceIo::manager() {
    static struct_io_manager manager = make_manager();
    return &manager;
}

DeviceIo::Opening::Opening(DeviceIo& io)
    : before_(std::exchange(device_being_opened(), &io)) {}

DeviceIo::Opening::~Opening() {
    device_being_opened() = before_;
}

} // namespace thinsnap::ext4
