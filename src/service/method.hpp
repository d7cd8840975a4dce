#pragma once

#include <span>
#include <string_view>

#include "rpc/json.hpp"

#include "service/params.hpp"
#include "service/session.hpp"
#include "service/streams.hpp"

namespace thinsnap::service {

/// One thing that can be asked for, of a command's own process or of the server. Parameters and
/// results are described in thinsnapd(8) and thinsnap(8).
struct Method {
    const char* name; ///< "container.create"
    /// \throws Error, rpc::Fault(invalid_params), app::Interrupted, app::BrokenPipe
    rpc::Json (*run)(Session& session, const Params& params, Streams& streams);
};

[[nodiscard]] std::span<const Method> image_methods();
[[nodiscard]] std::span<const Method> container_methods();
[[nodiscard]] std::span<const Method> activation_methods();
[[nodiscard]] std::span<const Method> change_methods();
[[nodiscard]] std::span<const Method> file_methods();
[[nodiscard]] std::span<const Method> usage_methods();
[[nodiscard]] std::span<const Method> pool_methods();
[[nodiscard]] std::span<const Method> metadata_methods();
[[nodiscard]] std::span<const Method> device_methods();
[[nodiscard]] std::span<const Method> device_io_methods();

/// \throws rpc::Fault(method_not_found)
[[nodiscard]] const Method& find_method(std::string_view name);

} // namespace thinsnap::service
