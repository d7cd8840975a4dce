#pragma once

#include <string_view>

namespace thinsnap {

/// The version of the linked library, e.g. "0.1.0": what `thinsnap --version` prints.
[[nodiscard]] std::string_view version() noexcept;

} // namespace thinsnap
