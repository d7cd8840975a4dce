#include "oci/manifest.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <thinsnap/error.hpp>

#include "base/in_quotes.hpp"
#include "oci/json.hpp"

namespace thinsnap::oci {

namespace {

constexpr std::string_view kDockerIndexType =
    "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr std::string_view kDockerManifestType =
    "application/vnd.docker.distribution.manifest.v2+json";
constexpr std::string_view kDockerConfigType = "application/vnd.docker.container.image.v1+json";
constexpr std::string_view kSchema1Prefix = "application/vnd.docker.distribution.manifest.v1";

// Media types of layers without what says how they are compressed: their own bytes say that.
constexpr std::array kLayerTypes{
    kLayerType,
    std::string_view("application/vnd.oci.image.layer.nondistributable.v1.tar"),
    std::string_view("application/vnd.docker.image.rootfs.diff.tar"),
    std::string_view("application/vnd.docker.image.rootfs.foreign.diff.tar"),
};

Error unsupported(std::string text) {
    return {Errc::unsupported, std::move(text)};
}

Error contradiction(std::string text) {
    return {Errc::corrupt, std::move(text)};
}

Platform parse_platform_member(const Json& platform) {
    return {.os = platform.text_or_empty("os"),
            .architecture = platform.text_or_empty("architecture"),
            .variant = platform.text_or_empty("variant")};
}

Descriptor parse_descriptor(const Json& json) {
    Descriptor descriptor{.media_type = json.text_or_empty("mediaType"),
                          .digest = Digest::parse(json.text("digest")),
                          .size = json.number("size")};
    if (const Json* platform = json.find("platform"))
        descriptor.platform = parse_platform_member(*platform);
    if (const Json* annotations = json.find("annotations"))
        for (const auto& [key, value] : annotations->as_object("annotations"))
            descriptor.annotations.emplace(key, value.as_text(key));
    return descriptor;
}

std::vector<Descriptor> parse_descriptors(const Json& json, std::string_view key) {
    std::vector<Descriptor> descriptors;
    for (const Json& each : json.array(key)) {
        try {
            descriptors.push_back(parse_descriptor(each));
        } catch (Error& error) {
            error.add_context(fmt::format("{}[{}]", key, descriptors.size()));
            throw;
        }
    }
    return descriptors;
}

void check_config_type(const Descriptor& config) {
    if (config.media_type != kConfigType && config.media_type != kDockerConfigType)
        throw unsupported(fmt::format("it is no container image: its config has the media type {}",
                                      in_quotes(config.media_type)));
}

void check_layer_type(const Descriptor& layer) {
    std::string_view type = layer.media_type;
    if (type.ends_with("+encrypted"))
        throw unsupported(
            fmt::format("layer {} is encrypted: decrypt the image first, for example with "
                        "skopeo copy --decryption-key",
                        layer.digest.to_string()));
    for (const std::string_view suffix : {"+gzip", ".gzip", "+zstd", ".zstd"})
        if (type.ends_with(suffix))
            type.remove_suffix(suffix.size());
    if (std::ranges::find(kLayerTypes, type) == kLayerTypes.end())
        throw unsupported(fmt::format("layer {} has the media type {}: not a layer of a container "
                                      "image",
                                      layer.digest.to_string(),
                                      in_quotes(layer.media_type)));
}

Manifest read_manifest(const Json& json) {
    const Json& config = json.member("config");
    Manifest manifest{[&] {
                          try {
                              return parse_descriptor(config);
                          } catch (Error& error) {
                              error.add_context("config");
                              throw;
                          }
                      }(),
                      parse_descriptors(json, "layers")};
    check_config_type(manifest.config);
    for (const Descriptor& layer : manifest.layers)
        check_layer_type(layer);
    return manifest;
}

void refuse_schema1(const Json& json, std::string_view media_type) {
    const Json* version = json.find("schemaVersion");
    const bool is_schema1 = media_type.starts_with(kSchema1Prefix) ||
                            json.find("fsLayers") != nullptr ||
                            (version != nullptr && json.number("schemaVersion") == 1);
    if (is_schema1)
        throw unsupported("it is a Docker schema 1 manifest, which is obsolete: convert the image, "
                          "for example with skopeo copy --format oci");
    if (version != nullptr && json.number("schemaVersion") != 2)
        throw unsupported(
            fmt::format("schemaVersion {} is not known, only 2", json.number("schemaVersion")));
}

/// One text must not be an index for one reader and a manifest for another (CVE-2021-41190).
void refuse_ambiguous(const Json& json, std::string_view media_type) {
    const bool has_manifests = json.find("manifests") != nullptr;
    const bool has_layers = json.find("layers") != nullptr || json.find("config") != nullptr;
    if (has_manifests && has_layers)
        throw contradiction("it claims to be both an index and a manifest");
    const std::string own = json.text_or_empty("mediaType");
    if (!own.empty() && !media_type.empty() && own != media_type)
        throw contradiction(fmt::format(
            "its media type is {}, the descriptor says {}", in_quotes(own), in_quotes(media_type)));
    const std::string_view type = own.empty() ? media_type : std::string_view(own);
    if (type.empty())
        return;
    const bool is_index = type == kIndexType || type == kDockerIndexType;
    if (!is_index && type != kManifestType && type != kDockerManifestType)
        throw unsupported(
            fmt::format("the media type {} is neither an image's nor an index's", in_quotes(type)));
    if (is_index != has_manifests)
        throw contradiction(
            fmt::format("it has not the content that its media type {} promises", in_quotes(type)));
}

nlohmann::json to_json(const Descriptor& descriptor) {
    nlohmann::json json = {{"mediaType", descriptor.media_type},
                           {"digest", descriptor.digest.to_string()},
                           {"size", descriptor.size}};
    if (descriptor.platform) {
        auto& platform = json["platform"];
        platform = {{"os", descriptor.platform->os},
                    {"architecture", descriptor.platform->architecture}};
        if (!descriptor.platform->variant.empty())
            platform["variant"] = descriptor.platform->variant;
    }
    if (!descriptor.annotations.empty())
        json["annotations"] = descriptor.annotations;
    return json;
}

nlohmann::json to_json(std::span<const Descriptor> descriptors) {
    auto list = nlohmann::json::array();
    for (const Descriptor& descriptor : descriptors)
        list.push_back(to_json(descriptor));
    return list;
}

} // namespace

bool Descriptor::is_attestation() const {
    const auto type = annotations.find("vnd.docker.reference.type");
    if (type != annotations.end() && type->second == "attestation-manifest")
        return true;
    return platform && platform->os == "unknown" && platform->architecture == "unknown";
}

std::variant<Manifest, Index> parse_manifest(std::string_view text, std::string_view media_type) {
    const Json json = Json::parse(text);
    refuse_schema1(json, media_type);
    refuse_ambiguous(json, media_type);
    if (json.find("manifests") != nullptr)
        return Index{parse_descriptors(json, "manifests")};
    return read_manifest(json);
}

Index parse_index(std::string_view text) {
    const Json json = Json::parse(text);
    refuse_schema1(json, {});
    return {parse_descriptors(json, "manifests")};
}

std::string make_manifest(const Descriptor& config, std::span<const Descriptor> layers) {
    const nlohmann::json json = {{"schemaVersion", 2},
                                 {"mediaType", kManifestType},
                                 {"config", to_json(config)},
                                 {"layers", to_json(layers)}};
    return json.dump();
}

std::string make_index(std::span<const Descriptor> manifests) {
    const nlohmann::json json = {
        {"schemaVersion", 2}, {"mediaType", kIndexType}, {"manifests", to_json(manifests)}};
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

} // namespace thinsnap::oci
