#include "service/session.hpp"

#include <fmt/core.h>

namespace thinsnap::service {

std::string container_claim(std::string_view name) {
    return fmt::format("the container {}", name);
}

std::string device_claim(DeviceId id) {
    return fmt::format("the device {}", id.value());
}

} // namespace thinsnap::service
