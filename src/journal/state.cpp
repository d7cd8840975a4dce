#include "journal/state.hpp"

#include <algorithm>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::journal {

// --- look-ups ----------------------------------------------------------------------------------

const Layer* State::find_layer(DeviceId device) const {
    const auto found = layers_.find(device);
    return found == layers_.end() ? nullptr : &found->second;
}

const Layer* State::find_layer(const Digest& chain_id) const {
    const Layer* best = nullptr;
    const auto rank = [](const Layer& layer) {
        return std::pair(layer.kind != LayerKind::applied, layer.device);
    };
    for (auto [at, end] = by_chain_.equal_range(chain_id); at != end; ++at) {
        const Layer* layer = find_layer(at->second);
        if (best == nullptr || rank(*layer) < rank(*best))
            best = layer;
    }
    return best;
}

const Container* State::find_container(DeviceId device) const {
    const auto found = containers_.find(device);
    return found == containers_.end() ? nullptr : &found->second;
}

const Container* State::find_container(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : find_container(found->second);
}

const Image* State::find_image(std::string_view name) const {
    const auto found = images_.find(name);
    return found == images_.end() ? nullptr : &found->second;
}

std::uint64_t State::children(DeviceId layer) const {
    const auto found = children_.find(layer);
    return found == children_.end() ? 0 : found->second;
}

bool State::knows(DeviceId device) const {
    return layers_.contains(device) || containers_.contains(device);
}

// --- changes of the tables ---------------------------------------------------------------------

void State::add_child(const std::optional<DeviceId>& parent) {
    if (parent)
        ++children_[*parent];
}

void State::remove_child(const std::optional<DeviceId>& parent) {
    if (!parent)
        return;
    const auto found = children_.find(*parent);
    if (--found->second == 0)
        children_.erase(found);
}

void State::index(const Layer& layer) {
    if (layer.stage == Stage::ready && layer.chain_id)
        by_chain_.emplace(*layer.chain_id, layer.device);
    add_child(layer.parent);
}

void State::unindex(const Layer& layer) {
    if (layer.stage == Stage::ready && layer.chain_id) {
        auto [at, end] = by_chain_.equal_range(*layer.chain_id);
        at = std::find_if(at, end, [&](const auto& entry) { return entry.second == layer.device; });
        if (at != end)
            by_chain_.erase(at);
    }
    remove_child(layer.parent);
}

std::optional<Layer> State::exchange(DeviceId device, std::optional<Layer> value) {
    std::optional<Layer> old;
    auto found = layers_.find(device);
    if (found != layers_.end()) {
        unindex(found->second);
        old = std::move(found->second);
    }
    if (!value) {
        if (found != layers_.end())
            layers_.erase(found);
        return old;
    }
    if (found == layers_.end())
        found = layers_.emplace(device, std::move(*value)).first;
    else
        found->second = std::move(*value);
    index(found->second);
    return old;
}

std::optional<Container> State::exchange(DeviceId device, std::optional<Container> value) {
    std::optional<Container> old;
    auto found = containers_.find(device);
    if (found != containers_.end()) {
        if (found->second.stage != Stage::condemned)
            by_name_.erase(found->second.name);
        remove_child(found->second.parent);
        old = std::move(found->second);
    }
    if (!value) {
        if (found != containers_.end())
            containers_.erase(found);
        return old;
    }
    if (found == containers_.end())
        found = containers_.emplace(device, std::move(*value)).first;
    else
        found->second = std::move(*value);
    if (found->second.stage != Stage::condemned)
        by_name_.emplace(found->second.name, device);
    add_child(found->second.parent);
    return old;
}

std::optional<Image> State::exchange(const std::string& name, std::optional<Image> value) {
    std::optional<Image> old;
    const auto found = images_.find(name);
    if (found != images_.end())
        old = std::move(found->second);
    if (value)
        images_.insert_or_assign(name, std::move(*value));
    else if (found != images_.end())
        images_.erase(found);
    return old;
}

void State::take_back(Undo& undo, std::size_t mark) {
    while (undo.changes_.size() > mark) {
        std::visit([this](auto& change) { exchange(change.first, std::move(change.second)); },
                   undo.changes_.back());
        undo.changes_.pop_back();
    }
}

void State::forget(DeviceId device) {
    exchange(device, std::optional<Layer>());
    exchange(device, std::optional<Container>());
    for (auto& [id, layer] : layers_)
        if (layer.parent == device)
            layer.parent.reset();
    for (auto& [id, container] : containers_)
        if (container.parent == device)
            container.parent.reset();
    children_.erase(device);
}

void State::reserve(std::size_t containers) {
    containers_.reserve(containers);
    by_name_.reserve(containers);
}

void State::require_counts(const CheckpointEnd& end) const {
    if (end.layers == layers_.size() && end.containers == containers_.size() &&
        end.images == images_.size())
        return;
    throw Error(
        Errc::precondition,
        fmt::format("{} layers, {} containers and {} images were written, {}, {} and {} are "
                    "there",
                    end.layers,
                    end.containers,
                    end.images,
                    layers_.size(),
                    containers_.size(),
                    images_.size()));
}

} // namespace thinsnap::journal
