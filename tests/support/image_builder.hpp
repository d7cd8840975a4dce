#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.hpp"
#include "oci/compression.hpp"
#include "oci/platform.hpp"

struct archive;

/// \file
/// Images made by hand: tars, layers, and the files that an OCI layout or a docker archive is made
/// of. A test that wants something wrong changes those files before it packs them.

namespace thinsnap::test {

using Bytes = std::vector<std::byte>;

[[nodiscard]] Bytes to_bytes(std::string_view text);
[[nodiscard]] std::string to_text(std::span<const std::byte> bytes);

/// What a member of a tar is beside its name; see tar(5) for the meaning.
struct TarEntry {
    char type = 'f'; ///< f file, d directory, l symlink, h hard link, c b device, p fifo
    std::string content{};
    std::string link{};
    unsigned mode = 0644;
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::int64_t seconds = 0; ///< mtime
    std::uint32_t nanoseconds = 0;
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
    std::map<std::string, std::string> xattrs{};
};

/// Writes a PAX tar with libarchive.
class TarBuilder {
public:
    TarBuilder();
    TarBuilder& add(const std::string& name, const TarEntry& entry);
    TarBuilder& file(const std::string& name, std::string content) {
        return add(name, {.content = std::move(content)});
    }
    TarBuilder& directory(const std::string& name) {
        return add(name, {.type = 'd', .mode = 0755});
    }
    TarBuilder& symlink(const std::string& name, std::string target) {
        return add(name, {.type = 'l', .link = std::move(target), .mode = 0777});
    }
    TarBuilder& hard_link(const std::string& name, std::string target) {
        return add(name, {.type = 'h', .link = std::move(target)});
    }
    /// The whole tar; nothing can be added afterwards.
    [[nodiscard]] Bytes finish();

private:
    struct Free {
        void operator()(archive* a) const noexcept;
    };
    std::unique_ptr<Bytes> bytes_; ///< libarchive keeps its address
    std::unique_ptr<archive, Free> archive_;
};

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
