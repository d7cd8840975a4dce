#include "snapshotter/containers.hpp"

#include <algorithm>

#include "snapshotter/store.hpp"

#include "service/facts.hpp"
#include "service/method.hpp"

namespace thinsnap::service {

Json container_facts(const journal::Container& container) {
    return {{"name", container.name},
            {"image", container.image},
            {"device", container.device.value()},
            {"virtual_size", container.virtual_size},
            {"created", time_text(container.created)}};
}

namespace {

Json create_container(Session& session, const Params& params, Streams&) {
    return container_facts(snapshotter::create_container(session.changing(),
                                                         {.name = params.text("name"),
                                                          .image = params.find_text("image"),
                                                          .size = params.find_number("size")}));
}

/// Sees that nobody uses the containers that are to be removed.
void leave(Session& session, const std::vector<DeviceId>& devices, bool by_force) {
    for (const DeviceId device : devices)
        if (!by_force)
            require_inactive(session, device, "unmount and deactivate it before, or use --force");
        else if (session.activations() != nullptr)
            session.activations()->take_away(device);
}

Json remove_containers(Session& session, const Params& params, Streams&) {
    std::vector<std::string> names = params.texts("names");
    snapshotter::Context& context = session.changing();
    std::vector<std::string> unique = names;
    std::ranges::sort(unique); // so that two who remove several never wait for each other
    unique.erase(std::unique(unique.begin(), unique.end()), unique.end());
    for (const std::string& name : unique)
        session.claim(container_claim(name), Claims::Use::write);
    std::vector<DeviceId> devices; // all are found before one is taken away
    for (const std::string& name : unique)
        devices.push_back(context.store.read([&](const journal::State& state) {
            return snapshotter::get_container(state, name).device;
        }));
    leave(session, devices, params.flag("force"));
    return {{"removed", snapshotter::remove_containers(context, names).names}};
}

constexpr Method kContainerMethods[] = {
    {"container.create", create_container},
    {"container.remove", remove_containers},
};

} // namespace

std::span<const Method> container_methods() {
    return kContainerMethods;
}

} // namespace thinsnap::service
