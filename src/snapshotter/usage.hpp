#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <thinsnap/thin_pool.hpp>

#include "journal/state.hpp"

/// \file
/// Who uses how much of the pool's data space. All figures are bytes of whole chunks: what would
/// come back, not what files hold.

namespace thinsnap::snapshotter {

struct ImageUsage {
    std::string name;
    std::uint64_t size = 0;        ///< of all its layers
    std::uint64_t shared = 0;      ///< of those that another image has too, whatever its name
    std::uint64_t unique = 0;      ///< size - shared
    std::uint64_t reclaimable = 0; ///< comes back when this image alone is removed
    std::uint64_t containers = 0; ///< made from one of its layers, or from what was committed on it
};

struct ContainerUsage {
    std::string name;
    std::string image;
    std::uint64_t exclusive = 0; ///< nobody else has: comes back when the container is removed
    std::uint64_t mapped = 0;    ///< with what it shares with its layers
};

/// containers + layers + other == used, always: what is not exclusive to one container or foreign
/// device belongs to the layers.
struct Usage {
    std::vector<ImageUsage> images;         ///< by name
    std::vector<ContainerUsage> containers; ///< by name
    std::uint64_t containers_bytes = 0;     ///< sum of what is exclusive to each
    std::uint64_t layers_bytes = 0;         ///< of all layers, and of what containers share
    std::uint64_t other_bytes = 0; ///< exclusive to devices that are neither, or are being deleted
    std::uint64_t unused_layers_bytes = 0; ///< of layers that no image and no container needs
    std::uint64_t used = 0;
    std::uint64_t total = 0;
};

/// Cost: one look at each device, the mappings that only one device has, and nothing shared.
[[nodiscard]] Usage
measure_usage(const journal::State& state, ReadView& view, const PoolStatus& status);

} // namespace thinsnap::snapshotter
