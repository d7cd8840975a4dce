#include "oci/config.hpp"

#include <utility>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <thinsnap/error.hpp>

#include "base/in_quotes.hpp"
#include "oci/json.hpp"

namespace thinsnap::oci {

namespace {

HistoryEntry parse_history_entry(const Json& entry) {
    return {.created = entry.text_or_empty("created"),
            .created_by = entry.text_or_empty("created_by"),
            .comment = entry.text_or_empty("comment"),
            .author = entry.text_or_empty("author"),
            .empty_layer = entry.flag("empty_layer")};
}

std::vector<Digest> parse_diff_ids(const Json& rootfs) {
    const std::string& type = rootfs.text("type");
    if (type != "layers")
        throw Error(Errc::corrupt,
                    fmt::format("rootfs.type: expected 'layers', found {}", in_quotes(type)));
    std::vector<Digest> diff_ids;
    for (const Json& text : rootfs.array_or_empty("diff_ids")) {
        try {
            diff_ids.push_back(Digest::parse(text.as_text("a diffID")));
        } catch (Error& error) {
            error.add_context(fmt::format("rootfs.diff_ids[{}]", diff_ids.size()));
            throw;
        }
    }
    return diff_ids;
}

Platform parse_platform_of(const Json& config) {
    return {.os = config.text("os"),
            .architecture = config.text("architecture"),
            .variant = config.text_or_empty("variant")};
}

nlohmann::json history_entry(const NewLayer& layer) {
    nlohmann::json entry = nlohmann::json::object();
    if (!layer.created.empty())
        entry["created"] = layer.created;
    if (!layer.created_by.empty())
        entry["created_by"] = layer.created_by;
    if (!layer.comment.empty())
        entry["comment"] = layer.comment;
    return entry;
}

/// nlohmann keeps members sorted by name, so the text depends on the content alone.
std::string write(const nlohmann::json& config) {
    return config.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Text that parse_config() accepts, to be changed.
nlohmann::json read(std::string_view config) {
    static_cast<void>(parse_config(std::string(config)));
    return nlohmann::json::parse(config);
}

void add(nlohmann::json& config, const NewLayer& layer) {
    config["rootfs"]["diff_ids"].push_back(layer.diff_id.to_string());
    config["history"].push_back(history_entry(layer));
    if (layer.created.empty())
        config.erase("created");
    else
        config["created"] = layer.created;
}

} // namespace

ImageConfig parse_config(std::string raw) {
    const Json config = Json::parse(raw);
    static_cast<void>(config.as_object("the configuration"));
    const Digest digest = Digest::of(raw);
    std::vector<HistoryEntry> history;
    for (const Json& entry : config.array_or_empty("history"))
        history.push_back(parse_history_entry(entry));
    return {.raw = std::move(raw),
            .digest = digest,
            .platform = parse_platform_of(config),
            .created = config.text_or_empty("created"),
            .diff_ids = parse_diff_ids(config.member("rootfs")),
            .history = std::move(history)};
}

std::string make_config(const Platform& platform, const NewLayer& layer) {
    nlohmann::json config = {
        {"architecture", platform.architecture},
        {"os", platform.os},
        {"config", nlohmann::json::object()},
        {"rootfs", {{"type", "layers"}, {"diff_ids", nlohmann::json::array()}}},
    };
    if (!platform.variant.empty())
        config["variant"] = platform.variant;
    add(config, layer);
    return write(config);
}

std::string append_layer(std::string_view parent, const NewLayer& layer) {
    auto config = read(parent);
    add(config, layer);
    return write(config);
}

std::string replace_diff_ids(std::string_view config, std::span<const Digest> diff_ids) {
    auto changed = read(config);
    auto list = nlohmann::json::array();
    for (const Digest& diff_id : diff_ids)
        list.push_back(diff_id.to_string());
    changed["rootfs"]["diff_ids"] = std::move(list);
    return write(changed);
}

} // namespace thinsnap::oci
