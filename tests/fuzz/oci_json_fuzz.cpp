// Texts taken for the JSON files of an image, one kind for each first byte. What is accepted can be
// used, and what is made of it is accepted, too.

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <thinsnap/error.hpp>

#include "oci/config.hpp"
#include "oci/docker_images.hpp"
#include "oci/layout_images.hpp"
#include "oci/manifest.hpp"

#include "support/image_builder.hpp"

#include "fuzz/fuzz.hpp"
#include "fuzz/memory_file.hpp"

namespace thinsnap::test {

namespace {

std::vector<ImageSpec> images() {
    return {{{"demo:1"}, {{TarBuilder().file("a", "a").finished_bytes(), oci::Compression::none}}}};
}

/// `text` for the file `name` of a sound archive.
oci::ArchiveIndex archive_with(ImageFiles files, const std::string& name, std::string_view text) {
    files[name] = to_bytes(text);
    return oci::ArchiveIndex(file_of(tar_of(files)));
}

void try_manifest(std::string_view text) {
    const auto parsed = oci::parse_manifest(text, "");
    if (const auto* manifest = std::get_if<oci::Manifest>(&parsed))
        static_cast<void>(oci::parse_manifest(
            oci::make_manifest(manifest->config, manifest->layers), oci::kManifestType));
    else
        static_cast<void>(
            oci::parse_index(oci::make_index(std::get<oci::Index>(parsed).manifests)));
}

void try_config(std::string_view text) {
    const Digest digest = Digest::of(text);
    const auto more = oci::append_layer(text, {.diff_id = digest, .created_by = std::string(text)});
    const std::array one{digest};
    static_cast<void>(oci::parse_config(oci::replace_diff_ids(more, one)));
}

void try_docker_manifest(std::string_view text) {
    static const ImageFiles files = docker_archive(images());
    oci::ListedBlobs blobs;
    static_cast<void>(
        oci::list_docker_images(archive_with(files, "manifest.json", text), {}, blobs));
}

void try_index(std::string_view text) {
    static const ImageFiles files = oci_layout(images());
    const oci::ArchiveBlobs blobs(
        std::make_shared<const oci::ArchiveIndex>(archive_with(files, "index.json", text)));
    static_cast<void>(oci::list_layout_images(blobs, {}));
}

} // namespace

int fuzz_one(std::span<const std::byte> input) {
    if (input.empty())
        return 0;
    static constexpr std::array kTries{
        &try_manifest, &try_config, &try_docker_manifest, &try_index};
    const std::string text = to_text(input.subspan(1));
    try {
        kTries.at(std::to_integer<std::size_t>(input.front()) % kTries.size())(text);
    } catch (const Error&) { // it says what is wrong
    }
    return 0;
}

} // namespace thinsnap::test
