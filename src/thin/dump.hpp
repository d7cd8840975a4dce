#pragma once

#include <functional>
#include <string_view>

#include "thin/metadata_view.hpp"

namespace thinsnap::thin {

/// Writes the metadata as the XML that thin_dump 0.9.0 prints, to the byte; thin_restore reads it.
/// \param write  takes the text piece by piece
/// \throws CorruptionError  metadata that cannot be read; what was written before is incomplete
/// Cost: memory for one metadata path, whatever the size.
void dump_xml(MetadataView& view, const std::function<void(std::string_view)>& write);

} // namespace thinsnap::thin
