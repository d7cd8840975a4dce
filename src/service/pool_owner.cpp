#include "service/pool_owner.hpp"

#include <cerrno>
#include <utility>

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "app/interrupt.hpp"
#include "snapshotter/containers.hpp"
#include "snapshotter/store.hpp"

namespace thinsnap::service {

namespace {

app::OpenPool exclusively(app::OpenPool how) {
    how.access = app::Access::exclusive;
    return how;
}

ActivePool where(app::PoolHandle& pool) {
    const std::string data = pool.paths().data.string();
    struct stat st {};
    if (::stat(data.c_str(), &st) != 0)
        throw SystemError(errno, fmt::format("looking at {}", data));
    return {.uuid = pool.pool().status().uuid, .file_system = st.st_dev};
}

} // namespace

PoolOwner::PoolOwner(const std::filesystem::path& directory, app::OpenPool how)
    : pool_(directory, exclusively(std::move(how)))
    , activations_(pool_.pool(), where(pool_)) {
    const MutexLock lock(mutex_);
    warnings_ = clean_up_after_server(pool_.pool().status().uuid);
}

std::vector<std::string> PoolOwner::warnings() {
    const MutexLock lock(mutex_);
    return warnings_;
}

std::vector<std::string> PoolOwner::take_warnings() {
    const MutexLock lock(mutex_);
    return std::exchange(warnings_, {});
}

snapshotter::Context& PoolOwner::journal() {
    const MutexLock lock(mutex_);
    if (!journal_)
        journal_.emplace(pool_);
    return journal_->context();
}

void PoolOwner::close_journal() {
    const MutexLock lock(mutex_);
    journal_.reset();
}

std::string PoolOwner::failure() {
    const MutexLock lock(mutex_);
    return journal_ ? journal_->context().store.failure() : std::string();
}

void PoolOwner::commit() {
    pool_.pool().commit();
}

OwnerSession::OwnerSession(PoolOwner& owner, Requester requester)
    : owner_(owner)
    , requester_(std::move(requester)) {}

const app::PoolPaths& OwnerSession::paths() const {
    return owner_.pool().paths();
}

void OwnerSession::claim(const std::string& what, Claims::Use use) {
    claims_.push_back(
        owner_.claims().take({.what = what, .use = use, .by = requester_.name},
                             {.timeout = requester_.patience, .check_interrupt = [this] {
                                  app::check_cancelled(requester_.cancellation);
                              }}));
}

app::PoolHandle& OwnerSession::raw_pool() {
    claim(kJournalClaim, Claims::Use::write);
    owner_.close_journal();
    return owner_.pool();
}

app::PoolHandle& OwnerSession::metadata() {
    // What a view may still read is not reused, so the committed metadata stays as it is.
    if (!view_)
        view_ = owner_.pool().pool().read_view();
    return owner_.pool();
}

app::PoolHandle& OwnerSession::closed_pool() {
    throw Error(Errc::busy,
                fmt::format("the pool is in use by thinsnapd (process {})", ::getpid()));
}

snapshotter::Context& OwnerSession::changing() {
    if (!context_) {
        claim(kJournalClaim, Claims::Use::read);
        context_.emplace(owner_.journal());
        context_->check_interrupt = [this] { app::check_cancelled(requester_.cancellation); };
        context_->freeze = [this](DeviceId id) { return owner_.activations().freeze(id); };
    }
    return *context_;
}

snapshotter::ReadContext OwnerSession::reading() {
    const snapshotter::Context& context = changing();
    if (!state_) // the journal's file says it all; the store would have to stand still for a copy
        state_.emplace(app::read_journal_state(paths().directory));
    return {.pool = context.pool,
            .state = *state_,
            .work_directory = app::temporary_directory(),
            .check_interrupt = context.check_interrupt};
}

journal::Container OwnerSession::container(std::string_view name) {
    return changing().store.read(
        [&](const journal::State& state) { return snapshotter::get_container(state, name); });
}

DeviceId OwnerSession::still_device(const journal::Container& container) {
    const auto active = owner_.activations().find(container.device);
    if (!active || active->read_only)
        return container.device;
    stills_.push_back(snapshotter::NewLayer::frozen(changing(), container));
    return stills_.back().device_id();
}

std::vector<std::string> OwnerSession::take_warnings() {
    return owner_.take_warnings();
}

} // namespace thinsnap::service
