#include <algorithm>
#include <array>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/uuid.hpp"
#include "journal/reader.hpp"
#include "journal/record_codec.hpp"
#include "snapshotter/pool_view.hpp"
#include "snapshotter/store.hpp"

namespace thinsnap::snapshotter {

namespace {

using journal::Contents;
using journal::LastChange;

journal::Contents create(ThinPool& pool,
                         journal::JournalDirectory& directory,
                         const PoolStatus& status,
                         const StoreOptions& options) {
    const auto devices = devices_of(pool).size();
    if (!options.create || devices > 0)
        throw Error(Errc::not_found,
                    fmt::format("there is no journal ({}), and the pool has {} devices; 'thinsnap "
                                "pool repair' shows what that means",
                                directory.path_of(journal::kFileName),
                                devices));
    journal::create_journal(
        directory, parse_uuid(status.uuid).value_or(Uuid{}), status.transaction_id);
    return journal::read_journal(directory).value();
}

/// What is left of the last transaction to be done.
struct Redo {
    std::vector<PoolOperation> rest;
    std::vector<PoolOperation> undo; ///< what makes undone what was done of it
    bool can_be_done = true;
    bool can_be_undone = true; ///< nothing of it was deleted
};

Redo plan_redo(const LastChange& change, const std::unordered_set<DeviceId>& devices) {
    Redo redo;
    for (const journal::Record& record : change.operations) {
        if (const auto* create = std::get_if<journal::PoolCreate>(&record)) {
            if (devices.contains(create->device))
                redo.undo.emplace_back(DeleteDevice{create->device});
            else
                redo.rest.emplace_back(CreateThin{create->device});
        } else if (const auto* snapshot = std::get_if<journal::PoolSnapshot>(&record)) {
            if (devices.contains(snapshot->device))
                redo.undo.emplace_back(DeleteDevice{snapshot->device});
            else
                redo.rest.emplace_back(CreateSnapshot{snapshot->device, snapshot->origin});
            if (snapshot->origin_active && !devices.contains(snapshot->device))
                redo.can_be_done = false; // the origin has gone on meanwhile
        } else {
            const DeviceId id = std::get<journal::PoolDelete>(record).device;
            if (devices.contains(id))
                redo.rest.emplace_back(DeleteDevice{id});
            else
                redo.can_be_undone = false;
        }
    }
    return redo;
}

/// Nothing of the last transaction is left in the pool, and the journal says so.
void abort_last(ThinPool& pool, journal::Journal& journal, Contents& contents, const Redo& redo) {
    const TransactionId before(contents.transaction.value() - 1);
    if (!redo.undo.empty())
        pool.apply(redo.undo, before, before);
    std::vector<std::byte> payload;
    journal::encode(journal::Aborted{contents.transaction}, payload);
    journal.reserve(payload.size());
    journal.append(journal::FrameKind::abort, before, payload);
    contents.take_back_last();
}

Recovery::Outcome redo_last(ThinPool& pool, journal::Journal& journal, Contents& contents) {
    const Redo redo = plan_redo(*contents.last, devices_of(pool));
    if (redo.can_be_done) {
        const TransactionId before(contents.transaction.value() - 1);
        try {
            pool.apply(redo.rest, before, contents.transaction);
            return Recovery::Outcome::redone;
        } catch (Error& error) {
            error.add_context(fmt::format("doing transaction {} of the journal, which the pool "
                                          "does not have yet",
                                          contents.transaction.value()));
            const PoolStatus status = pool.status();
            if (!takes_changes(status) || status.transaction_id != before || !redo.can_be_undone)
                throw;
        }
    }
    abort_last(pool, journal, contents, redo);
    return Recovery::Outcome::aborted;
}

/// The pool's last commit may be on its way to the disk only: the process that made it was killed.
/// It must be there before the journal gets a frame that takes it for granted.
void settle(ThinPool& pool, const Contents& contents, const PoolStatus& status) {
    if (contents.last && takes_changes(status))
        pool.apply({}, contents.transaction, contents.transaction);
}

void condemn_unfinished(Store& store, Recovery& recovery) {
    const auto unfinished = store.read([](const journal::State& state) {
        std::vector<DeviceId> ids;
        for (const auto& [id, layer] : state.layers())
            if (layer.stage == journal::Stage::preparing)
                ids.push_back(id);
        for (const auto& [id, container] : state.containers())
            if (container.stage == journal::Stage::preparing)
                ids.push_back(id);
        std::ranges::sort(ids);
        return ids;
    });
    if (!unfinished.empty())
        store.condemn(unfinished);
    recovery.unfinished = unfinished;
    recovery.kept = store.sweep();
}

} // namespace

std::unique_ptr<Store>
open_store(ThinPool& pool, journal::JournalDirectory& directory, const StoreOptions& options) {
    PoolStatus status = pool.status();
    auto read = journal::read_journal(directory);
    Contents contents = read ? std::move(*read) : create(pool, directory, status, options);
    require_fit(contents, status, directory);
    Recovery recovery{.torn_bytes = contents.torn_bytes};
    auto journal = std::make_unique<journal::Journal>(directory, contents, options.journal);
    if (contents.transaction != status.transaction_id)
        recovery.outcome = redo_last(pool, *journal, contents);
    else
        settle(pool, contents, status);
    // Not make_unique: the constructor is open_store()'s alone.
    std::unique_ptr<Store> store(new Store(pool,
                                           std::move(journal),
                                           std::move(contents.state),
                                           contents.transaction,
                                           devices_of(pool)));
    if (takes_changes(status))
        condemn_unfinished(*store, recovery);
    store->recovery_ = std::move(recovery);
    return store;
}

journal::State read_state(ThinPool& pool, journal::JournalDirectory& directory) {
    auto contents = journal::read_journal(directory);
    if (!contents)
        throw Error(Errc::not_found,
                    fmt::format("there is no journal ({})", directory.path_of(journal::kFileName)));
    const PoolStatus status = pool.status();
    require_fit(*contents, status, directory);
    if (contents->transaction != status.transaction_id)
        contents->take_back_last();
    return std::move(contents->state);
}

} // namespace thinsnap::snapshotter
