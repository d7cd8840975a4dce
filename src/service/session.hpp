#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/pool_directory.hpp"
#include "app/snapshotter_handle.hpp"
#include "journal/state.hpp"
#include "snapshotter/context.hpp"

#include "service/activations.hpp"
#include "service/claims.hpp"

namespace thinsnap::service {

/// The pool as one request sees it. In a command it is opened with the lock that the method needs,
/// when it is first asked for; in the server it is open already, and the request shares it with
/// others.
///
/// Of the ways to get at the pool a request uses one, or container() and readable_pool().
/// All that they return is good as long as the session.
/// Threads: one at a time.
class Session {
public:
    Session() = default;
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    virtual ~Session() = default;

    /// The pool's directory, absolute; asking opens nothing.
    [[nodiscard]] virtual const app::PoolPaths& paths() const = 0;

    /// The pool without its journal: to look at, or to do what the journal has no part in.
    /// \throws as app::PoolHandle
    [[nodiscard]] virtual app::PoolHandle& readable_pool() = 0;
    [[nodiscard]] virtual app::PoolHandle& writable_pool() = 0;
    /// Likewise, for changes behind the journal's back: meanwhile nobody has it open.
    [[nodiscard]] virtual app::PoolHandle& raw_pool() = 0;
    /// The devices, for who reads the metadata on them; pool() may not be called. What is committed
    /// now stays on them as long as the session.
    [[nodiscard]] virtual app::PoolHandle& metadata() = 0;
    /// The devices, for who writes to them. \throws Error(busy)  the pool on them is in use
    [[nodiscard]] virtual app::PoolHandle& closed_pool() = 0;

    /// \throws as app::SnapshotterHandle
    [[nodiscard]] virtual snapshotter::Context& changing() = 0;
    /// What is committed at the first call, or a moment later.
    /// \throws as app::read_pool_state()
    [[nodiscard]] virtual snapshotter::ReadContext reading() = 0;
    /// One container, to be read by readable_pool(): cheaper than reading().
    /// \throws Error(not_found)  there is no such container
    [[nodiscard]] virtual journal::Container container(std::string_view name) = 0;

    /// The device to read to know what the container holds at this moment, and does not change as
    /// long as the session: the container's own, or a snapshot if the container is in use.
    /// \throws see snapshotter::NewLayer::frozen()
    [[nodiscard]] virtual DeviceId still_device(const journal::Container& container) = 0;

    /// Null where no device can be active: only a server has some.
    [[nodiscard]] virtual Activations* activations() = 0;

    /// What the caller should know although it is not what was asked for; told once.
    [[nodiscard]] virtual std::vector<std::string> take_warnings() = 0;

    /// Reserves something until the session ends, see Claims.
    virtual void claim(const std::string& what, Claims::Use use) = 0;
};

/// What claims are made for.
[[nodiscard]] std::string container_claim(std::string_view name);
[[nodiscard]] std::string device_claim(DeviceId id);

/// \param advice  what to do about it
/// \throws Error(busy)  the device is active; who uses it is in the text
void require_inactive(Session& session, DeviceId id, std::string_view advice);

inline constexpr const char* kLayersClaim = "the set of layers"; ///< written: some may go away
inline constexpr const char* kImportClaim = "the import";
inline constexpr const char* kSizeClaim = "the size of the pool";

} // namespace thinsnap::service
