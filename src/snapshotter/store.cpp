#include "snapshotter/store.hpp"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "journal/record_codec.hpp"
#include "snapshotter/gathering.hpp"
#include "snapshotter/pool_view.hpp"

namespace thinsnap::snapshotter {

namespace {

using journal::FrameKind;
using journal::Stage;

/// Callers add context to what they catch, so each gets an object of its own.
std::exception_ptr copy_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const CorruptionError& e) {
        return std::make_exception_ptr(CorruptionError(e));
    } catch (const SystemError& e) {
        return std::make_exception_ptr(SystemError(e));
    } catch (const Error& e) {
        return std::make_exception_ptr(Error(e));
    } catch (...) { // of the kind that nobody changes
        return error;
    }
}

std::string text_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) { // a power cut of a test
        return "it was interrupted";
    }
}

/// Null when there is room for a new device.
std::exception_ptr space_problem(ThinPool& pool) {
    const auto is_short = [](const SpaceUse& use) {
        return use.free() < use.reserve || use.free() == 0;
    };
    try {
        const PoolStatus status = pool.status();
        if (!is_short(status.data) && !is_short(status.metadata))
            return nullptr;
        throw Error(Errc::no_space,
                    fmt::format("no new device: {} of {} data chunks and {} of {} metadata blocks "
                                "are free, {} and {} are kept in reserve; use 'thinsnap pool "
                                "grow', or delete something",
                                status.data.free(),
                                status.data.total,
                                status.metadata.free(),
                                status.metadata.total,
                                status.data.reserve,
                                status.metadata.reserve));
    } catch (...) { // given to those who want space
        return std::current_exception();
    }
}

} // namespace

/// What is committed together.
struct Store::Group {
    std::vector<Member*> members;
    std::vector<Proposal> proposals; ///< of the members, in their order
    std::vector<PoolOperation> operations;
    std::vector<std::byte> payload;
    bool commits_layer = false;
    std::exception_ptr refused{}; ///< by the pool, which has done nothing
};

Store::Store(ThinPool& pool,
             std::unique_ptr<journal::Journal> journal,
             journal::State state,
             TransactionId transaction,
             std::unordered_set<DeviceId> devices)
    : pool_(pool)
    , journal_(std::move(journal))
    , transaction_(transaction)
    , devices_(std::move(devices))
    , last_given_(state.last_device())
    , state_(std::move(state)) {}

void Store::commit(const Builder& builder) {
    Member member{.builder = &builder};
    {
        const MutexLock lock(queue_mutex_);
        queue_.push_back(&member);
    }
    // Whoever gets the lock commits for all who have come by then; the others find it done.
    const MutexLock lock(commit_mutex_);
    while (!member.done)
        run_group();
    if (member.error)
        std::rethrow_exception(member.error);
}

void Store::run_group() {
    Group group;
    try {
        gather(group);
        if (group.members.empty())
            return;
        carry_out(group);
    } catch (...) { // handed to everybody whose commit it was
        for (Member* member : group.members) {
            member->error = copy_of(std::current_exception());
            member->done = true;
        }
        return;
    }
    if (group.refused) {
        answer_refused(group);
        return;
    }
    for (Member* member : group.members)
        member->done = true;
    checkpoint_if_due();
}

void Store::gather(Group& group) {
    std::deque<Member*> waiting;
    {
        const MutexLock lock(queue_mutex_);
        waiting.swap(queue_);
    }
    std::exception_ptr no_space;
    if (space_was_short_) { // else not asked: the pool counts its devices for an answer
        no_space = space_problem(pool_);
        space_was_short_ = no_space != nullptr;
    }
    std::vector<Member*> later;
    {
        const ExclusiveLock lock(state_mutex_);
        Gathering gathering(state_, devices_, last_given_);
        gathering.refuse_makes(no_space);
        for (Member* member : waiting)
            if (!join(*member, gathering, group))
                later.push_back(member);
        group.proposals = std::move(gathering.proposals());
        group.operations = std::move(gathering.operations());
        group.payload = std::move(gathering.payload());
        group.commits_layer = gathering.commits_layer();
    }
    const MutexLock lock(queue_mutex_);
    queue_.insert(queue_.begin(), later.begin(), later.end());
}

bool Store::join(Member& member, Gathering& gathering, Group& group) {
    const bool full = !group.members.empty() && (member.alone || group.members.front()->alone);
    if (full)
        return false;
    try {
        require_working();
        if (gathering.add(*member.builder) == Gathering::Added::later)
            return false;
        group.members.push_back(&member);
    } catch (...) { // concerns this member only
        member.error = std::current_exception();
        member.done = true;
    }
    return true;
}

void Store::require_working() const {
    if (!failure_.empty())
        throw Error(Errc::read_only, failure_);
}

void Store::carry_out(Group& group) {
    if (group.payload.empty())
        return; // everybody found that there was nothing to do
    if (group.commits_layer)
        pool_.commit(); // what is called committed from here on must outlast a crash
    const bool moves = !group.operations.empty();
    journal_->reserve(group.payload.size() + journal::frame_size(64)); // and for an abort
    try {
        journal_->append(FrameKind::change, transaction_ + (moves ? 1 : 0), group.payload);
    } catch (...) { // thrown on
        failure_ = journal_->failure();
        throw Error(Errc::io, failure_);
    }
    if (moves)
        apply_to_pool(group);
    if (!group.refused)
        publish(group);
}

