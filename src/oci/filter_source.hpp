#pragma once

#include <memory>

#include "base/byte_source.hpp"
#include "oci/compression.hpp"

namespace thinsnap::oci {

/// Decompresses with one of libarchive's filters; see make_decoder().
/// \param compression  zstd, xz or bzip2
[[nodiscard]] std::unique_ptr<ByteSource> make_filter_source(Compression compression,
                                                             ByteSource& in);

} // namespace thinsnap::oci
