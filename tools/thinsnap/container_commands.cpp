#include <algorithm>

#include <fmt/format.h>

#include "app/snapshotter_handle.hpp"
#include "base/size_text.hpp"
#include "base/timestamp.hpp"

#include "command.hpp"
#include "output.hpp"
#include "service/facts.hpp"
#include "service/request.hpp"
#include "sights.hpp"
#include "text.hpp"

namespace thinsnap::tools {

namespace {

using journal::Container;
using journal::State;
using service::Json;

int create(const Context& context, const Arguments& arguments) {
    service::Request request{.method = "container.create",
                             .params = {{"name", arguments.words()[0]}}};
    if (const auto image = arguments.find_text("image"))
        request.params["image"] = *image;
    if (const auto size = arguments.find_size("size"))
        request.params["size"] = *size;
    const Json made = service::carry_out(context.address(), request);
    if (context.json)
        context.out.json(made);
    return 0;
}

/// The containers by name, without those that are being made or removed.
std::vector<const Container*> sorted_containers(const State& state) {
    std::vector<const Container*> containers;
    for (const auto& [device, container] : state.containers())
        if (container.stage == journal::Stage::ready)
            containers.push_back(&container);
    std::ranges::sort(
        containers, {}, [](const Container* c) -> const std::string& { return c->name; });
    return containers;
}

int list_containers(const Context& context, const Arguments&) {
    const State state = app::read_journal_state(context.pool);
    const Sights sights(context.pool);
    Json list = Json::array();
    std::vector<std::vector<std::string>> rows{
        {"NAME", "IMAGE", ">SIZE", "CREATED", "STATE", "DEVICE", "MOUNTED ON"}};
    for (const Container* container : sorted_containers(state)) {
        const Sight sight = sights.of(container->device);
        list.push_back(service::container_facts(*container));
        add_to(list.back(), sight);
        list.back()["persistent"] = container->activation.has_value();
        rows.push_back({printable(container->name),
                        printable(container->image),
                        format_size(container->virtual_size),
                        format_time(timestamp_of(container->created))});
        add_to(rows.back(), sight);
    }
    if (context.json)
        context.out.json({{"containers", list}});
    else
        context.out.text(columns(rows));
    return 0;
}

int resize(const Context& context, const Arguments& arguments) {
    const Json resized =
        service::carry_out(context.address(),
                           {.method = "container.resize",
                            .params = {{"name", arguments.words()[0]},
                                       {"size", parse_size(arguments.words()[1], "SIZE")}}});
    if (context.json)
        context.out.json(resized);
    return 0;
}

int remove(const Context& context, const Arguments& arguments) {
    const Json removed = service::carry_out(
        context.address(),
        {.method = "container.remove",
         .params = {{"names", arguments.words()}, {"force", arguments.has("force")}}});
    if (context.json)
        context.out.json(removed);
    return 0;
}

constexpr Option kNewContainer[] = {
    {"image", "IMAGE", "what it is a copy of; default: nothing, an empty file system"},
    {"size", "SIZE", "of its file system, at least the image's; default: the image's, or 10G"},
};
constexpr Option kRemoveContainerOptions[] = {
    {"force", nullptr, "also what is active or mounted, which is taken away from its users"},
};

constexpr Command kContainerCommands[] = {
    {"", "create", "NAME", "make a container", 1, 1, kNewContainer, create, Effect::changes},
    {"", "list", "", "list containers", 0, 0, {}, list_containers},
    {"",
     "resize",
     "NAME SIZE",
     "make a container larger, mounted or not",
     2,
     2,
     {},
     resize,
     Effect::changes},
    {"",
     "rm",
     "NAME...",
     "remove containers, all or none",
     1,
     kMany,
     kRemoveContainerOptions,
     remove,
     Effect::changes},
};

} // namespace

std::span<const Command> container_commands() {
    return kContainerCommands;
}

} // namespace thinsnap::tools
