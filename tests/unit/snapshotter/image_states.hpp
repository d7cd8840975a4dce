#pragma once

#include <string>

#include "base/digest.hpp"
#include "journal/state.hpp"

/// \file
/// States of a journal with layers, images and containers, in few words.

namespace thinsnap::test {

/// A chain ID that follows from a device.
inline Digest chain_of_device(std::uint32_t device) {
    return Digest::of("chain " + std::to_string(device));
}

inline void add_layer(journal::State& state,
                      std::uint32_t device,
                      std::optional<std::uint32_t> parent,
                      std::uint64_t size = 0) {
    std::optional<DeviceId> below;
    if (parent)
        below = DeviceId(*parent);
    state.apply(journal::LayerAdded{.device = DeviceId(device), .parent = below});
    state.apply(journal::LayerCommitted{.device = DeviceId(device),
                                        .chain_id = chain_of_device(device),
                                        .size = size,
                                        .virtual_size = 1U << 30U});
}

/// \param content  what the manifest's digest is of: the same for two names of one image
inline void add_image(journal::State& state,
                      const std::string& name,
                      std::uint32_t top,
                      const std::string& content) {
    journal::Image image;
    image.name = name;
    image.manifest_digest = Digest::of(content);
    image.config_digest = Digest::of("config " + content);
    image.top_chain = chain_of_device(top);
    state.apply(journal::ImageSet{image});
}

inline void add_container(journal::State& state,
                          const std::string& name,
                          std::uint32_t device,
                          std::uint32_t parent,
                          const std::string& image = "") {
    state.apply(journal::ContainerAdded{.device = DeviceId(device),
                                        .name = name,
                                        .parent = DeviceId(parent),
                                        .image = image,
                                        .virtual_size = 1U << 30U});
}

} // namespace thinsnap::test
