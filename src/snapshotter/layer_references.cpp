#include "snapshotter/layer_references.hpp"

#include <algorithm>

namespace thinsnap::snapshotter {

namespace {

using journal::Image;
using journal::Layer;
using journal::Stage;
using journal::State;

const Layer* parent_of(const State& state, const Layer& layer) {
    return layer.parent ? state.find_layer(*layer.parent) : nullptr;
}

/// Adds `layer` and what it stands on; stops where it has been before, so all calls together cost
/// one step a layer.
void add_chain(const State& state, const Layer* layer, std::unordered_set<DeviceId>& into) {
    while (layer != nullptr && into.insert(layer->device).second)
        layer = parent_of(state, *layer);
}

std::size_t depth_of(const State& state, const Layer& layer) {
    return chain_of(state, &layer).size();
}

} // namespace

std::vector<const Layer*> chain_of(const State& state, const Layer* layer) {
    std::vector<const Layer*> chain;
    std::unordered_set<DeviceId> seen;
    while (layer != nullptr && seen.insert(layer->device).second) {
        chain.push_back(layer);
        layer = parent_of(state, *layer);
    }
    return chain;
}

const Layer* top_layer_of(const State& state, const Image& image) {
    return image.top_chain ? state.find_layer(*image.top_chain) : nullptr;
}

std::vector<const Layer*> layers_of(const State& state, const Image& image) {
    return chain_of(state, top_layer_of(state, image));
}

std::unordered_set<DeviceId> needed_layers(const State& state, const ImageNames& without) {
    std::unordered_set<DeviceId> needed;
    for (const auto& [name, image] : state.images())
        if (!without.contains(name) && image.top_chain)
            add_chain(state, state.find_layer(*image.top_chain), needed);
    for (const auto& [device, container] : state.containers())
        if (container.stage != Stage::condemned && container.parent)
            add_chain(state, state.find_layer(*container.parent), needed);
    for (const auto& [device, layer] : state.layers())
        if (layer.stage == Stage::preparing)
            add_chain(state, parent_of(state, layer), needed);
    return needed;
}

std::vector<const Layer*> unneeded_layers(const State& state,
                                          const std::unordered_set<DeviceId>& needed) {
    struct Ranked {
        std::size_t depth;
        const Layer* layer;
    };
    std::vector<Ranked> ranked;
    for (const auto& [device, layer] : state.layers())
        if (layer.stage == Stage::ready && !needed.contains(device))
            ranked.push_back({depth_of(state, layer), &layer});
    std::ranges::sort(ranked, [](const Ranked& a, const Ranked& b) {
        return a.depth != b.depth ? a.depth > b.depth : a.layer->device < b.layer->device;
    });
    std::vector<const Layer*> layers;
    for (const Ranked& entry : ranked)
        layers.push_back(entry.layer);
    return layers;
}

} // namespace thinsnap::snapshotter
