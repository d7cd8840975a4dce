#pragma once

#include <exception>
#include <functional>
#include <memory>

#include "base/mutex.hpp"

namespace thinsnap::engine {

/// Lets flushes that arrive together share one: while one runs, callers gather for the next, which
/// one of them performs for all. A caller's flush always starts after its call, so it covers
/// everything that the caller completed before.
class FlushGroup {
public:
    /// \param work  performs a flush; `commit` says whether anybody in the group needs the metadata
    ///              committed, not only the data flushed. Never runs twice at the same time.
    explicit FlushGroup(std::function<void(bool commit)> work);

    /// Returns when a flush that began after the call is done; throws what it threw.
    void run(bool commit);

private:
    struct Batch {
        bool commit = false;
        bool done = false;
        std::exception_ptr error;
    };

    void lead(Batch& batch);

    std::function<void(bool)> work_;
    Mutex mutex_;
    Condition changed_;
    std::shared_ptr<Batch> gathering_ TS_GUARDED_BY(mutex_); ///< shared by its callers
    bool working_ TS_GUARDED_BY(mutex_) = false;
};

} // namespace thinsnap::engine
