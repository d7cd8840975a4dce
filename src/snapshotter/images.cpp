#include "snapshotter/images.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "snapshotter/layer_references.hpp"
#include "snapshotter/names.hpp"
#include "snapshotter/store.hpp"

namespace thinsnap::snapshotter {

namespace {

using journal::Image;
using journal::Layer;
using journal::State;

constexpr std::string_view kAlgorithm = "sha256:";
constexpr std::size_t kShortestDigits = 4;

/// The images whose config digest begins so.
std::vector<const Image*> find_by_digest(const State& state, std::string_view prefix) {
    if (prefix.starts_with(kAlgorithm))
        prefix.remove_prefix(kAlgorithm.size());
    std::vector<const Image*> found;
    if (prefix.size() < kShortestDigits)
        return found;
    for (const auto& [name, image] : state.images())
        if (image.config_digest.hex().starts_with(prefix))
            found.push_back(&image);
    return found;
}

std::string names_of(const std::vector<const Image*>& images) {
    std::vector<std::string> names;
    for (const Image* image : images)
        names.push_back(image->name);
    return fmt::format("{}", fmt::join(names, ", "));
}

bool is_one_image(const std::vector<const Image*>& images) {
    return std::ranges::all_of(images, [&](const Image* image) {
        return image->config_digest == images.front()->config_digest;
    });
}

/// Refuses when a container was made from an image that would then have no name.
void require_unused(const State& state, const ImageNames& leaving) {
    for (const auto& [device, container] : state.containers()) {
        if (container.stage == journal::Stage::condemned || !leaving.contains(container.image))
            continue;
        const Image* image = state.find_image(container.image);
        const bool has_other_name =
            image != nullptr && std::ranges::any_of(state.images(), [&](const auto& other) {
                return !leaving.contains(other.first) &&
                       other.second.manifest_digest == image->manifest_digest;
            });
        if (!has_other_name)
            throw Error(Errc::busy,
                        fmt::format("the container {} was made from the image {}; remove it first, "
                                    "or use --force",
                                    container.name,
                                    container.image));
    }
}

/// Records that take the layers away which nobody needs without these images.
void condemn_unneeded(const State& state,
                      const ImageNames& without,
                      std::vector<journal::Record>& records,
                      Removed& removed) {
    for (const Layer* layer : unneeded_layers(state, needed_layers(state, without))) {
        records.emplace_back(journal::Condemned{layer->device});
        ++removed.layers;
        removed.bytes += layer->size;
    }
}

} // namespace

const Image* find_image(const State& state, std::string_view name) {
    if (const Image* image = state.find_image(normalize_image_name(name)))
        return image;
    const auto found = find_by_digest(state, name);
    if (found.empty())
        return nullptr;
    if (!is_one_image(found))
        throw Error(Errc::precondition, fmt::format("{} may be any of: {}", name, names_of(found)));
    return found.front();
}

const Image& get_image(const State& state, std::string_view name) {
    const Image* image = find_image(state, name);
    if (image == nullptr)
        throw Error(Errc::not_found, fmt::format("there is no image {}", name));
    return *image;
}

void tag_image(Context& context, std::string_view image, std::string_view name) {
    const std::string new_name = normalize_image_name(name);
    context.store.commit([&](Draft& draft) {
        Image copy = get_image(draft.state(), image);
        copy.name = new_name;
        return Proposal{.records = {journal::ImageSet{std::move(copy)}}};
    });
}

Removed remove_images(Context& context, const std::vector<std::string>& names, InUse in_use) {
    Removed removed;
    context.store.commit([&](Draft& draft) {
        removed = {};
        Proposal proposal;
        ImageNames leaving;
        for (const std::string& name : names)
            leaving.insert(get_image(draft.state(), name).name);
        if (in_use == InUse::refuse)
            require_unused(draft.state(), leaving);
        for (const std::string& name : leaving)
            proposal.records.emplace_back(journal::ImageRemoved{name});
        condemn_unneeded(draft.state(), leaving, proposal.records, removed);
        removed.names.assign(leaving.begin(), leaving.end());
        return proposal;
    });
    static_cast<void>(context.store.sweep());
    return removed;
}

Removed prune_layers(Context& context) {
    Removed removed;
    context.store.commit([&](Draft& draft) {
        removed = {};
        Proposal proposal;
        condemn_unneeded(draft.state(), {}, proposal.records, removed);
        return proposal;
    });
    static_cast<void>(context.store.sweep());
    return removed;
}

} // namespace thinsnap::snapshotter
