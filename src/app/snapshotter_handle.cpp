#include "app/snapshotter_handle.hpp"

#include <cstdlib>
#include <utility>

#include "app/interrupt.hpp"
#include "journal/journal_directory.hpp"
#include "journal/reader.hpp"
#include "snapshotter/store.hpp"

namespace thinsnap::app {

namespace fs = std::filesystem;

struct SnapshotterHandle::Parts {
    Parts(const fs::path& directory, std::chrono::milliseconds lock_timeout)
        : pool(directory, {.lock_timeout = lock_timeout})
        , journal(journal::open_journal_directory(pool.paths().directory.string()))
        , store(snapshotter::open_store(pool.pool(), *journal))
        , context{.store = *store,
                  .pool = pool.pool(),
                  .work_directory = pool.paths().directory,
                  .now =
                      [] {
                          return std::chrono::time_point_cast<std::chrono::nanoseconds>(
                              std::chrono::system_clock::now());
                      },
                  .check_interrupt = check_interrupt} {}

    PoolHandle pool;
    std::unique_ptr<journal::JournalDirectory> journal;
    std::unique_ptr<snapshotter::Store> store;
    snapshotter::Context context;
};

SnapshotterHandle::SnapshotterHandle(const fs::path& directory,
                                     std::chrono::milliseconds lock_timeout)
    : parts_(std::make_unique<Parts>(directory, lock_timeout)) {}

SnapshotterHandle::~SnapshotterHandle() = default;

snapshotter::Context& SnapshotterHandle::context() {
    return parts_->context;
}

PoolHandle& SnapshotterHandle::pool() {
    return parts_->pool;
}

namespace {

journal::State read_state(PoolHandle& pool) {
    const auto directory = journal::open_journal_directory(pool.paths().directory.string());
    return snapshotter::read_state(pool.pool(), *directory);
}

} // namespace

SnapshotterView::SnapshotterView(const fs::path& directory, std::chrono::milliseconds lock_timeout)
    : pool_(directory, {.access = Access::shared, .lock_timeout = lock_timeout})
    , state_(read_state(pool_)) {}

snapshotter::ReadContext SnapshotterView::context() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe) nobody sets the environment
    const char* temporary = std::getenv("TMPDIR");
    return {.pool = pool_.pool(),
            .state = state_,
            .work_directory = temporary != nullptr && *temporary != '\0' ? temporary : "/var/tmp",
            .check_interrupt = check_interrupt};
}

journal::State read_journal_state(const fs::path& directory) {
    const PoolPaths paths = find_pool(directory);
    const auto journal = journal::open_journal_directory(paths.directory.string());
    auto contents = journal::read_journal(*journal);
    return contents ? std::move(contents->state) : journal::State();
}

} // namespace thinsnap::app
