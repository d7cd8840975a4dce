#pragma once

#include <functional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "journal/state.hpp"

/// \file
/// Who needs which layers: the question behind sizes, removal and pruning. A layer is needed by the
/// images of whose chain it is part, and by the containers and layers above it.

namespace thinsnap::snapshotter {

/// What stands on all others of an image; null: it has none, or the journal does not know it.
[[nodiscard]] const journal::Layer* top_layer_of(const journal::State& state,
                                                 const journal::Image& image);

/// The layers of an image, top first; fewer than it has where the journal does not know them.
[[nodiscard]] std::vector<const journal::Layer*> layers_of(const journal::State& state,
                                                           const journal::Image& image);

/// `layer` and what it stands on, top first. Ends when a layer would come again.
[[nodiscard]] std::vector<const journal::Layer*> chain_of(const journal::State& state,
                                                          const journal::Layer* layer);

/// Names of images.
using ImageNames = std::set<std::string, std::less<>>;

/// Every layer that an image, a container or a layer that is being made stands on.
/// \param without  images left out of account
[[nodiscard]] std::unordered_set<DeviceId> needed_layers(const journal::State& state,
                                                         const ImageNames& without = {});

/// The ready layers that nobody needs, children before their parents: the order of removal.
[[nodiscard]] std::vector<const journal::Layer*>
unneeded_layers(const journal::State& state, const std::unordered_set<DeviceId>& needed);

} // namespace thinsnap::snapshotter
