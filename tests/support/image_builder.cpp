#include "support/image_builder.hpp"

#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/core.h>

#include "oci/manifest.hpp"

namespace thinsnap::test {

namespace {

void expect(int result, archive* a) {
    if (result != ARCHIVE_OK)
        throw std::runtime_error(fmt::format("libarchive: {}", archive_error_string(a)));
}

la_ssize_t append(archive* /*a*/, void* bytes, const void* data, std::size_t size) noexcept {
    const auto* from = static_cast<const std::byte*>(data);
    static_cast<Bytes*>(bytes)->insert(static_cast<Bytes*>(bytes)->end(), from, from + size);
    return static_cast<la_ssize_t>(size);
}

void open(archive* a, Bytes& into) {
    expect(archive_write_set_bytes_per_block(a, 0), a);
    expect(archive_write_open(a, &into, nullptr, &append, nullptr), a);
}

std::string quoted_digests(const std::vector<LayerSpec>& layers) {
    std::string list;
    for (const LayerSpec& layer : layers)
        list += fmt::format("{}\"{}\"", list.empty() ? "" : ",", Digest::of(layer.tar).to_string());
    return list;
}

std::string config_of(const ImageSpec& image) {
    std::string history;
    for (std::size_t i = 0; i < image.layers.size(); ++i)
        history += fmt::format("{}{{\"created_by\":\"step {}\"}}", i == 0 ? "" : ",", i + 1);
    return fmt::format(R"({{"architecture":"{}","os":"{}","variant":"{}",)"
                       R"("rootfs":{{"type":"layers","diff_ids":[{}]}},"history":[{}]}})",
                       image.platform.architecture,
                       image.platform.os,
                       image.platform.variant,
                       quoted_digests(image.layers),
                       history);
}

std::string layer_type(oci::Compression compression) {
    std::string type(oci::kLayerType);
    switch (compression) {
    case oci::Compression::gzip:
        return type + "+gzip";
    case oci::Compression::zstd:
        return type + "+zstd";
    default:
        return type;
    }
}

std::string name_annotations(const std::string& name) {
    return fmt::format(R"(,"annotations":{{"{}":"{}"}})", oci::kImageNameAnnotation, name);
}

} // namespace

Bytes to_bytes(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

std::string to_text(std::span<const std::byte> bytes) {
    std::string text(bytes.size(), '\0');
    if (!bytes.empty())
        std::memcpy(text.data(), bytes.data(), bytes.size());
    return text;
}

Bytes compress(std::span<const std::byte> bytes, oci::Compression compression) {
    if (compression == oci::Compression::none)
        return {bytes.begin(), bytes.end()};
    Bytes result;
    const std::unique_ptr<archive, int (*)(archive*)> a(archive_write_new(), &archive_write_free);
    expect(archive_write_add_filter_by_name(a.get(), std::string(to_string(compression)).c_str()),
           a.get());
    expect(archive_write_set_format_raw(a.get()), a.get());
    if (compression == oci::Compression::gzip)
        expect(archive_write_set_options(a.get(), "gzip:!timestamp"), a.get());
    open(a.get(), result);
    const std::unique_ptr<archive_entry, void (*)(archive_entry*)> header(archive_entry_new(),
                                                                          &archive_entry_free);
    archive_entry_set_pathname(header.get(), "data");
    archive_entry_set_filetype(header.get(), AE_IFREG);
    expect(archive_write_header(a.get(), header.get()), a.get());
    if (!bytes.empty() && archive_write_data(a.get(), bytes.data(), bytes.size()) < 0)
        throw std::runtime_error("libarchive takes no data");
    expect(archive_write_close(a.get()), a.get());
    return result;
}

std::string add_blob(ImageFiles& files,
                     std::string_view media_type,
                     std::span<const std::byte> content,
                     std::string_view extra_members) {
    const Digest digest = Digest::of(content);
    files["blobs/sha256/" + digest.hex()] = {content.begin(), content.end()};
    return fmt::format(R"({{"mediaType":"{}","digest":"{}","size":{}{}}})",
                       media_type,
                       digest.to_string(),
                       content.size(),
                       extra_members);
}

std::string add_image(ImageFiles& files, const ImageSpec& image) {
    std::string layers;
    for (const LayerSpec& layer : image.layers) {
        const auto blob = compress(layer.tar, layer.compression);
        layers +=
            (layers.empty() ? "" : ",") + add_blob(files, layer_type(layer.compression), blob);
    }
    const auto config = add_blob(files, oci::kConfigType, to_bytes(config_of(image)));
    const std::string manifest =
        fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]}})",
                    oci::kManifestType,
                    config,
                    layers);
    return add_blob(files,
                    oci::kManifestType,
                    to_bytes(manifest),
                    fmt::format(R"(,"platform":{{"os":"{}","architecture":"{}","variant":"{}"}})",
                                image.platform.os,
                                image.platform.architecture,
                                image.platform.variant));
}

std::string index_of(const std::vector<std::string>& descriptors) {
    std::string list;
    for (const std::string& descriptor : descriptors)
        list += (list.empty() ? "" : ",") + descriptor;
    return fmt::format(
        R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}})", oci::kIndexType, list);
}

ImageFiles oci_layout(const std::vector<ImageSpec>& images) {
    ImageFiles files;
    files["oci-layout"] = to_bytes(R"({"imageLayoutVersion":"1.0.0"})");
    std::vector<std::string> descriptors;
    for (const ImageSpec& image : images) {
        const std::string descriptor = add_image(files, image);
        if (image.names.empty())
            descriptors.push_back(descriptor);
        for (const std::string& name : image.names)
            descriptors.push_back(descriptor.substr(0, descriptor.size() - 1) +
                                  name_annotations(name) + "}");
    }
    files["index.json"] = to_bytes(index_of(descriptors));
    return files;
}

ImageFiles docker_archive(const std::vector<ImageSpec>& images) {
    ImageFiles files;
    std::string list;
    for (const ImageSpec& image : images) {
        const std::string config = config_of(image);
        const std::string config_name = Digest::of(config).hex() + ".json";
        files[config_name] = to_bytes(config);
        std::string layers;
        for (const LayerSpec& layer : image.layers) {
            const std::string name = Digest::of(layer.tar).hex() + "/layer.tar";
            files[name] = compress(layer.tar, layer.compression);
            layers += fmt::format("{}\"{}\"", layers.empty() ? "" : ",", name);
        }
        std::string tags;
        for (const std::string& name : image.names)
            tags += fmt::format("{}\"{}\"", tags.empty() ? "" : ",", name);
        list += fmt::format(R"({}{{"Config":"{}","RepoTags":[{}],"Layers":[{}]}})",
                            list.empty() ? "" : ",",
                            config_name,
                            tags,
                            layers);
    }
    files["manifest.json"] = to_bytes("[" + list + "]");
    files["repositories"] = to_bytes("{}");
    return files;
}

Bytes tar_of(const ImageFiles& files) {
    TarBuilder tar;
    for (const auto& [name, content] : files)
        tar.file(name, to_text(content));
    return tar.finished_bytes();
}

void write_file(const std::filesystem::path& path, std::span<const std::byte> content) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream file(path, std::ios::binary);
    const std::string text = to_text(content);
    file.write(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.flush())
        throw std::runtime_error("writing " + path.string());
}

void write_files(const std::filesystem::path& directory, const ImageFiles& files) {
    for (const auto& [name, content] : files)
        write_file(directory / name, content);
}

} // namespace thinsnap::test
