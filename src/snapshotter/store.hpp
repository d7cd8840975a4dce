#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include <thinsnap/thin_pool.hpp>
#include <thinsnap/types.hpp>

#include "base/mutex.hpp"
#include "journal/journal.hpp"
#include "journal/journal_directory.hpp"
#include "journal/records.hpp"
#include "journal/state.hpp"

namespace thinsnap::snapshotter {

class Gathering;

/// What one caller wants done, as a whole or not at all.
///
/// Each device that an operation makes has its LayerAdded or ContainerAdded among the records, each
/// that one deletes its LayerRemoved or ContainerRemoved. Deletes do not go together with anything
/// that makes a device. With no operations only names change; with no
/// records either nothing is written.
struct Proposal {
    std::vector<PoolOperation> operations{};
    std::vector<journal::Record> records{};
};

/// What a builder sees: everything that is there, with what others do in the same moment.
class Draft {
public:
    [[nodiscard]] virtual const journal::State& state() const = 0;
    /// A device id that nobody has; another with each call.
    /// \throws Error(no_space)  all 2^24 are taken
    [[nodiscard]] virtual DeviceId new_device() = 0;
    /// Whether the pool has the device now; what a record names it should have.
    [[nodiscard]] virtual bool pool_has(DeviceId device) const = 0;

    Draft() = default;
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;

protected:
    ~Draft() = default;
};

/// Checks the caller's wish against the draft and says what is to be done; throws to refuse, which
/// concerns this caller only. It is called with locks held, in any thread that commits, maybe more
/// than once (the last call counts): it only computes, and leaves its results behind for its
/// caller.
using Builder = std::function<Proposal(Draft& draft)>;

struct StoreOptions {
    journal::JournalOptions journal{};
    /// A pool that holds no device gets a journal if it has none.
    bool create = true;
};

/// What had to be done when a store was opened.
struct Recovery {
    enum class Outcome {
        clean,
        redone,  ///< the journal's last transaction was done now
        aborted, ///< it could not be done any more, and never was
    };
    Outcome outcome = Outcome::clean;
    std::uint64_t torn_bytes = 0;       ///< cut from the journal's end
    std::vector<DeviceId> unfinished{}; ///< were being made when their maker went away; deleted
    std::vector<DeviceId> kept{};       ///< condemned, but in use: deleted later
};

/// The journal and the pool as one thing: names, layers and containers that are there exactly if
/// their thin devices are.
///
/// A commit, in this order: everything that can refuse is checked; the journal gets a frame of
/// transaction T+1, durable; the pool does its operations and moves from T to T+1, durable; readers
/// see it; the caller is answered. Callers that come together share one frame and one pool commit.
/// A crash in between is recovered when the store is opened: see open_store().
///
/// While a store is open, nobody else changes the pool's devices or its transaction id.
/// Lock order: the commit, the state; the pool's own locks come after both. No I/O is done while
/// the state is locked.
/// Threads: all calls from any thread. A builder or read() function must not call the store.
class Store {
public:
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;
    ~Store() = default; ///< nothing durable happens here

    /// Durable when it returns. A layer that a LayerCommitted names has its data and mappings made
    /// durable before.
    /// \throws whatever the builder throws, or State::apply() for its records; nothing has changed
    /// \throws Error(invalid_argument)  the proposal breaks a rule of Proposal, or names an id
    /// twice
    ///                 (except as the origin of later snapshots)
    /// \throws Error(already_exists, not_found, busy, no_space, read_only)  see ThinPool::apply();
    ///                 nothing has changed
    /// \throws Error(read_only)  an earlier failure left an unknown outcome behind
    /// \throws Error, SystemError  with 'outcome unknown' in the text: the store takes no more, and
    ///                 its next opening finds out
    void commit(const Builder& builder);

    /// Calls `question(const journal::State&)` and gives its result. It sees what is committed.
    template <class Question>
    auto read(Question&& question) const {
        const SharedLock lock(state_mutex_);
        return question(static_cast<const journal::State&>(state_));
    }

    /// Records that these are to be deleted: they have lost their names. Deactivate, then sweep().
    /// \throws Error(precondition)  a layer with children; Error(not_found)
    void condemn(std::span<const DeviceId> devices);

    /// Deletes every condemned device, in transactions of their own.
    /// \return those that the pool would not delete because they are in use
    [[nodiscard]] std::vector<DeviceId> sweep();

