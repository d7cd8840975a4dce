#pragma once

#include <filesystem>
#include <optional>

#include "service/session.hpp"

namespace thinsnap::service {

/// The session of a process that has the pool for itself, or shares it with other readers: the
/// pool's lock does what claims do in a server.
class LocalSession final : public Session {
public:
    /// \param how  but for the access, which follows from what is asked for
    LocalSession(std::filesystem::path directory, app::OpenPool how);

    [[nodiscard]] const app::PoolPaths& paths() const override;
    [[nodiscard]] app::PoolHandle& readable_pool() override;
    [[nodiscard]] app::PoolHandle& writable_pool() override;
    [[nodiscard]] app::PoolHandle& raw_pool() override { return writable_pool(); }
    [[nodiscard]] app::PoolHandle& metadata() override { return readable_pool(); }
    [[nodiscard]] app::PoolHandle& closed_pool() override { return writable_pool(); }
    [[nodiscard]] snapshotter::Context& changing() override;
    [[nodiscard]] snapshotter::ReadContext reading() override;
    [[nodiscard]] journal::Container container(std::string_view name) override;
    [[nodiscard]] DeviceId still_device(const journal::Container& container) override;
    [[nodiscard]] Activations* activations() override { return nullptr; }
    [[nodiscard]] std::vector<std::string> take_warnings() override;
    void claim(const std::string& what, Claims::Use use) override;

private:
    [[nodiscard]] app::PoolHandle& open(app::Access access);
    [[nodiscard]] const journal::State& state();

    std::filesystem::path directory_;
    app::OpenPool how_;
    mutable std::optional<app::PoolPaths> paths_;
    std::optional<app::PoolHandle> pool_;
    std::optional<app::SnapshotterHandle> journal_;
    std::optional<journal::State> state_;
    std::vector<std::string> warnings_;
};

} // namespace thinsnap::service