void Store::apply_to_pool(Group& group) {
    std::exception_ptr error;
    bool read_only = false;
    try {
        pool_.apply(group.operations, transaction_, transaction_ + 1);
        return;
    } catch (const Error& e) {
        read_only = e.kind() == Errc::read_only;
        space_was_short_ = e.kind() == Errc::no_space;
        error = std::current_exception();
    } catch (...) { // a power cut of a test
        failure_ = "the pool did not answer; outcome unknown";
        throw;
    }
    const PoolStatus status = pool_.status();
    if (takes_changes(status) && status.transaction_id == transaction_ + 1)
        return; // done; what failed came after
    if ((!takes_changes(status) && !read_only) || status.transaction_id != transaction_) {
        failure_ = fmt::format("transaction {} may or may not have been done (outcome unknown; "
                               "the next opening of the pool finds out): {}",
                               transaction_.value() + 1,
                               text_of(error));
        throw Error(Errc::io, failure_);
    }
    append_abort();
    group.refused = error;
}

void Store::append_abort() {
    std::vector<std::byte> payload;
    journal::encode(journal::Aborted{transaction_ + 1}, payload);
    try {
        journal_->append(FrameKind::abort, transaction_, payload);
    } catch (...) { // thrown on
        failure_ = journal_->failure();
        throw Error(Errc::io, failure_);
    }
}

void Store::answer_refused(Group& group) {
    if (group.members.size() == 1) {
        group.members.front()->error = group.refused;
        group.members.front()->done = true;
        return;
    }
    // One of them was refused. The others shall not suffer from it.
    for (Member* member : group.members)
        member->alone = true;
    const MutexLock lock(queue_mutex_);
    queue_.insert(queue_.begin(), group.members.begin(), group.members.end());
}

void Store::publish(Group& group) {
    const ExclusiveLock lock(state_mutex_);
    for (const Proposal& proposal : group.proposals)
        for (const journal::Record& record : proposal.records)
            state_.apply(record); // has been tried on this very state
    for (const PoolOperation& operation : group.operations) {
        if (const auto* create = std::get_if<CreateThin>(&operation))
            devices_.insert(create->id);
        else if (const auto* snapshot = std::get_if<CreateSnapshot>(&operation))
            devices_.insert(snapshot->id);
        else
            devices_.erase(std::get<DeleteDevice>(operation).id);
    }
    if (!group.operations.empty())
        ++transaction_;
}

void Store::checkpoint_if_due() {
    if (!journal_->wants_checkpoint())
        return;
    try {
        journal::Checkpoint checkpoint;
        {
            const SharedLock lock(state_mutex_);
            checkpoint = journal_->checkpoint_of(state_, transaction_);
        }
        journal_->replace(checkpoint);
        checkpoint_failure_.clear();
    } catch (...) { // what was committed stays so; the failure is kept for who asks
        checkpoint_failure_ = text_of(std::current_exception());
        failure_ = journal_->failure();
    }
}

void Store::condemn(std::span<const DeviceId> devices) {
    commit([&](Draft& /*draft*/) {
        Proposal proposal;
        for (const DeviceId device : devices)
            proposal.records.emplace_back(journal::Condemned{device});
        return proposal;
    });
}

namespace {

/// The end of a device: of all that is condemned if it is not told which.
void propose_removal(const journal::State& state,
                     DeviceId device,
                     bool in_pool,
                     Proposal& proposal) {
    const journal::Layer* layer = state.find_layer(device);
    if (layer != nullptr)
        proposal.records.emplace_back(journal::LayerRemoved{device});
    else
        proposal.records.emplace_back(journal::ContainerRemoved{device});
    if (in_pool)
        proposal.operations.emplace_back(DeleteDevice{device});
}

bool is_condemned(const journal::State& state, DeviceId device) {
    const journal::Layer* layer = state.find_layer(device);
    const journal::Container* container = state.find_container(device);
    return (layer != nullptr && layer->stage == Stage::condemned) ||
           (container != nullptr && container->stage == Stage::condemned);
}

std::vector<DeviceId> condemned_in(const journal::State& state) {
    std::vector<DeviceId> condemned;
    for (const auto& [id, layer] : state.layers())
        if (layer.stage == Stage::condemned)
            condemned.push_back(id);
    for (const auto& [id, container] : state.containers())
        if (container.stage == Stage::condemned)
            condemned.push_back(id);
    std::ranges::sort(condemned);
    return condemned;
}

} // namespace

void Store::remove(std::span<const DeviceId> devices) {
    commit([&](Draft& draft) {
        Proposal proposal;
        for (const DeviceId device : devices)
            if (is_condemned(draft.state(), device)) // else another thread was faster
                propose_removal(draft.state(), device, draft.pool_has(device), proposal);
        return proposal;
    });
}

std::vector<DeviceId> Store::sweep() {
    constexpr std::size_t kAtOnce = 256;
    const auto condemned = read(condemned_in);
    std::vector<DeviceId> kept;
    for (std::size_t at = 0; at < condemned.size(); at += kAtOnce) {
        const auto part =
            std::span(condemned).subspan(at, std::min(kAtOnce, condemned.size() - at));
        try {
            remove(part);
            continue;
        } catch (const Error& error) {
            if (error.kind() != Errc::busy)
                throw;
        }
        for (const DeviceId& device : part) { // at least one of them is in use
            try {
                remove({&device, 1});
            } catch (const Error& error) {
                if (error.kind() != Errc::busy)
                    throw;
                kept.push_back(device);
            }
        }
    }
    return kept;
}

TransactionId Store::transaction() const {
    const MutexLock lock(commit_mutex_);
    return transaction_;
}

std::string Store::failure() const {
    const MutexLock lock(commit_mutex_);
    return failure_;
}

std::string Store::checkpoint_failure() const {
    const MutexLock lock(commit_mutex_);
    return checkpoint_failure_;
}

} // namespace thinsnap::snapshotter
