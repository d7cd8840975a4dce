#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "app/snapshotter_handle.hpp"
#include "base/size_text.hpp"
#include "snapshotter/images.hpp"
#include "snapshotter/layer_references.hpp"

#include "command.hpp"
#include "output.hpp"
#include "service/json.hpp"
#include "service/request.hpp"
#include "text.hpp"

namespace thinsnap::tools {

namespace {

using journal::Container;
using journal::Image;
using journal::Layer;
using journal::State;
using service::Json;
using service::text_or_null;
using service::time_text;

Json json_of(const Layer& layer) {
    Json blobs = Json::array();
    for (const Digest& blob : layer.blobs)
        blobs.push_back(blob.to_string());
    return {{"device", layer.device.value()},
            {"kind", to_string(layer.kind)},
            {"chain_id", text_or_null(layer.chain_id)},
            {"diff_id", text_or_null(layer.diff_id)},
            {"blobs", blobs},
            {"size", layer.size},
            {"virtual_size", layer.virtual_size},
            {"created", time_text(layer.created)}};
}

/// Lowest first, as images list them.
Json layers_json(std::vector<const Layer*> layers) {
    Json list = Json::array();
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)
        list.push_back(json_of(**layer));
    return list;
}

Json inspect_container(const State& state, const Container& container) {
    const Layer* parent = container.parent ? state.find_layer(*container.parent) : nullptr;
    return {{"kind", "container"},
            {"name", container.name},
            {"image", container.image},
            {"device", container.device.value()},
            {"virtual_size", container.virtual_size},
            {"created", time_text(container.created)},
            {"labels", container.labels},
            {"layers", layers_json(snapshotter::chain_of(state, parent))}};
}

Json inspect_image(const State& state, const Image& image) {
    return {{"kind", "image"},
            {"name", image.name},
            {"id", image.config_digest.to_string()},
            {"manifest_digest", image.manifest_digest.to_string()},
            {"imported", time_text(image.created)},
            {"config", Json::parse(image.config)},
            {"manifest", Json::parse(image.manifest)},
            {"layers", layers_json(snapshotter::layers_of(state, image))}};
}

int inspect(const Context& context, const Arguments& arguments) {
    const State state = app::read_journal_state(context.pool);
    const std::string& name = arguments.words()[0];
    if (const Container* container = state.find_container(name))
        context.out.json(inspect_container(state, *container));
    else
        context.out.json(inspect_image(state, snapshotter::get_image(state, name)));
    return 0;
}

std::string size_in(const Json& facts, const char* key) {
    return format_size(facts.at(key).get<std::uint64_t>());
}

std::string totals_of(const Json& usage) {
    return columns({{"USED BY", ">COUNT", ">SIZE"},
                    {"images and layers",
                     std::to_string(usage.at("images").size()),
                     size_in(usage, "layers_bytes")},
                    {"containers",
                     std::to_string(usage.at("containers").size()),
                     size_in(usage, "containers_bytes")},
                    {"other devices", "", size_in(usage, "other_bytes")},
                    {"all", "", size_in(usage, "used_bytes")},
                    {"the pool holds", "", size_in(usage, "total_bytes")}});
}

std::string details_of(const Json& usage) {
    const auto text_in = [](const Json& facts, const char* key) {
        return printable(facts.at(key).get<std::string>());
    };
    std::vector<std::vector<std::string>> images{
        {"IMAGE", ">SIZE", ">SHARED", ">UNIQUE", ">RECLAIMABLE", ">CONTAINERS"}};
    for (const Json& image : usage.at("images"))
        images.push_back({text_in(image, "name"),
                          size_in(image, "size"),
                          size_in(image, "shared"),
                          size_in(image, "unique"),
                          size_in(image, "reclaimable"),
                          image.at("containers").dump()});
    std::vector<std::vector<std::string>> containers{
        {"CONTAINER", "IMAGE", ">EXCLUSIVE", ">MAPPED"}};
    for (const Json& container : usage.at("containers"))
        containers.push_back({text_in(container, "name"),
                              text_in(container, "image"),
                              size_in(container, "exclusive"),
                              size_in(container, "mapped")});
    std::string text;
    for (const std::string& table : {columns(images), columns(containers)})
        if (!table.empty())
            text += "\n" + table;
    return text;
}

int show_usage(const Context& context, const Arguments& arguments) {
    const Json usage = service::carry_out(context.address(), {.method = "pool.usage"});
    if (context.json) {
        context.out.json(usage);
        return 0;
    }
    context.out.text(totals_of(usage));
    if (arguments.has("verbose"))
        context.out.text(details_of(usage));
    if (usage.at("unused_layers_bytes") != 0)
        context.out.text(fmt::format("\n{} in layers that nobody needs: 'thinsnap prune'\n",
                                     size_in(usage, "unused_layers_bytes")));
    return 0;
}

constexpr Option kUsageOptions[] = {
    {"verbose,v", nullptr, "also each image and each container"},
};

constexpr Command kInspectCommands[] = {
    {"", "inspect", "NAME", "show all that is known of a container or an image", 1, 1, {}, inspect},
    {"", "df", "", "show what uses how much", 0, 0, kUsageOptions, show_usage},
};

} // namespace

std::span<const Command> inspect_commands() {
    return kInspectCommands;
}

} // namespace thinsnap::tools
