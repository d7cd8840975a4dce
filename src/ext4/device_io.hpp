#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <list>
#include <map>
#include <span>
#include <unordered_map>
#include <vector>

#include <thinsnap/block_device.hpp>

#include "base/aligned_buffer.hpp"
#include "ext4/types.hpp"

struct struct_io_manager;

namespace thinsnap::ext4 {

struct DeviceIoOptions {
    bool read_only = false;          ///< what is written stays in memory for good
    std::size_t clean_blocks = 4096; ///< kept in memory at most
    std::size_t dirty_blocks = 8192; ///< kept in memory at most, unless read_only
};

/// The blocks of a file system: a write-back cache over its device, and what libext2fs reads and
/// writes through. Block numbers are those of the file system: unit 4 KiB, from byte 0.
///
/// Metadata goes through read(), view(), edit() and write(), content through read_content() and
/// write_content(). All see each other's writes.
///
/// \throws Error(corrupt)  everywhere: a block behind the device's end
/// Threads: one at a time.
class DeviceIo {
public:
    /// The device must outlive this.
    explicit DeviceIo(BlockDevice& device, const DeviceIoOptions& options = {});

    /// Whole blocks from `block` on, kept in the cache; one read of the device for each run of
    /// blocks that it does not have.
    void read(std::uint64_t block, std::span<std::byte> into);
    /// Likewise, not kept.
    void read_content(std::uint64_t block, std::span<std::byte> into);
    /// One block, until the next call.
    [[nodiscard]] std::span<const std::byte> view(std::uint64_t block);

    /// Whole blocks, written by write_back(). What equals the cache's content is not written.
    void write(std::uint64_t block, std::span<const std::byte> from);
    /// One block to be changed, until the next call.
    [[nodiscard]] std::span<std::byte> edit(std::uint64_t block);
    /// Whole blocks, written to the device at once, in one call. Best in multiples of a chunk.
    /// \throws Error(precondition)  read_only
    void write_content(std::uint64_t block, std::span<const std::byte> from);

    /// The blocks were freed: what of them is dirty need not be written.
    void forget(std::uint64_t block, std::uint64_t count);

    /// Writes what is dirty, ascending, neighbours in one call. Does not flush the device.
    /// \throws Error(precondition)  read_only
    void write_back();

    [[nodiscard]] BlockDevice& device() noexcept { return device_; }
    /// Whole blocks on the device.
    [[nodiscard]] std::uint64_t nr_blocks() const { return device_.size() / kBlockSize; }
    [[nodiscard]] bool read_only() const noexcept { return options_.read_only; }

    /// Any bytes through the cache, as libext2fs asks for them.
    void read_bytes(std::uint64_t offset, std::span<std::byte> into);
    void write_bytes(std::uint64_t offset, std::span<const std::byte> from);

    /// The io_manager whose channels lead here, when opened while an Opening of this lives.
    [[nodiscard]] static struct_io_manager* manager();
    class Opening;

    /// Keeps what was thrown below a callback of libext2fs, which only passes a number on.
    void remember_failure() noexcept { failure_ = std::current_exception(); }
    /// Throws what was kept, if anything was.
    void rethrow_failure();

private:
    struct Clean {
        std::uint64_t block = 0;
        AlignedBuffer memory;
    };
    using CleanBlocks = std::list<Clean>; ///< most recently used first

    enum class Keep { no, yes };
    void read_blocks(std::uint64_t block, std::span<std::byte> into, Keep keep);
    /// What the cache has of a block; empty when it has nothing.
    [[nodiscard]] std::span<std::byte> find(std::uint64_t block);
    void insert_clean(std::uint64_t block, AlignedBuffer memory);
    /// Takes the block out of the clean ones; an empty buffer when it is not there.
    [[nodiscard]] AlignedBuffer take_clean(std::uint64_t block);
    [[nodiscard]] AlignedBuffer make_buffer(std::span<const std::byte> content);
    void put(std::uint64_t block, std::span<const std::byte> content);
    void check_range(std::uint64_t block, std::size_t bytes) const;
    void limit_dirty();

    BlockDevice& device_;
    const DeviceIoOptions options_;
    CleanBlocks clean_;
    std::unordered_map<std::uint64_t, CleanBlocks::iterator> index_; ///< of clean_
    std::map<std::uint64_t, AlignedBuffer> dirty_;
    std::vector<AlignedBuffer> spare_;
    std::exception_ptr failure_;
};

/// While it lives, channels that this thread opens with DeviceIo::manager() lead to `io`.
class DeviceIo::Opening {
public:
    explicit Opening(DeviceIo& io);
    Opening(const Opening&) = delete;
    Opening& operator=(const Opening&) = delete;
    ~Opening();

private:
    DeviceIo* before_;
};

} // namespace thinsnap::ext4
