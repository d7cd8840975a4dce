#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include <thinsnap/block_device.hpp>

#include "base/aligned_buffer.hpp"
#include "base/mutex.hpp"
#include "pdata/block.hpp"

namespace thinsnap::pdata {

/// A fixed number of metadata blocks in memory, over the metadata device.
///
/// A block is validated once, when it is read. Dirty blocks are sealed when they are written: by
/// write_back(), or earlier when the cache needs their place, which is safe because a transaction
/// only ever dirties blocks that no committed block points to. The superblock never passes here.
///
/// Threads: all calls from any thread. The content of one block is the callers' business: nobody
/// reads a block while somebody writes it (committed blocks are never written).
class BlockCache {
    struct Frame;

public:
    /// Keeps a block in memory and readable for as long as it lives.
    class ReadRef {
    public:
        ReadRef() = default;
        ReadRef(ReadRef&& other) noexcept;
        ReadRef& operator=(ReadRef&& other) noexcept;
        ReadRef(const ReadRef&) = delete;
        ReadRef& operator=(const ReadRef&) = delete;
        ~ReadRef();

        [[nodiscard]] ConstBlockBytes bytes() const;
        [[nodiscard]] MetaBlock where() const;

    protected:
        friend class BlockCache;
        explicit ReadRef(Frame* frame)
            : frame_(frame) {}
        Frame* frame_ = nullptr;
    };

    /// The same, writable; the block is dirty from the moment it is handed out.
    class WriteRef : public ReadRef {
    public:
        WriteRef() = default;
        [[nodiscard]] BlockBytes bytes() const;

    private:
        friend class BlockCache;
        using ReadRef::ReadRef;
    };

    struct Stats {
        std::uint64_t hits = 0;
        std::uint64_t misses = 0;
        std::uint64_t early_writes = 0; ///< dirty blocks written to make room
    };

    /// \param device    the metadata device; must outlive the cache
    /// \param capacity  blocks of 4 KiB, raised to 256 if less; memory is taken as it is used. More
    ///                  is taken for a moment if all are in use at once.
    BlockCache(BlockDevice& device, std::size_t capacity);
    BlockCache(const BlockCache&) = delete;
    BlockCache& operator=(const BlockCache&) = delete;
    ~BlockCache();

    /// \throws CorruptionError  the block is not a valid block of that kind
    /// \throws SystemError      it cannot be read
    [[nodiscard]] ReadRef read(MetaBlock where, BlockKind kind);

    /// Reads blocks that are about to be asked for, near ones in one call, unless they are here.
    /// Only a hint: what cannot be read, or is not a valid block of that kind, is left to read().
    /// Nobody creates or changes one of them meanwhile.
    void read_ahead(std::span<const MetaBlock> blocks, BlockKind kind);

    /// As read(), to be changed: the block was allocated in the running transaction.
    [[nodiscard]] WriteRef write(MetaBlock where, BlockKind kind);

    /// A block that is to be filled anew; all zeros. What was at that place is not read.
    [[nodiscard]] WriteRef create(MetaBlock where, BlockKind kind);

    /// Drops a block that was freed, dirty or not; nobody may hold a reference to it.
    void forget(MetaBlock where);

    /// Writes all dirty blocks, in ascending order, neighbours in one call. Does not flush the
    /// device. \throws SystemError  some blocks are still dirty
    void write_back();

    /// Drops everything that is not in use; afterwards nothing is dirty.
    void drop_all();

    [[nodiscard]] Stats stats() const;
    [[nodiscard]] BlockDevice& device() noexcept { return device_; }
    /// Number of whole blocks on the device.
    [[nodiscard]] std::uint64_t nr_blocks() const { return device_.size() / kBlockSize; }

private:
    enum class State : std::uint8_t { loading, ready, broken };

    struct Frame {
        AlignedBuffer memory;
        MetaBlock where;
        BlockKind kind = BlockKind::node;
        State state = State::loading;
        bool dirty = false;
        bool recent = false; ///< second chance of the clock
        std::atomic<int> pins = 0;
    };

    [[nodiscard]] Frame& pin(MetaBlock where, BlockKind kind);
    [[nodiscard]] Frame& place_for(MetaBlock where, BlockKind kind) TS_REQUIRES(mutex_);
    [[nodiscard]] Frame* find_victim() TS_REQUIRES(mutex_);
    void load(Frame& frame);
    [[nodiscard]] std::vector<MetaBlock> absent_of(std::span<const MetaBlock> blocks) const;
    void load_run(std::span<const MetaBlock> run, BlockKind kind);
    void keep(MetaBlock where, BlockKind kind, std::span<const std::byte> content);
    [[nodiscard]] std::vector<Frame*> pin_dirty();
    void write_sorted(std::span<Frame*> frames);
    void write_run(std::span<Frame* const> run);

    BlockDevice& device_;
    const std::size_t capacity_;
    mutable Mutex mutex_;
    Condition loaded_;
    std::unordered_map<MetaBlock, Frame*> index_ TS_GUARDED_BY(mutex_);
    std::vector<std::unique_ptr<Frame>> frames_ TS_GUARDED_BY(mutex_);
    std::vector<Frame*> spare_ TS_GUARDED_BY(mutex_);
    std::size_t hand_ TS_GUARDED_BY(mutex_) = 0;
    Stats stats_ TS_GUARDED_BY(mutex_);
};

using ReadRef = BlockCache::ReadRef;
using WriteRef = BlockCache::WriteRef;

} // namespace thinsnap::pdata
