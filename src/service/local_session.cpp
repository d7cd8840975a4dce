#include "service/local_session.hpp"

#include <utility>

#include "app/interrupt.hpp"
#include "app/pool_glance.hpp"
#include "base/assert.hpp"
#include "snapshotter/containers.hpp"

namespace thinsnap::service {

LocalSession::LocalSession(std::filesystem::path directory, app::OpenPool how)
    : directory_(std::move(directory))
    , how_(std::move(how)) {}

const app::PoolPaths& LocalSession::paths() const {
    if (!paths_)
        paths_.emplace(app::find_pool(directory_));
    return *paths_;
}

app::PoolHandle& LocalSession::open(app::Access access) {
    if (!pool_) {
        how_.access = access;
        pool_.emplace(directory_, how_);
        // Whoever has the lock, shared or not, knows that no server has it.
        if (const auto glance = app::glance_at_pool(directory_))
            warnings_ = clean_up_after_server(glance->uuid);
    }
    TS_ASSERT(pool_->access() == access);
    return *pool_;
}

app::PoolHandle& LocalSession::readable_pool() {
    return open(app::Access::shared);
}

app::PoolHandle& LocalSession::writable_pool() {
    return open(app::Access::exclusive);
}

snapshotter::Context& LocalSession::changing() {
    if (!journal_)
        journal_.emplace(writable_pool());
    return journal_->context();
}

const journal::State& LocalSession::state() {
    if (!state_)
        state_.emplace(app::read_pool_state(readable_pool()));
    return *state_;
}

snapshotter::ReadContext LocalSession::reading() {
    return {.pool = readable_pool().pool(),
            .state = state(),
            .work_directory = app::temporary_directory(),
            .check_interrupt = app::check_interrupt};
}

journal::Container LocalSession::container(std::string_view name) {
    return snapshotter::get_container(state(), name);
}

DeviceId LocalSession::still_device(const journal::Container& container) {
    return container.device;
}

std::vector<std::string> LocalSession::take_warnings() {
    return std::exchange(warnings_, {});
}

void LocalSession::claim(const std::string& /*what*/, Claims::Use /*use*/) {}

} // namespace thinsnap::service
