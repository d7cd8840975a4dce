#include <algorithm>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/snapshotter_handle.hpp"
#include "base/fd.hpp"
#include "base/size_text.hpp"
#include "base/timestamp.hpp"
#include "oci/config.hpp"
#include "snapshotter/images.hpp"
#include "snapshotter/layer_references.hpp"

#include "command.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "service/json.hpp"
#include "service/request.hpp"
#include "sights.hpp"
#include "text.hpp"

namespace thinsnap::tools {

namespace {

using journal::Image;
using journal::Layer;
using journal::State;
using service::Json;

/// Whether a path means one thing to this process and another, or nothing, to a server.
bool is_own(const std::string& path) {
    struct stat st {};
    return path.starts_with("/dev/") || path.starts_with("/proc/") ||
           (::stat(path.c_str(), &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode));
}

int import_source(const Context& context, const Arguments& arguments) {
    const std::string& source = arguments.words()[0];
    service::Request request{.method = "image.import",
                             .params = {{"overlay_whiteouts", arguments.has("overlay-whiteouts")}}};
    Fd opened;
    request.params["source"] = "-";
    request.descriptor = STDIN_FILENO;
    if (source != "-" && is_own(source)) {
        opened = open_file(source, O_RDONLY);
        request.descriptor = opened.get();
    } else if (source != "-") {
        request.params["source"] = absolute_path(source);
    }
    for (const char* option : {"name", "platform"})
        if (const auto value = arguments.find_text(option))
            request.params[option] = *value;
    ProgressDisplay display(!context.json);
    request.on_progress = [&](const Json& progress) { display.show(progress); };
    const Json result = service::carry_out(context.address(), request);
    if (context.json) {
        context.out.json(result);
        return 0;
    }
    for (const Json& image : result.at("images"))
        for (const Json& name : image.at("names"))
            context.out.text(fmt::format("{}  {}\n",
                                         short_digest(image.at("id").get<std::string>()),
                                         printable(name.get<std::string>())));
    return 0;
}

std::uint64_t size_of(const State& state, const Image& image) {
    std::uint64_t size = 0;
    for (const Layer* layer : snapshotter::layers_of(state, image))
        size += layer->size;
    return size;
}

/// What is active of an image is its top layer.
Sight sight_of(const State& state, const Image& image, const Sights& sights) {
    const Layer* layer = snapshotter::top_layer_of(state, image);
    return layer != nullptr ? sights.of(layer->device) : Sight();
}

int list_images(const Context& context, const Arguments&) {
    const State state = app::read_journal_state(context.pool);
    const Sights sights(context.pool);
    Json list = Json::array();
    std::vector<std::vector<std::string>> rows{
        {"IMAGE", "ID", ">LAYERS", ">SIZE", "IMPORTED", "STATE", "DEVICE", "MOUNTED ON"}};
    for (const auto& [name, image] : state.images()) {
        const Sight sight = sight_of(state, image, sights);
        list.push_back({{"name", name},
                        {"id", image.config_digest.to_string()},
                        {"manifest", image.manifest_digest.to_string()},
                        {"layers", image.diff_ids.size()},
                        {"size", size_of(state, image)},
                        {"imported", service::time_text(image.created)}});
        add_to(list.back(), sight);
        rows.push_back({printable(name),
                        short_digest(image.config_digest.to_string()),
                        std::to_string(image.diff_ids.size()),
                        format_size(size_of(state, image)),
                        format_time(timestamp_of(image.created))});
        add_to(rows.back(), sight);
    }
    if (context.json)
        context.out.json({{"images", list}});
    else
        context.out.text(columns(rows));
    return 0;
}

/// One line of an image's history: what made it, and the layer that came of it, if any.
struct HistoryLine {
    oci::HistoryEntry entry;
    const Layer* layer = nullptr;
};

/// Newest first. A history that does not fit the layers is left out: the layers alone are shown.
std::vector<HistoryLine> history_of(const State& state, const Image& image) {
    const oci::ImageConfig config = oci::parse_config(image.config);
    auto layers = snapshotter::layers_of(state, image); // top first
    std::vector<HistoryLine> lines;
    const auto filled =
        std::ranges::count_if(config.history, [](const auto& entry) { return !entry.empty_layer; });
    if (static_cast<std::size_t>(filled) != layers.size()) {
        for (const Layer* layer : layers)
            lines.push_back({{}, layer});
        return lines;
    }
    auto next = layers.begin();
    for (auto entry = config.history.rbegin(); entry != config.history.rend(); ++entry)
        lines.push_back({*entry, entry->empty_layer ? nullptr : *next++});
    return lines;
}

Json json_of(const HistoryLine& line) {
    Json json{{"created", line.entry.created},
              {"created_by", line.entry.created_by},
              {"comment", line.entry.comment},
              {"empty_layer", line.layer == nullptr},
              {"size", line.layer == nullptr ? 0 : line.layer->size}};
    if (line.layer != nullptr && line.layer->diff_id)
        json["diff_id"] = line.layer->diff_id->to_string();
    return json;
}

int show_history(const Context& context, const Arguments& arguments) {
    const State state = app::read_journal_state(context.pool);
    const Image& image = snapshotter::get_image(state, arguments.words()[0]);
    Json list = Json::array();
    std::vector<std::vector<std::string>> rows{{"CREATED", ">SIZE", "CREATED BY"}};
    for (const HistoryLine& line : history_of(state, image)) {
        list.push_back(json_of(line));
        rows.push_back({printable(line.entry.created),
                        format_size(line.layer == nullptr ? 0 : line.layer->size),
                        printable(line.entry.created_by.empty() ? line.entry.comment
                                                                : line.entry.created_by)});
    }
    if (context.json)
        context.out.json({{"image", image.name}, {"history", list}});
    else
        context.out.text(columns(rows));
    return 0;
}

int tag(const Context& context, const Arguments& arguments) {
    static_cast<void>(service::carry_out(
        context.address(),
        {.method = "image.tag",
         .params = {{"image", arguments.words()[0]}, {"name", arguments.words()[1]}}}));
    return 0;
}

int report_removed(const Context& context, const Json& removed) {
    if (context.json) {
        context.out.json(removed);
        return 0;
    }
    for (const Json& name : removed.at("removed"))
        context.out.text(fmt::format("removed {}\n", printable(name.get<std::string>())));
    context.out.text(fmt::format("{} layers, {} freed\n",
                                 removed.at("layers").get<std::uint64_t>(),
                                 format_size(removed.at("bytes").get<std::uint64_t>())));
    return 0;
}

int remove_images(const Context& context, const Arguments& arguments) {
    return report_removed(context,
                          service::carry_out(context.address(),
                                             {.method = "image.remove",
                                              .params = {{"images", arguments.words()},
                                                         {"force", arguments.has("force")}}}));
}

int prune(const Context& context, const Arguments&) {
    return report_removed(context,
                          service::carry_out(context.address(), {.method = "image.prune"}));
}

constexpr Option kImportOptions[] = {
    {"name", "NAME", "what the image is to be called; default: as the source says"},
    {"platform", "PLATFORM", "which of several, as os/architecture[/variant]; default: this one"},
    {"overlay-whiteouts", nullptr, "take OverlayFS's marks for whiteouts, too"},
};
constexpr Option kRemoveImageOptions[] = {
    {"force", nullptr, "also the last name of an image that containers were made from"},
};

constexpr Command kImageCommands[] = {
    {"",
     "import",
     "SOURCE",
     "make images from a file",
     1,
     1,
     kImportOptions,
     import_source,
     Effect::changes},
    {"", "images", "", "list images", 0, 0, {}, list_images},
    {"", "history", "IMAGE", "show how an image was made", 1, 1, {}, show_history},
    {"", "tag", "IMAGE NAME", "give an image one more name", 2, 2, {}, tag, Effect::changes},
    {"",
     "rmi",
     "IMAGE...",
     "remove images",
     1,
     kMany,
     kRemoveImageOptions,
     remove_images,
     Effect::changes},
    {"", "prune", "", "remove layers that nobody needs", 0, 0, {}, prune, Effect::changes},
};

} // namespace

std::span<const Command> image_commands() {
    return kImageCommands;
}

} // namespace thinsnap::tools
