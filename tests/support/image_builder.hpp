#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.hpp"
#include "oci/compression.hpp"
#include "oci/platform.hpp"

#include "support/tar_builder.hpp"

/// \file
/// Images made by hand: layers, and the files that an OCI layout or a docker archive is made
/// of. A test that wants something wrong changes those files before it packs them.

namespace thinsnap::test {

using Bytes = std::vector<std::byte>;

[[nodiscard]] Bytes to_bytes(std::string_view text);
[[nodiscard]] std::string to_text(std::span<const std::byte> bytes);

[[nodiscard]] Bytes compress(std::span<const std::byte> bytes, oci::Compression compression);

struct LayerSpec {
    Bytes tar;
    oci::Compression compression = oci::Compression::gzip;
};

struct ImageSpec {
    std::vector<std::string> names; ///< with registry and tag
    std::vector<LayerSpec> layers;
    oci::Platform platform{"linux", "amd64", ""};
};

/// Files of a layout or an archive: names and contents.
using ImageFiles = std::map<std::string, Bytes>;

/// Puts a blob where its digest says. \return its descriptor as JSON
std::string add_blob(ImageFiles& files,
                     std::string_view media_type,
                     std::span<const std::byte> content,
                     std::string_view extra_members = "");

/// Adds config, layers and manifest. \return the manifest's descriptor, with the platform
std::string add_image(ImageFiles& files, const ImageSpec& image);

/// oci-layout, index.json and blobs.
[[nodiscard]] ImageFiles oci_layout(const std::vector<ImageSpec>& images);

/// What `docker save` wrote before 25: <id>/layer.tar, <id>.json, manifest.json, repositories.
[[nodiscard]] ImageFiles docker_archive(const std::vector<ImageSpec>& images);

[[nodiscard]] Bytes tar_of(const ImageFiles& files);
void write_files(const std::filesystem::path& directory, const ImageFiles& files);
void write_file(const std::filesystem::path& path, std::span<const std::byte> content);

/// The text of index.json for these descriptors.
[[nodiscard]] std::string index_of(const std::vector<std::string>& descriptors);

} // namespace thinsnap::test
