#pragma once

#include <cstdint>
#include <functional>

#include "base/byte_source.hpp"
#include "layer/tree.hpp"

namespace thinsnap::layer {

struct ApplyStatistics {
    std::uint64_t entries = 0;
    std::uint64_t whiteouts = 0;           ///< among them
    std::uint64_t content_bytes = 0;       ///< written to files, without holes
    std::uint64_t tar_bytes = 0;           ///< read
    std::uint64_t attributes_left_out = 0; ///< see metadata_of()
};

struct ApplyOptions {
    /// OverlayFS's marks in the tar are whiteouts, too: character devices 0:0, directories with
    /// trusted.overlay.opaque or user.overlay.opaque "y". Else they are what they are.
    bool overlay_whiteouts = false;
    std::uint64_t max_entries = 20'000'000;
    std::uint64_t max_content_bytes = std::uint64_t{16} << 40U;
    /// Called after each entry and each piece of content; stops everything by throwing.
    std::function<void(const ApplyStatistics&)> on_progress{};
};

/// Applies a layer's tar to the tree of the layers below.
///
/// Source: OCI image specification, layer.md. Where it leaves a choice, what umoci does is done:
/// - The entry of a name replaces what has the name; only a directory on a directory changes
///   attributes and leaves the content. The last entry of a name counts.
/// - Symlinks on the way to a name are followed inside the tree. What is missing there is made:
///   directories 0755 of root, with the time 0 (umoci takes the clock).
/// - Whiteouts hide what the layers below have and nothing of this layer's tar, wherever they
///   stand; a directory that this layer has put something into stays, without the rest. A whiteout
///   of what is not there says nothing.
/// - A hard link's target is what the tree has when the link comes: a file of any kind, of this
///   layer or one below. A link to itself says nothing.
/// - A directory's times are what the tar says, whatever is put into it later.
/// The tar is read to its end; what stands behind its end mark is ignored.
///
/// On failure the tree is half changed, and of no use.
/// \throws Error(corrupt)      names with "..", targets that are missing or directories, limits
///         exceeded, what is no tar; with the entry's name and its position in the tar
/// \throws Error(unsupported)  see tar::Reader and metadata_of()
/// and what source, tree and on_progress throw.
ApplyStatistics apply_tar(ByteSource& tar, Tree& tree, const ApplyOptions& options = {});

} // namespace thinsnap::layer
