#include "oci/block_queue.hpp"

#include <algorithm>
#include <utility>

namespace thinsnap::oci {

void BlockQueue::push(Block block) {
    const MutexLock lock(mutex_);
    blocks_.push_back(std::move(block));
    changed_.notify_one();
}

std::optional<Block> BlockQueue::pop() {
    const MutexLock lock(mutex_);
    while (blocks_.empty() && !closed_ && !cancelled_)
        changed_.wait(mutex_);
    if (cancelled_)
        throw StreamCancelled();
    if (!blocks_.empty()) {
        Block block = std::move(blocks_.front());
        blocks_.pop_front();
        return block;
    }
    if (error_)
        std::rethrow_exception(error_);
    return std::nullopt;
}

void BlockQueue::close(std::exception_ptr error) {
    const MutexLock lock(mutex_);
    closed_ = true;
    error_ = std::move(error);
    changed_.notify_all();
}

void BlockQueue::cancel() {
    const MutexLock lock(mutex_);
    cancelled_ = true;
    changed_.notify_all();
}

std::size_t QueueSource::read(std::span<std::byte> into) {
    const auto piece = next({});
    const std::size_t n = std::min(piece.size(), into.size());
    std::ranges::copy(piece.first(n), into.begin());
    taken_ -= piece.size() - n;
    return n;
}

std::span<const std::byte> QueueSource::next(std::span<std::byte> /*scratch*/) {
    while (!block_ || taken_ == block_->size) {
        if (block_)
            pool_.push(std::move(*block_));
        block_.reset();
        taken_ = 0;
        block_ = queue_.pop();
        if (!block_)
            return {};
    }
    return block_->content().subspan(std::exchange(taken_, block_->size));
}

} // namespace thinsnap::oci
