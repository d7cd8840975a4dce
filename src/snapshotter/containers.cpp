#include "snapshotter/containers.hpp"

#include <algorithm>
#include <array>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/uuid.hpp"
#include "ext4/file_system.hpp"
#include "ext4/format.hpp"
#include "ext4/layout.hpp"
#include "snapshotter/names.hpp"
#include "snapshotter/new_layer.hpp"
#include "snapshotter/store.hpp"

namespace thinsnap::snapshotter {

namespace {

using journal::Container;
using journal::Image;
using journal::Layer;
using journal::Stage;
using journal::State;

/// What a container of the image stands on; null: the image has no layers.
const Layer* top_layer(const State& state, const Image& image) {
    if (!image.top_chain)
        return nullptr;
    const Layer* layer = state.find_layer(*image.top_chain);
    if (layer == nullptr)
        throw Error(Errc::corrupt,
                    fmt::format("the layer {} of the image {} is missing; import it again",
                                image.top_chain->to_string(),
                                image.name));
    return layer;
}

/// Bytes that the container's file system is to have.
std::uint64_t size_for(const CreateContainer& request, std::uint64_t parent_size) {
    if (!request.size)
        return parent_size == 0 ? ext4::usable_size(ext4::kBaseSize) : parent_size;
    const std::uint64_t size = ext4::usable_size(*request.size);
    if (size < parent_size)
        throw Error(Errc::invalid_argument,
                    fmt::format("{} bytes are less than the {} of its image", size, parent_size));
    return size;
}

/// Makes or grows the file system.
std::uint64_t fill(BlockDevice& device, bool is_empty, std::uint64_t size) {
    if (is_empty)
        ext4::format(device, {.size = size, .uuid = make_uuid(), .hash_seed = make_uuid()});
    ext4::FileSystem files(device, ext4::FileSystemAccess::read_write);
    files.grow(size);
    files.flush();
    device.flush();
    return files.statistics().size;
}

/// What a growth that failed halfway left behind may be smaller than its device.
std::uint64_t file_system_size(Context& context, DeviceId device) {
    const auto opened = context.pool.open_device(device, {.read_only = true});
    return ext4::FileSystem(*opened, ext4::FileSystemAccess::read_only).statistics().size;
}

void condemn_quietly(Store& store, DeviceId device) noexcept {
    try {
        store.condemn(std::array{device});
        static_cast<void>(store.sweep());
    } catch (...) { // NOLINT(bugprone-empty-catch) the next opening finds it preparing
    }
}

void prepare(Context& context, Container& made) {
    try {
        const auto device = context.pool.open_device(made.device, {});
        made.virtual_size = fill(*device, !made.parent, made.virtual_size);
    } catch (...) {
        condemn_quietly(context.store, made.device);
        throw;
    }
    context.store.commit([&](Draft&) {
        return Proposal{.records = {journal::ContainerReady{made.device, made.virtual_size}}};
    });
    made.stage = Stage::ready;
}

/// Fills `made` and says what makes it.
Proposal propose(Draft& draft, const CreateContainer& request, Container& made) {
    const State& state = draft.state();
    if (state.find_container(request.name) != nullptr)
        throw Error(Errc::already_exists,
                    fmt::format("there is a container {} already", request.name));
    const Image* image = request.image ? &get_image(state, *request.image) : nullptr;
    const Layer* parent = image != nullptr ? top_layer(state, *image) : nullptr;
    const std::uint64_t parent_size = parent != nullptr ? parent->virtual_size : 0;

    made.device = draft.new_device();
    made.parent.reset();
    PoolOperation operation = CreateThin{made.device};
    if (parent != nullptr) {
        made.parent = parent->device;
        operation = CreateSnapshot{made.device, parent->device};
    }
    made.image = image != nullptr ? image->name : "";
    made.virtual_size = size_for(request, parent_size);
    made.stage = made.virtual_size == parent_size ? Stage::ready : Stage::preparing;
    return Proposal{
        .operations = {operation},
        .records = {journal::ContainerAdded{.device = made.device,
                                            .name = made.name,
                                            .parent = made.parent,
                                            .image = made.image,
                                            .created = made.created,
                                            .virtual_size = made.virtual_size,
                                            .labels = made.labels,
                                            .preparing = made.stage == Stage::preparing}}};
}

} // namespace

Container create_container(Context& context, const CreateContainer& request) {
    validate_container_name(request.name);
    Container made{.device = {}, .name = request.name, .labels = request.labels};
    made.created = made.updated = context.now();
    context.store.commit([&](Draft& draft) { return propose(draft, request, made); });
    if (made.stage == Stage::preparing)
        prepare(context, made);
    return made;
}

Container resize_container(Context& context, std::string_view name, std::uint64_t size) {
    Container container =
        context.store.read([&](const State& state) { return get_container(state, name); });
    const std::uint64_t usable = size_to_grow_to(container, size);
    if (usable == file_system_size(context, container.device))
        return container;
    NewLayer changed = NewLayer::frozen(context, container);
    container.virtual_size = fill(changed.device(), false, usable);
    changed.replace(container, container.virtual_size);
    return context.store.read([&](const State& state) { return get_container(state, name); });
}

std::uint64_t size_to_grow_to(const Container& container, std::uint64_t size) {
    const std::uint64_t usable = ext4::usable_size(size);
    if (usable < container.virtual_size)
        throw Error(Errc::invalid_argument,
                    fmt::format("the container {} has {} bytes and cannot shrink to {}",
                                container.name,
                                container.virtual_size,
                                usable));
    return usable;
}

void record_size(Context& context, DeviceId container, std::uint64_t size) {
    context.store.commit([&](Draft&) {
        return Proposal{.records = {journal::ContainerReady{container, size}}};
    });
}

void settle_container(Context& context, std::string_view name) {
    const auto container = context.store.read([&](const State& state) {
        const Container* found = state.find_container(name);
        return found != nullptr ? std::optional(*found) : std::nullopt;
    });
    if (!container)
        return;
    const auto device = context.pool.open_device(container->device, {.read_only = true});
    if (ext4::FileSystem(*device, ext4::FileSystemAccess::read_only).replayed().empty())
        return;
    NewLayer settled = NewLayer::frozen(context, *container);
    static_cast<void>(ext4::FileSystem(settled.device(), ext4::FileSystemAccess::read_write));
    settled.replace(*container, container->virtual_size);
}

Removed remove_containers(Context& context, const std::vector<std::string>& names) {
    Removed removed;
    context.store.commit([&](Draft& draft) {
        Proposal proposal;
        std::vector<std::string> unique = names;
        std::ranges::sort(unique);
        unique.erase(std::unique(unique.begin(), unique.end()), unique.end());
        for (const std::string& name : unique)
            proposal.records.emplace_back(
                journal::Condemned{get_container(draft.state(), name).device});
        removed.names = std::move(unique);
        return proposal;
    });
    static_cast<void>(context.store.sweep());
    return removed;
}

const Container& get_container(const State& state, std::string_view name) {
    const Container* container = state.find_container(name);
    if (container == nullptr || container->stage != Stage::ready)
        throw Error(Errc::not_found, fmt::format("there is no container {}", name));
    return *container;
}

} // namespace thinsnap::snapshotter
