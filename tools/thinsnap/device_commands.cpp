#include <fmt/format.h>

#include "base/size_text.hpp"

#include "command.hpp"
#include "output.hpp"
#include "service/request.hpp"

namespace thinsnap::tools {

namespace {

using rpc::Json;

/// Carries out what has nothing to say to people.
int change(const Context& context, const service::Request& request) {
    const Json result = service::carry_out(context.address(), request);
    if (context.json)
        context.out.json(result);
    return 0;
}

std::uint32_t device_of(const std::string& word) {
    return parse_device_id(word).value();
}

int device_create(const Context& context, const Arguments& arguments) {
    return change(
        context,
        {.method = "device.create", .params = {{"device", device_of(arguments.words()[0])}}});
}

int device_snapshot(const Context& context, const Arguments& arguments) {
    return change(context,
                  {.method = "device.snapshot",
                   .params = {{"device", device_of(arguments.words()[0])},
                              {"origin", device_of(arguments.text("origin"))}}});
}

int device_delete(const Context& context, const Arguments& arguments) {
    Json ids = Json::array();
    for (const std::string& word : arguments.words())
        ids.push_back(device_of(word));
    return change(context, {.method = "device.delete", .params = {{"devices", ids}}});
}

int device_list(const Context& context, const Arguments&) {
    const auto line = [](const Json& device) {
        const auto size = [&](const char* key) {
            return format_size(device.at(key).get<std::uint64_t>());
        };
        return fmt::format("{:>8}  {:>11}  {:>11}  {:>11}  {:>12}  {:>8}  {:>8}\n",
                           device.at("device").dump(),
                           size("mapped_bytes"),
                           size("exclusive_bytes"),
                           size("shared_bytes"),
                           device.at("transaction_id").dump(),
                           device.at("creation_time").dump(),
                           device.at("snapshotted_time").dump());
    };
    const std::string heading = fmt::format("{:>8}  {:>11}  {:>11}  {:>11}  {:>12}  {:>8}  {:>8}\n",
                                            "device",
                                            "mapped",
                                            "exclusive",
                                            "shared",
                                            "transaction",
                                            "created",
                                            "snapped");
    service::Request request{.method = "device.list"};
    ListDisplay display(context.out, context.json, "devices", {.heading = heading, .line = line});
    display.attach(request);
    display.finish(service::carry_out(context.address(), request));
    return 0;
}

int device_diff(const Context& context, const Arguments& arguments) {
    service::Request request{.method = "device.diff",
                             .params = {{"left", device_of(arguments.words()[0])},
                                        {"right", device_of(arguments.words()[1])}}};
    const auto line = [](const Json& run) {
        return fmt::format("{:<10} {:>16} {:>16}\n",
                           run.at("kind").get<std::string>(),
                           run.at("offset").dump(),
                           run.at("length").dump());
    };
    ListDisplay display(context.out, context.json, "runs", {.line = line});
    display.attach(request);
    display.finish(service::carry_out(context.address(), request));
    return 0;
}

constexpr Option kSnapshotOptions[] = {{"origin", "ORIGIN", "the device to take it of"}};

constexpr Command kDeviceCommands[] = {
    {"device", "create", "ID", "make an empty device", 1, 1, {}, device_create, Effect::changes},
    {"device",
     "snapshot",
     "ID --origin ORIGIN",
     "make a snapshot",
     1,
     1,
     kSnapshotOptions,
     device_snapshot,
     Effect::changes},
    {"device",
     "delete",
     "ID...",
     "delete devices, all or none",
     1,
     kMany,
     {},
     device_delete,
     Effect::changes},
    {"device", "list", "", "list devices and what they use", 0, 0, {}, device_list},
    {"device", "diff", "A B", "list the ranges in which two differ", 2, 2, {}, device_diff},
};

} // namespace

std::span<const Command> device_commands() {
    return kDeviceCommands;
}

} // namespace thinsnap::tools
