#include "engine/flush_group.hpp"

#include <utility>

#include <thinsnap/error.hpp>

namespace thinsnap::engine {

namespace {

/// Callers add context to what they catch, so each gets an object of its own.
[[noreturn]] void rethrow_copy(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const CorruptionError& e) {
        throw CorruptionError(e);
    } catch (const SystemError& e) {
        throw SystemError(e);
    } catch (const Error& e) {
        throw Error(e);
    }
}

} // namespace

FlushGroup::FlushGroup(std::function<void(bool)> work)
    : work_(std::move(work))
    , gathering_(std::make_shared<Batch>()) {}

void FlushGroup::run(bool commit) {
    std::shared_ptr<Batch> batch;
    bool leader = false;
    {
        const MutexLock lock(mutex_);
        batch = gathering_;
        batch->commit = batch->commit || commit;
        while (!batch->done && working_)
            changed_.wait(mutex_);
        if (!batch->done) { // nobody works, so this batch is still the one that gathers
            working_ = true;
            leader = true;
            gathering_ = std::make_shared<Batch>();
        }
    }
    if (leader)
        lead(*batch);
    if (batch->error)
        rethrow_copy(batch->error);
}

void FlushGroup::lead(Batch& batch) {
    std::exception_ptr error;
    try {
        work_(batch.commit);
    } catch (...) { // handed to everybody who waits for this batch
        error = std::current_exception();
    }
    const MutexLock lock(mutex_);
    batch.error = error;
    batch.done = true;
    working_ = false;
    changed_.notify_all();
}

} // namespace thinsnap::engine
