#pragma once

#include <cstddef>
#include <deque>
#include <exception>
#include <optional>
#include <span>

#include "base/aligned_buffer.hpp"
#include "base/byte_source.hpp"
#include "base/mutex.hpp"

namespace thinsnap::oci {

/// A buffer that goes from stage to stage; only who holds it looks at it.
struct Block {
    AlignedBuffer memory;
    std::size_t size = 0; ///< bytes in use, at the front

    [[nodiscard]] std::span<const std::byte> content() const { return memory.bytes().first(size); }
};

/// Thrown by queues that were cancelled: not an Error, nobody is to see it outside the stages.
struct StreamCancelled {};

/// Blocks on their way from one thread to another. There are as many blocks as the pool was made
/// with, so a queue needs no limit of its own. A pool of empty blocks is a queue, too.
class BlockQueue {
public:
    void push(Block block);

    /// Waits for the next block. \return none at the end
    /// \throws what the queue was closed with, after the blocks before it; StreamCancelled
    [[nodiscard]] std::optional<Block> pop();

    /// No block comes after this. \param error  why; none: all went well
    void close(std::exception_ptr error = nullptr);

    /// Whoever waits, or comes to wait, gets StreamCancelled.
    void cancel();

private:
    Mutex mutex_;
    Condition changed_;
    std::deque<Block> blocks_ TS_GUARDED_BY(mutex_);
    std::exception_ptr error_ TS_GUARDED_BY(mutex_);
    bool closed_ TS_GUARDED_BY(mutex_) = false;
    bool cancelled_ TS_GUARDED_BY(mutex_) = false;
};

/// The bytes of a queue's blocks; emptied blocks go back to their pool.
class QueueSource final : public ByteSource {
public:
    /// Both must outlive it.
    QueueSource(BlockQueue& queue, BlockQueue& pool)
        : queue_(queue)
        , pool_(pool) {}

    [[nodiscard]] std::size_t read(std::span<std::byte> into) override;
    /// The rest of the current block, or the next.
    [[nodiscard]] std::span<const std::byte> next(std::span<std::byte> scratch) override;

private:
    BlockQueue& queue_;
    BlockQueue& pool_;
    std::optional<Block> block_;
    std::size_t taken_ = 0; ///< bytes of block_
};

} // namespace thinsnap::oci
