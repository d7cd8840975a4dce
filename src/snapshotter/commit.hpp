#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/digest.hpp"
#include "snapshotter/context.hpp"

namespace thinsnap::snapshotter {

struct CommitContainer {
    std::string container;
    std::optional<std::string> image{}; ///< what to call it; none: by its digest
    std::string comment{};              ///< for the history
};

struct CommittedImage {
    std::string name;
    Digest id; ///< of its configuration
    Digest diff_id;
    DeviceId layer;
    std::uint64_t size = 0; ///< of the layer
};

/// Freezes what a container holds now as a layer, and makes an image of it: that of the container
/// with this layer on top. The container goes on.
///
/// A container that is mounted, or was when the power went, has part of that in its file system's
/// journal only; it is replayed to the layer.
///
/// The layer's diffID is that of the tar that write_tar() makes of it, which is read through once.
/// \throws Error(not_found)     there is no such container
/// \throws Error(precondition)  no image says any more what the container's layers are
/// \throws see NewLayer, ext4::FileSystem, Difference; nothing is left behind
CommittedImage commit_container(Context& context, const CommitContainer& request);

} // namespace thinsnap::snapshotter
