#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <thinsnap/error.hpp>

#include "app/snapshotter_handle.hpp"
#include "base/size_text.hpp"
#include "base/timestamp.hpp"
#include "snapshotter/images.hpp"
#include "snapshotter/layer_references.hpp"
#include "snapshotter/usage.hpp"

#include "command.hpp"
#include "output.hpp"
#include "text.hpp"

namespace thinsnap::tools {

namespace {

using Json = nlohmann::ordered_json;
using journal::Container;
using journal::Image;
using journal::Layer;
using journal::State;

Json text_or_null(const std::optional<Digest>& digest) {
    return digest ? Json(digest->to_string()) : Json(nullptr);
}

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
            {"created", format_rfc3339(timestamp_of(layer.created), Fraction::always)}};
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
            {"created", format_rfc3339(timestamp_of(container.created), Fraction::always)},
            {"labels", container.labels},
            {"layers", layers_json(snapshotter::chain_of(state, parent))}};
}

Json inspect_image(const State& state, const Image& image) {
    return {{"kind", "image"},
            {"name", image.name},
            {"id", image.config_digest.to_string()},
            {"manifest_digest", image.manifest_digest.to_string()},
            {"imported", format_rfc3339(timestamp_of(image.created), Fraction::always)},
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

Json json_of(const snapshotter::Usage& usage) {
    Json images = Json::array();
    for (const auto& image : usage.images)
        images.push_back({{"name", image.name},
                          {"size", image.size},
                          {"shared", image.shared},
                          {"unique", image.unique},
                          {"reclaimable", image.reclaimable},
                          {"containers", image.containers}});
    Json containers = Json::array();
    for (const auto& container : usage.containers)
        containers.push_back({{"name", container.name},
                              {"image", container.image},
                              {"exclusive", container.exclusive},
                              {"mapped", container.mapped}});
    return {{"layers_bytes", usage.layers_bytes},
            {"unused_layers_bytes", usage.unused_layers_bytes},
            {"containers_bytes", usage.containers_bytes},
            {"other_bytes", usage.other_bytes},
            {"used_bytes", usage.used},
            {"total_bytes", usage.total},
            {"images", images},
            {"containers", containers}};
}

std::string totals_of(const snapshotter::Usage& usage) {
    return columns({{"USED BY", ">COUNT", ">SIZE"},
                    {"images and layers",
                     std::to_string(usage.images.size()),
                     format_size(usage.layers_bytes)},
                    {"containers",
                     std::to_string(usage.containers.size()),
                     format_size(usage.containers_bytes)},
                    {"other devices", "", format_size(usage.other_bytes)},
                    {"all", "", format_size(usage.used)},
                    {"the pool holds", "", format_size(usage.total)}});
}

std::string details_of(const snapshotter::Usage& usage) {
    std::vector<std::vector<std::string>> images{
        {"IMAGE", ">SIZE", ">SHARED", ">UNIQUE", ">RECLAIMABLE", ">CONTAINERS"}};
    for (const auto& image : usage.images)
        images.push_back({printable(image.name),
                          format_size(image.size),
                          format_size(image.shared),
                          format_size(image.unique),
                          format_size(image.reclaimable),
                          std::to_string(image.containers)});
    std::vector<std::vector<std::string>> containers{
        {"CONTAINER", "IMAGE", ">EXCLUSIVE", ">MAPPED"}};
    for (const auto& container : usage.containers)
        containers.push_back({printable(container.name),
                              printable(container.image),
                              format_size(container.exclusive),
                              format_size(container.mapped)});
    std::string text;
    for (const std::string& table : {columns(images), columns(containers)})
        if (!table.empty())
            text += "\n" + table;
    return text;
}

int show_usage(const Context& context, const Arguments& arguments) {
    app::SnapshotterView view(context.pool, context.lock_timeout);
    const auto metadata = view.pool().pool().read_view();
    const auto usage = snapshotter::measure_usage(view.state(), *metadata, view.pool().status());
    if (context.json) {
        context.out.json(json_of(usage));
        return 0;
    }
    context.out.text(totals_of(usage));
    if (arguments.has("verbose"))
        context.out.text(details_of(usage));
    if (usage.unused_layers_bytes > 0)
        context.out.text(fmt::format("\n{} in layers that nobody needs: 'thinsnap prune'\n",
                                     format_size(usage.unused_layers_bytes)));
    return 0;
}

constexpr Option kUsageOptions[] = {
    {"verbose,v", nullptr, "also each image and each container"},
};

constexpr Command kCommands[] = {
    {"", "inspect", "NAME", "show all that is known of a container or an image", 1, 1, {}, inspect},
    {"", "df", "", "show what uses how much", 0, 0, kUsageOptions, show_usage},
};

} // namespace

std::span<const Command> inspect_commands() {
    return kCommands;
}

} // namespace thinsnap::tools
