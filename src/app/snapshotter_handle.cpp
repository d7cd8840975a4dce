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
    explicit Parts(PoolHandle& pool)
        : journal(journal::open_journal_directory(pool.paths().directory.string()))
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

    std::unique_ptr<journal::JournalDirectory> journal;
    std::unique_ptr<snapshotter::Store> store;
    snapshotter::Context context;
};

SnapshotterHandle::SnapshotterHandle(PoolHandle& pool)
    : parts_(std::make_unique<Parts>(pool)) {}

SnapshotterHandle::~SnapshotterHandle() = default;

snapshotter::Context& SnapshotterHandle::context() {
    return parts_->context;
}

journal::State read_pool_state(PoolHandle& pool) {
    const auto directory = journal::open_journal_directory(pool.paths().directory.string());
    return snapshotter::read_state(pool.pool(), *directory);
}

journal::State read_journal_state(const fs::path& directory) {
    const PoolPaths paths = find_pool(directory);
    const auto journal = journal::open_journal_directory(paths.directory.string());
    auto contents = journal::read_journal(*journal);
    return contents ? std::move(contents->state) : journal::State();
}

fs::path temporary_directory() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe) nobody sets the environment
    const char* temporary = std::getenv("TMPDIR");
    return temporary != nullptr && *temporary != '\0' ? temporary : "/var/tmp";
}

} // namespace thinsnap::app
