#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <thinsnap/error.hpp>
#include <thinsnap/thin_pool.hpp>

#include "base/mutex.hpp"

namespace thinsnap::test {

/// A pool that has ids and nothing else, and does as it is told: refuses, dies, does a part.
/// Threads: all calls from any thread.
class FakePool final : public ThinPool {
public:
    PoolStatus status() override;
    [[nodiscard]] std::uint64_t chunk_size() const override { return 64U << 10U; }
    void
    apply(std::span<const PoolOperation> operations, TransactionId from, TransactionId to) override;
    std::unique_ptr<BlockDevice> open_device(DeviceId id, const OpenDevice& how) override;
    std::unique_ptr<ReadView> read_view() override;
    void grow_data(std::uint64_t) override {}
    void grow_metadata(std::uint64_t) override {}
    void commit() override;

    /// Called at the beginning of apply() and commit(), with a word for which.
    void on_call(std::function<void(const std::string&)> hook);
    /// The next apply() throws that and does nothing.
    void refuse(Errc kind);
    /// The next apply() does everything and throws nevertheless.
    void lose_answer();
    /// The next apply() fails, and nobody knows what it did: the pool is read-only from then on.
    /// \param done  whether it did it
    void fail(bool done);
    /// A device that is open: deleting it is refused.
    void use(DeviceId id);
    void release(DeviceId id);
    void set_mode(PoolMode mode);
    void set_uuid(std::string uuid);

    // What a crash may leave, and what others did.
    void add_device(DeviceId id);
    void remove_device(DeviceId id);
    void set_transaction(std::uint64_t id);

    [[nodiscard]] std::set<DeviceId> devices() const;
    [[nodiscard]] std::uint64_t transaction() const;
    /// The batches that moved the transaction id, oldest first.
    [[nodiscard]] std::vector<std::vector<PoolOperation>> batches() const;

private:
    enum class Next { normal, refuse, lose_answer, fail_undone, fail_done };
    void require(std::span<const PoolOperation> operations, TransactionId from) TS_REQUIRES(mutex_);

    mutable Mutex mutex_;
    std::function<void(const std::string&)> hook_ TS_GUARDED_BY(mutex_);
    std::set<DeviceId> devices_ TS_GUARDED_BY(mutex_);
    std::set<DeviceId> in_use_ TS_GUARDED_BY(mutex_);
    TransactionId transaction_ TS_GUARDED_BY(mutex_);
    std::vector<std::vector<PoolOperation>> batches_ TS_GUARDED_BY(mutex_);
    Next next_ TS_GUARDED_BY(mutex_) = Next::normal;
    Errc refusal_ TS_GUARDED_BY(mutex_) = Errc::no_space;
    PoolMode mode_ TS_GUARDED_BY(mutex_) = PoolMode::write;
    std::string uuid_ TS_GUARDED_BY(mutex_);
};

} // namespace thinsnap::test
