#include <string>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "attach/device_users.hpp"
#include "attach/mounts.hpp"
#include "attach/online_resize.hpp"
#include "snapshotter/containers.hpp"
#include "snapshotter/images.hpp"
#include "snapshotter/layer_references.hpp"
#include "snapshotter/store.hpp"

#include "service/facts.hpp"
#include "service/method.hpp"

namespace thinsnap::service {

namespace {

using attach::ActiveDevice;
using journal::Container;
using journal::State;

Activations& activations_of(Session& session) {
    Activations* activations = session.activations();
    if (activations == nullptr)
        throw Error(Errc::unsupported, "only thinsnapd can have active devices");
    return *activations;
}

/// The container of that name, or the image's top layer.
attach::ActivateRequest find_target(const State& state, const std::string& name, bool read_only) {
    if (const Container* container = state.find_container(name);
        container != nullptr && container->stage == journal::Stage::ready)
        return request_of(*container, read_only);
    const journal::Image* image = snapshotter::find_image(state, name);
    if (image == nullptr)
        throw Error(Errc::not_found, fmt::format("there is no container and no image {}", name));
    if (!read_only)
        throw Error(Errc::precondition,
                    fmt::format("{} is an image, which nobody may write: use --read-only, or make "
                                "a container from it",
                                image->name));
    const journal::Layer* layer = snapshotter::top_layer_of(state, *image);
    if (layer == nullptr)
        throw Error(Errc::precondition, fmt::format("the image {} has no layers", image->name));
    return {
        .id = layer->device, .name = image->name, .size = layer->virtual_size, .read_only = true};
}

attach::ActivateRequest
find_target(const snapshotter::Context& context, const std::string& name, bool read_only) {
    return context.store.read(
        [&](const State& state) { return find_target(state, name, read_only); });
}

Json json_of(const ActiveDevice& device) {
    return {{"name", device.name},
            {"device", device.id.value()},
            {"path", device.path},
            {"size", device.size},
            {"read_only", device.read_only}};
}

Purpose purpose_of(const Params& params) {
    return params.flag("for_mount") ? Purpose::mount : Purpose::device;
}

Json activate(Session& session, const Params& params, Streams&) {
    const std::string name = params.text("name");
    const bool read_only = params.flag("read_only");
    Activations& activations = activations_of(session);
    snapshotter::Context& context = session.changing();
    session.claim(kLayersClaim, Claims::Use::read);
    // What is active already may be read by others; else they must have ended.
    const bool is_active = activations.find(find_target(context, name, read_only).id).has_value();
    session.claim(container_claim(name), is_active ? Claims::Use::read : Claims::Use::write);
    auto target = find_target(context, name, read_only);
    if (is_active && !activations.find(target.id))
        throw Error(Errc::busy, fmt::format("{} was deactivated in this moment; try again", name));
    if (!is_active && read_only) {
        snapshotter::settle_container(context, name);
        target = find_target(context, name, read_only);
    }
    return json_of(activations.activate(target, purpose_of(params)));
}

/// \return whether it was wanted until now
bool set_activation(snapshotter::Context& context, journal::ActivationSet wish) {
    const bool was_wanted = context.store.read([&](const State& state) {
        const Container* container = state.find_container(wish.device);
        return container != nullptr && container->activation.has_value();
    });
    if (was_wanted || wish.is_wanted)
        context.store.commit(
            [&](snapshotter::Draft&) { return snapshotter::Proposal{.records = {wish}}; });
    return was_wanted;
}

Json deactivate(Session& session, const Params& params, Streams&) {
    const std::string name = params.text("name");
    const Purpose purpose = purpose_of(params);
    snapshotter::Context& context = session.changing();
    const auto target = find_target(context, name, true);
    Activations* activations = session.activations();
    bool has_gone = false;
    const bool is_active = activations != nullptr && activations->find(target.id).has_value();
    if (is_active)
        has_gone = activations->deactivate(
            target.id,
            purpose,
            params.flag("when_unused") ? attach::Deactivate::when_unused : attach::Deactivate::now);
    const bool is_container = context.store.read(
        [&](const State& state) { return state.find_container(target.id) != nullptr; });
    const bool was_wanted =
        params.flag("forget") && is_container && set_activation(context, {.device = target.id});
    if (!is_active && !was_wanted)
        throw Error(Errc::not_found, fmt::format("{} is not active", name));
    return {{"name", target.name}, {"deactivated", has_gone}};
}

Json persist(Session& session, const Params& params, Streams&) {
    const std::string name = params.text("name");
    snapshotter::Context& context = session.changing();
    const DeviceId device = context.store.read(
        [&](const State& state) { return snapshotter::get_container(state, name).device; });
    set_activation(context,
                   {.device = device,
                    .is_wanted = true,
                    .mount_point = params.find_text("mount_point").value_or(""),
                    .read_only = params.flag("read_only")});
    return Json::object();
}

/// Grows what is mounted. First the record, which stays whatever comes of the rest: a device may be
/// larger than what is on it, and never smaller, and nobody knows how far a failure got.
Container grow_mounted(Session& session, const Container& container, std::uint64_t size) {
    Activations& activations = activations_of(session);
    const auto active = activations.find(container.device);
    const auto places =
        active ? attach::find_mounts(active->device) : std::vector<attach::MountPlace>();
    if (!active || active->read_only || places.empty())
        throw Error(Errc::busy,
                    fmt::format("{} is active and not mounted to be written; mount it, or "
                                "deactivate it, before it grows",
                                container.name));
    snapshotter::Context& context = session.changing();
    const std::uint64_t grown = snapshotter::size_to_grow_to(container, size);
    snapshotter::record_size(context, container.device, grown);
    activations.resize(container.device, grown);
    attach::grow_mounted(places.front(), grown);
    return session.container(container.name);
}

Json resize(Session& session, const Params& params, Streams&) {
    const std::string name = params.text("name");
    const std::uint64_t size = params.number("size");
    snapshotter::Context& context = session.changing();
    session.claim(container_claim(name), Claims::Use::write);
    const Container container = context.store.read(
        [&](const State& state) { return snapshotter::get_container(state, name); });
    Activations* activations = session.activations();
    const bool is_active =
        activations != nullptr && activations->find(container.device).has_value();
    return container_facts(is_active ? grow_mounted(session, container, size)
                                     : snapshotter::resize_container(context, name, size));
}

constexpr Method kActivationMethods[] = {
    {"container.activate", activate},
    {"container.deactivate", deactivate},
    {"container.persist", persist},
    {"container.resize", resize},
};

} // namespace

std::span<const Method> activation_methods() {
    return kActivationMethods;
}

} // namespace thinsnap::service
