#include "oci/docker_images.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/in_quotes.hpp"
#include "oci/compression.hpp"
#include "oci/json.hpp"

namespace thinsnap::oci {

namespace {

FileWindow find_member(const ArchiveIndex& archive, const std::string& name) {
    auto window = archive.find(name);
    if (!window)
        throw Error(
            Errc::corrupt,
            fmt::format("the archive has no file {}; get the image again", in_quotes(name)));
    return std::move(*window);
}

Digest digest_of(const FileWindow& window) {
    Sha256 sum;
    WindowSource source(window);
    std::vector<std::byte> piece(std::size_t{256} << 10U);
    while (const std::size_t n = source.read(piece))
        sum.update(std::span(piece).first(n));
    return sum.finish();
}

bool is_compressed(const FileWindow& window) {
    std::array<std::byte, kMagicSize> magic{};
    WindowSource source(window);
    const std::size_t n = read_full(source, magic);
    return detect_compression(std::span(magic).first(n)) != Compression::none;
}

/// The digest that a config's file name promises: "<64 hex digits>.json", ".../sha256/<digits>".
std::optional<Digest> digest_in_name(std::string_view name) {
    name = name.substr(name.rfind('/') + 1);
    if (name.ends_with(".json"))
        name.remove_suffix(5);
    try {
        return Digest::parse("sha256:" + std::string(name));
    } catch (const Error&) {
        return std::nullopt;
    }
}

ImageConfig read_config(const ArchiveIndex& archive, const std::string& name) {
    try {
        ImageConfig config = parse_config(read_text(find_member(archive, name), kMaxJsonBytes));
        const auto promised = digest_in_name(name);
        if (promised && *promised != config.digest)
            throw Error(Errc::corrupt,
                        fmt::format("its content has the digest {}; get the image again",
                                    config.digest.to_string()));
        return config;
    } catch (Error& error) {
        error.add_context("config " + in_quotes(name));
        throw;
    }
}

Descriptor add_layer(const FileWindow& window, const Digest& diff_id, ListedBlobs& blobs) {
    const bool compressed = is_compressed(window);
    Descriptor blob{.media_type = std::string(kLayerType),
                    .digest = compressed ? digest_of(window) : diff_id,
                    .size = window.size};
    blobs.add(blob.digest, window);
    return blob;
}

Image read_image(const ArchiveIndex& archive, const Json& entry, ListedBlobs& blobs) {
    const auto& files = entry.array_or_empty("Layers");
    ImageConfig config = read_config(archive, entry.text("Config"));
    if (files.size() != config.diff_ids.size())
        throw Error(Errc::corrupt,
                    fmt::format("it has {} layers in manifest.json and {} diffIDs in its config",
                                files.size(),
                                config.diff_ids.size()));
    std::vector<Descriptor> layers;
    for (std::size_t i = 0; i < files.size(); ++i)
        layers.push_back(
            add_layer(find_member(archive, files[i].as_text("Layers")), config.diff_ids[i], blobs));
    const Descriptor described{
        .media_type = std::string(kConfigType), .digest = config.digest, .size = config.raw.size()};
    std::vector<std::string> names;
    for (const Json& tag : entry.array_or_empty("RepoTags"))
        add_name(names, tag.as_text("RepoTags"));
    return assemble_image(
        std::move(names), make_manifest(described, layers), layers, std::move(config));
}

void expect_platform(const Image& image, const Platform& wanted) {
    const std::array offered{image.config.platform};
    if (!best_match(offered, normalised(wanted)))
        throw Error(Errc::not_found,
                    fmt::format("it is not there for the platform {}, only for {}; choose that "
                                "with --platform",
                                to_string(wanted),
                                in_quotes(to_string(offered.front()))));
}

} // namespace

std::vector<Image> list_docker_images(const ArchiveIndex& archive,
                                      const std::optional<Platform>& platform,
                                      ListedBlobs& blobs) {
    const auto file = archive.find("manifest.json");
    if (!file)
        throw Error(Errc::unsupported,
                    "the archive has no manifest.json: a Docker before 1.10 made it; load and save "
                    "it with a newer one");
    std::vector<Image> images;
    const Json json = Json::parse(read_text(*file, kMaxJsonBytes));
    for (const Json& entry : json.as_array("manifest.json")) {
        try {
            Image image = read_image(archive, entry, blobs);
            if (platform)
                expect_platform(image, *platform);
            images.push_back(std::move(image));
        } catch (Error& error) {
            const Json* tags = entry.is_object() ? entry.find("RepoTags") : nullptr;
            const bool has_tag = tags != nullptr && tags->is_array() && !tags->as_array("").empty();
            error.add_context(
                has_tag ? "image " + in_quotes(tags->as_array("").front().as_text("RepoTags"))
                        : fmt::format("image {} of manifest.json", images.size()));
            throw;
        }
    }
    if (images.empty())
        throw Error(Errc::not_found, "manifest.json lists no image");
    return images;
}

} // namespace thinsnap::oci