    [[nodiscard]] const Recovery& recovery() const noexcept { return recovery_; }
    [[nodiscard]] TransactionId transaction() const TS_EXCLUDES(commit_mutex_);
    /// Why it takes no more commits; empty: it does.
    [[nodiscard]] std::string failure() const TS_EXCLUDES(commit_mutex_);
    /// Why the last attempt of a checkpoint failed; empty: it did not. The journal goes on without.
    [[nodiscard]] std::string checkpoint_failure() const TS_EXCLUDES(commit_mutex_);
    [[nodiscard]] ThinPool& pool() noexcept { return pool_; }

private:
    friend std::unique_ptr<Store>
    open_store(ThinPool& pool, journal::JournalDirectory& directory, const StoreOptions& options);

    struct Member {
        const Builder* builder = nullptr;
        bool alone = false; ///< its group was refused: it is tried without the others
        bool done = false;
        std::exception_ptr error{};
    };
    struct Group;

    Store(ThinPool& pool,
          std::unique_ptr<journal::Journal> journal,
          journal::State state,
          TransactionId transaction,
          std::unordered_set<DeviceId> devices);

    void run_group() TS_REQUIRES(commit_mutex_);
    void gather(Group& group) TS_REQUIRES(commit_mutex_);
    /// \return false: it has to wait for the next group
    [[nodiscard]] bool join(Member& member, Gathering& gathering, Group& group)
        TS_REQUIRES(commit_mutex_);
    void carry_out(Group& group) TS_REQUIRES(commit_mutex_);
    void apply_to_pool(Group& group) TS_REQUIRES(commit_mutex_);
    void append_abort() TS_REQUIRES(commit_mutex_);
    void answer_refused(Group& group) TS_REQUIRES(commit_mutex_);
    void publish(Group& group) TS_REQUIRES(commit_mutex_);
    void checkpoint_if_due() TS_REQUIRES(commit_mutex_);
    void require_working() const TS_REQUIRES(commit_mutex_);
    void remove(std::span<const DeviceId> devices);

    ThinPool& pool_;
    Recovery recovery_;

    mutable Mutex queue_mutex_;
    std::deque<Member*> queue_ TS_GUARDED_BY(queue_mutex_);

    mutable Mutex commit_mutex_; ///< held by the caller who commits, for all who wait
    std::unique_ptr<journal::Journal> journal_ TS_GUARDED_BY(commit_mutex_);
    TransactionId transaction_ TS_GUARDED_BY(commit_mutex_);
    /// The devices that the pool has: a freed id leaves it when the delete is confirmed.
    std::unordered_set<DeviceId> devices_ TS_GUARDED_BY(commit_mutex_);
    DeviceId last_given_ TS_GUARDED_BY(commit_mutex_);
    bool space_was_short_ TS_GUARDED_BY(commit_mutex_) = false;
    std::string failure_ TS_GUARDED_BY(commit_mutex_);
    std::string checkpoint_failure_ TS_GUARDED_BY(commit_mutex_);

    mutable SharedMutex state_mutex_;
    journal::State state_ TS_GUARDED_BY(state_mutex_); ///< changed under commit_mutex_ only
};

/// Opens the journal of a pool and brings the two together.
///
/// Equal transaction ids: nothing to do. The journal one ahead: its last transaction is done now;
/// what of it is there already is ours, for it was absent when it was recorded. A snapshot of an
/// origin that could be written and that is not there is not made any more: an abort is recorded.
/// What was being made, and what was condemned, is deleted.
/// \param pool       opened for writing; must outlive the store
/// \param directory  must outlive the store
/// \throws Error(precondition)  another difference: which is ahead, and by how much; or the journal
///                              is of another pool. Nothing has changed.
/// \throws Error(not_found)     no journal, and the pool has devices (or `create` is not set)
/// \throws see journal::read_journal(), ThinPool::apply()
[[nodiscard]] std::unique_ptr<Store>
open_store(ThinPool& pool, journal::JournalDirectory& directory, const StoreOptions& options = {});

/// What is committed, for who only reads the pool (under a shared lock): nothing is written. A last
/// transaction that the pool has not done is left out.
/// \throws as open_store()
[[nodiscard]] journal::State read_state(ThinPool& pool, journal::JournalDirectory& directory);

} // namespace thinsnap::snapshotter
