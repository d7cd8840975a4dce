#pragma once

#include <optional>
#include <string>

#include <thinsnap/block_device.hpp>

namespace thinsnap::test {

/// What our own full check finds in the metadata, a line for each leak or damage; empty when it is
/// clean. Warnings do not count.
/// \param data_bytes  size of the data device
[[nodiscard]] std::string findings_of(BlockDevice& metadata, std::uint64_t data_bytes);

/// Whether thin_check is installed.
[[nodiscard]] bool have_thin_check();

/// What thin_check says about a copy of the metadata; empty when it finds nothing, or is not
/// installed.
[[nodiscard]] std::string thin_check_says(BlockDevice& metadata);

} // namespace thinsnap::test
