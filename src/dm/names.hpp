#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <thinsnap/types.hpp>

namespace thinsnap::dm {

/// What a pool's devices are called in the kernel's table of mapped devices. The names carry the
/// pool's UUID, so that another process, or this program after a restart, finds what is there.
///
///     thinsnap-UUID          the pool
///     thinsnap-UUID-7        thin device 7, activated for somebody
///     thinsnap-UUID-7-io     thin device 7, as this program reads and writes it
class Names {
public:
    /// \param pool_uuid  as thinsnap::to_string(Uuid) has it
    /// \throws Error(precondition)  it is empty: such a pool could not be told from others
    explicit Names(std::string_view pool_uuid);

    [[nodiscard]] const std::string& uuid() const noexcept { return uuid_; }
    [[nodiscard]] const std::string& pool() const noexcept { return pool_; }
    [[nodiscard]] std::string active(DeviceId id) const;
    [[nodiscard]] std::string internal(DeviceId id) const;

    /// The thin device of a name that active() or internal() gives; nothing for any other.
    [[nodiscard]] std::optional<DeviceId> parse_active(std::string_view name) const;
    [[nodiscard]] std::optional<DeviceId> parse_internal(std::string_view name) const;

private:
    std::string uuid_;
    std::string pool_;
};

} // namespace thinsnap::dm
