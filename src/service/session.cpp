#include "service/session.hpp"

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "attach/device_users.hpp"

namespace thinsnap::service {

std::string container_claim(std::string_view name) {
    return fmt::format("the container {}", name);
}

std::string device_claim(DeviceId id) {
    return fmt::format("the device {}", id.value());
}

void require_inactive(Session& session, DeviceId id, std::string_view advice) {
    Activations* activations = session.activations();
    const auto active = activations != nullptr ? activations->find(id) : std::nullopt;
    if (active)
        throw Error(Errc::busy,
                    fmt::format("{} is active as {} ({}); {}",
                                active->name,
                                active->path,
                                attach::users_of(*active),
                                advice));
}

} // namespace thinsnap::service
