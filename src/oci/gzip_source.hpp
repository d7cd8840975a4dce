#pragma once

#include <memory>

#include "base/byte_source.hpp"

namespace thinsnap::oci {

/// Inflates all members of a gzip file with ISA-L, checksums verified; see make_decoder().
[[nodiscard]] std::unique_ptr<ByteSource> make_gzip_source(ByteSource& in);

} // namespace thinsnap::oci
