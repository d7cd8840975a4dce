#pragma once

#include <memory>

#include "dm/control.hpp"

namespace thinsnap::dm {

/// The running kernel, through libdevmapper.
/// \throws Error(unsupported)  it has no device-mapper, no thin-pool target, or too old ones; what
///                             is missing, and that the embedded pool needs none, is in the text
[[nodiscard]] std::unique_ptr<Control> open_kernel_control();

} // namespace thinsnap::dm
