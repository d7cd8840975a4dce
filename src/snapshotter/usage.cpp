#include "snapshotter/usage.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "snapshotter/layer_references.hpp"

namespace thinsnap::snapshotter {

namespace {

using journal::Container;
using journal::Image;
using journal::Layer;
using journal::Stage;
using journal::State;

/// In how many different images, and under how many containers, each layer is.
struct References {
    std::unordered_map<DeviceId, std::uint64_t> images;
    std::unordered_map<DeviceId, std::uint64_t> containers;
};

References count_references(const State& state) {
    References references;
    std::unordered_set<Digest> counted; // names of one image count once
    for (const auto& [name, image] : state.images())
        if (counted.insert(image.manifest_digest).second)
            for (const Layer* layer : layers_of(state, image))
                ++references.images[layer->device];
    std::unordered_map<DeviceId, std::uint64_t> direct;
    for (const auto& [device, container] : state.containers())
        if (container.stage != Stage::condemned && container.parent)
            ++direct[*container.parent];
    for (const auto& [device, count] : direct)
        for (const Layer* layer : chain_of(state, state.find_layer(device)))
            references.containers[layer->device] += count;
    return references;
}

ImageUsage usage_of(const State& state, const Image& image, const References& references) {
    const auto count = [](const auto& counts, DeviceId device) {
        const auto found = counts.find(device);
        return found == counts.end() ? std::uint64_t{0} : found->second;
    };
    const bool has_other_name = std::ranges::any_of(state.images(), [&](const auto& other) {
        return &other.second != &image && other.second.manifest_digest == image.manifest_digest;
    });
    const auto needed = needed_layers(state, {image.name});
    ImageUsage usage{.name = image.name};
    for (const Layer* layer : layers_of(state, image)) {
        usage.size += layer->size;
        if (count(references.images, layer->device) > 1)
            usage.shared += layer->size;
        if (!has_other_name && !needed.contains(layer->device))
            usage.reclaimable += layer->size;
    }
    const auto layers = layers_of(state, image);
    usage.containers = layers.empty() ? 0 : count(references.containers, layers.front()->device);
    usage.unique = usage.size - usage.shared;
    return usage;
}

ContainerUsage usage_of(const Container& container, ReadView& view, std::uint64_t chunk_size) {
    const DeviceUsage usage = view.usage(container.device);
    return {.name = container.name,
            .image = container.image,
            .exclusive = usage.exclusive_chunks * chunk_size,
            .mapped = usage.mapped_chunks * chunk_size};
}

bool is_layer(const State& state, DeviceId device) {
    const Layer* layer = state.find_layer(device);
    return layer != nullptr && layer->stage == Stage::ready;
}

} // namespace

Usage measure_usage(const State& state, ReadView& view, const PoolStatus& status) {
    Usage usage{.images = {},
                .containers = {},
                .used = status.data.used * status.chunk_size,
                .total = status.data.total * status.chunk_size};
    view.for_each_device([&](const DeviceInfo& info) {
        const Container* container = state.find_container(info.id);
        if (container != nullptr && container->stage == Stage::ready) {
            usage.containers.push_back(usage_of(*container, view, status.chunk_size));
            usage.containers_bytes += usage.containers.back().exclusive;
        } else if (!is_layer(state, info.id)) {
            usage.other_bytes += view.usage(info.id).exclusive_chunks * status.chunk_size;
        }
    });
    // Beside others who write and delete, the status may be older or younger than the view.
    usage.used = std::max(usage.used, usage.containers_bytes + usage.other_bytes);
    usage.layers_bytes = usage.used - usage.containers_bytes - usage.other_bytes;

    const References references = count_references(state);
    for (const auto& [name, image] : state.images())
        usage.images.push_back(usage_of(state, image, references));
    for (const Layer* layer : unneeded_layers(state, needed_layers(state)))
        usage.unused_layers_bytes += layer->size;
    std::ranges::sort(usage.containers, {}, &ContainerUsage::name);
    return usage;
}

} // namespace thinsnap::snapshotter
