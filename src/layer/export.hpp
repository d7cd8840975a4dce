#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "base/byte_sink.hpp"
#include "ext4/file_system.hpp"
#include "layer/diff.hpp"

namespace thinsnap::layer {

struct ExportStatistics {
    std::uint64_t entries = 0;
    std::uint64_t whiteouts = 0;        ///< among them
    std::uint64_t content_bytes = 0;    ///< without holes
    std::uint64_t sockets_left_out = 0; ///< a tar has no place for them
};

struct ExportOptions {
    /// Called after each entry and each piece of content; stops everything by throwing.
    std::function<void(const ExportStatistics&)> on_progress{};
};

/// Writes the tar of an OCI layer that makes of the lower file system what the upper one is.
///
/// Whiteouts stand for what is deleted. Directories on the way to a change come with it, as tools
/// that unpack a layer alone would make them with attributes of their own; all names of a file with
/// several come when one does, as such tools would miss the link's target. A socket is left out;
/// where the lower file system has something else, that is hidden. The bytes depend on nothing but
/// the changes and the files.
///
/// \param changes  what find_changes() says of `upper`
/// \throws Error(unsupported)  a name that begins with ".wh.", which every tool takes for a
///         whiteout; a path of more than 4095 bytes
/// \throws Error(corrupt)      `upper` is
/// and what `sink` and on_progress throw.
ExportStatistics export_layer(const ext4::FileSystem& upper,
                              std::span<const Change> changes,
                              ByteSink& sink,
                              const ExportOptions& options = {});

} // namespace thinsnap::layer
