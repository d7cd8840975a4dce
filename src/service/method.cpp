#include "service/method.hpp"

#include <string>

#include <fmt/core.h>

#include "rpc/fault.hpp"

namespace thinsnap::service {

const Method& find_method(std::string_view name) {
    for (const auto methods : {image_methods(),
                               container_methods(),
                               activation_methods(),
                               change_methods(),
                               file_methods(),
                               usage_methods(),
                               pool_methods(),
                               metadata_methods(),
                               device_methods(),
                               device_io_methods()})
        for (const Method& method : methods)
            if (name == method.name)
                return method;
    throw rpc::Fault(rpc::FaultCode::method_not_found,
                     fmt::format("there is no method '{}'", name),
                     {{"kind", "unsupported"}});
}

} // namespace thinsnap::service
