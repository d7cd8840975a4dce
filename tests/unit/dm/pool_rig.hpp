#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/uuid.hpp"
#include "dm/kernel_pool.hpp"
#include "thin/format_pool.hpp"

#include "unit/dm/fake_kernel.hpp"

namespace thinsnap::test {

/// A pool of 100 chunks in a kernel that is none.
class KernelPoolRig {
public:
    explicit KernelPoolRig(const dm::KernelPoolOptions& options = {})
        : metadata_(4U << 20U, 1)
        , data_(100 * kChunkSize, 2)
        , options_(options) {
        thin::format_pool(metadata_.reader(),
                          {.chunk_size = kChunkSize,
                           .nr_data_chunks = 100,
                           .uuid = *parse_uuid("01234567-89ab-4def-8123-456789abcdef")});
        kernel_ = std::make_unique<FakeKernel>(metadata_);
    }

    static constexpr std::uint64_t kChunkSize = 64U << 10U;
    inline static const std::string kName = "thinsnap-01234567-89ab-4def-8123-456789abcdef";

    [[nodiscard]] FakeKernel& kernel() { return *kernel_; }
    [[nodiscard]] FakePoolDevice& data() { return data_; }

    /// The pool, opened by the first call.
    [[nodiscard]] dm::KernelPool& pool() {
        if (!pool_)
            pool_ = dm::open_kernel_pool(*kernel_, metadata_, data_, options_);
        return *pool_;
    }
    void close() { pool_.reset(); }

    /// Moves the transaction id on by one, and gives back what the kernel was asked to do for it,
    /// without looks at the status.
    std::vector<std::string> apply(const std::vector<PoolOperation>& operations) {
        const TransactionId now = pool().status().transaction_id;
        kernel_->calls.clear();
        pool().apply(operations, now, now + 1);
        auto calls = kernel_->calls;
        std::erase(calls, "status");
        return calls;
    }

private:
    FakePoolDevice metadata_;
    FakePoolDevice data_;
    const dm::KernelPoolOptions options_;
    std::unique_ptr<FakeKernel> kernel_;
    std::unique_ptr<dm::KernelPool> pool_;
};

} // namespace thinsnap::test
