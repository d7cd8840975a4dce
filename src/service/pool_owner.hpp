#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/pool_directory.hpp"
#include "app/snapshotter_handle.hpp"
#include "base/cancellation.hpp"
#include "base/mutex.hpp"
#include "snapshotter/new_layer.hpp"

#include "service/activations.hpp"
#include "service/claims.hpp"
#include "service/session.hpp"

namespace thinsnap::service {

/// A pool that one process holds for many requests. The pool itself stays open; its journal is
/// opened by the first request that needs it, and closed for those that work behind its back.
///
/// Threads: all calls from any thread.
class PoolOwner {
public:
    /// Cleans up after a server that died.
    /// \param how  but for the access
    /// \throws as app::PoolHandle and its pool()
    PoolOwner(const std::filesystem::path& directory, app::OpenPool how);
    PoolOwner(const PoolOwner&) = delete;
    PoolOwner& operator=(const PoolOwner&) = delete;
    ~PoolOwner() = default; ///< nothing durable happens here, see commit()

    [[nodiscard]] app::PoolHandle& pool() { return pool_; }
    [[nodiscard]] Claims& claims() { return claims_; }
    [[nodiscard]] Activations& activations() { return activations_; }

    /// Whoever calls it holds a claim on kJournalClaim as long as it uses the result; to close it,
    /// a claim to write.
    /// \throws as app::SnapshotterHandle
    [[nodiscard]] snapshotter::Context& journal();
    void close_journal();

    /// Why the pool should be opened anew: an earlier failure left an unknown outcome behind.
    [[nodiscard]] std::string failure();

    /// See Session::take_warnings(): what was found when the pool was opened.
    [[nodiscard]] std::vector<std::string> take_warnings();
    [[nodiscard]] std::vector<std::string> warnings(); ///< that nobody has taken

    /// Makes everything durable that was written to any device.
    void commit();

private:
    app::PoolHandle pool_;
    Activations activations_;
    Claims claims_;
    Mutex mutex_;
    std::vector<std::string> warnings_ TS_GUARDED_BY(mutex_);
    std::optional<app::SnapshotterHandle> journal_ TS_GUARDED_BY(mutex_);
};

inline constexpr const char* kJournalClaim = "the journal"; ///< written: it is closed

/// For whom a request is carried out.
struct Requester {
    std::string name;                     ///< "container.remove of process 12"
    std::chrono::milliseconds patience{}; ///< how long it waits for claims of others
    const Cancellation& cancellation;     ///< must outlive the session
};

/// One request's session on a pool that is held already.
class OwnerSession final : public Session {
public:
    /// \param owner  must outlive this
    OwnerSession(PoolOwner& owner, Requester requester);

    [[nodiscard]] const app::PoolPaths& paths() const override;
    [[nodiscard]] app::PoolHandle& readable_pool() override { return owner_.pool(); }
    [[nodiscard]] app::PoolHandle& writable_pool() override { return owner_.pool(); }
    [[nodiscard]] app::PoolHandle& raw_pool() override;
    [[nodiscard]] app::PoolHandle& metadata() override;
    [[nodiscard]] app::PoolHandle& closed_pool() override;
    [[nodiscard]] snapshotter::Context& changing() override;
    [[nodiscard]] snapshotter::ReadContext reading() override;
    [[nodiscard]] journal::Container container(std::string_view name) override;
    [[nodiscard]] DeviceId still_device(const journal::Container& container) override;
    [[nodiscard]] Activations* activations() override { return &owner_.activations(); }
    [[nodiscard]] std::vector<std::string> take_warnings() override;
    void claim(const std::string& what, Claims::Use use) override;

private:
    PoolOwner& owner_;
    Requester requester_;
    std::vector<Claims::Claim> claims_; ///< given back last
    std::optional<snapshotter::Context> context_;
    std::vector<snapshotter::NewLayer> stills_; ///< that nobody will commit
    std::optional<journal::State> state_;
    std::unique_ptr<ReadView> view_;
};

} // namespace thinsnap::service
