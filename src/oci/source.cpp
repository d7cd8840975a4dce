#include "oci/source.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "oci/compression.hpp"
#include "oci/docker_images.hpp"
#include "oci/layout_images.hpp"
#include "oci/spool.hpp"
#include "tar/format.hpp"

namespace thinsnap::oci {

namespace {

struct stat status_of(int fd, const std::string& name) {
    struct stat status {};
    if (::fstat(fd, &status) != 0)
        throw SystemError(errno, fmt::format("looking at {}", name));
    return status;
}

ImageSource open_directory(Fd directory, const std::string& path, const SourceOptions& options) {
    auto blobs = std::make_shared<DirectoryBlobs>(std::move(directory), path);
    if (!blobs->find_file("index.json"))
        throw Error(Errc::invalid_argument, "the directory is no OCI layout: it has no index.json");
    auto images = list_layout_images(*blobs, options.platform);
    return {SourceKind::oci_directory, std::move(images), std::move(blobs), options.max_bytes};
}

Digest hash(const FileWindow& window, const SourceOptions& options) {
    Sha256 sum;
    WindowSource source(window);
    std::vector<std::byte> piece(std::size_t{1} << 20U);
    while (const std::size_t n = source.read(piece)) {
        if (options.interrupt)
            options.interrupt();
        sum.update(std::span(piece).first(n));
    }
    return sum.finish();
}

ImageSource make_root_tar(const FileWindow& tar, const SourceOptions& options) {
    const Digest diff_id = hash(tar, options);
    ImageConfig config =
        parse_config(make_config(options.platform ? normalised(*options.platform) : host_platform(),
                                 {.diff_id = diff_id,
                                  .created = options.created,
                                  .created_by = "thinsnap import",
                                  .comment = "a root file system's tar"}));
    const Descriptor described{
        .media_type = std::string(kConfigType), .digest = config.digest, .size = config.raw.size()};
    const std::vector<Descriptor> layers{
        {.media_type = std::string(kLayerType), .digest = diff_id, .size = tar.size}};
    auto blobs = std::make_shared<ListedBlobs>();
    blobs->add(diff_id, tar);
    std::vector<Image> images;
    images.push_back(
        assemble_image({}, make_manifest(described, layers), layers, std::move(config)));
    return {SourceKind::root_tar, std::move(images), std::move(blobs), options.max_bytes};
}

void expect_tar(const FileWindow& tar) {
    tar::Block block{};
    if (tar.size >= block.size())
        tar.file->read(tar.offset, block);
    if (tar.size < block.size() || !(tar::is_zero_block(block) || tar::has_checksum(block)))
        throw Error(Errc::unsupported,
                    "it is neither an OCI layout, an OCI or docker archive, nor a tar (plain or "
                    "compressed with gzip, zstd, xz or bzip2)");
}

ImageSource open_tar(const FileWindow& tar, const SourceOptions& options) {
    expect_tar(tar);
    const auto archive = std::make_shared<const ArchiveIndex>(tar);
    if (archive->is_root_tar())
        return make_root_tar(tar, options);
    if (archive->contains("index.json")) {
        auto blobs = std::make_shared<ArchiveBlobs>(archive);
        auto images = list_layout_images(*blobs, options.platform);
        return {SourceKind::oci_archive, std::move(images), std::move(blobs), options.max_bytes};
    }
    auto blobs = std::make_shared<ListedBlobs>();
    auto images = list_docker_images(*archive, options.platform, *blobs);
    return {SourceKind::docker_archive, std::move(images), std::move(blobs), options.max_bytes};
}

/// What `in` gives, uncompressed, in a work file.
FileWindow
spool_uncompressed(ByteSource& in, const std::string& name, const SourceOptions& options) {
    std::array<std::byte, kMagicSize> magic{};
    const auto front = std::span(magic).first(read_full(in, magic));
    PrefixSource all(front, in);
    const auto decoder = make_decoder(detect_compression(front), all);
    return FileWindow::whole(spool(*decoder,
                                   name,
                                   {.directory = options.work_directory,
                                    .max_bytes = options.max_bytes,
                                    .interrupt = options.interrupt}));
}

ImageSource open_file_source(Fd fd, const std::string& path, const SourceOptions& options) {
    const auto file = FileWindow::whole(std::make_shared<const InputFile>(std::move(fd), path));
    std::array<std::byte, kMagicSize> magic{};
    WindowSource front(file);
    const std::size_t n = read_full(front, magic);
    if (detect_compression(std::span(magic).first(n)) == Compression::none)
        return open_tar(file, options);
    WindowSource all(file);
    return open_tar(spool_uncompressed(all, path, options), options);
}

ImageSource open_stream(int fd, const std::string& name, const SourceOptions& options) {
    FdSource in(fd, name, options.wait_readable);
    return open_tar(spool_uncompressed(in, name, options), options);
}

ImageSource open_path(const std::string& path, const SourceOptions& options) {
    if (path == "-")
        return open_stream(options.standard_input, "standard input", options);
    Fd fd = open_file(path, O_RDONLY);
    const auto mode = status_of(fd.get(), path).st_mode;
    if (S_ISDIR(mode))
        return open_directory(std::move(fd), path, options);
    if (S_ISREG(mode))
        return open_file_source(std::move(fd), path, options);
    return open_stream(fd.get(), path, options);
}

} // namespace

std::string_view to_string(SourceKind kind) noexcept {
    switch (kind) {
    case SourceKind::oci_directory:
        return "OCI layout";
    case SourceKind::oci_archive:
        return "OCI archive";
    case SourceKind::docker_archive:
        return "docker archive";
    case SourceKind::root_tar:
        break;
    }
    return "root tar";
}

ImageSource::ImageSource(SourceKind kind,
                         std::vector<Image> images,
                         std::shared_ptr<const BlobStore> blobs,
                         std::uint64_t max_bytes)
    : kind_(kind)
    , images_(std::move(images))
    , blobs_(std::move(blobs))
    , max_bytes_(max_bytes) {}

std::unique_ptr<LayerStream> ImageSource::open_layer(const Image& image, std::size_t layer) const {
    TS_ASSERT(layer < image.layers.size());
    const Layer& which = image.layers[layer];
    std::string name = fmt::format(
        "image {}: layer {} ({})", image.label(), layer + 1, which.blob.digest.to_string());
    try {
        return std::make_unique<LayerStream>(open_blob(*blobs_, which.blob),
                                             LayerCheck{.blob_digest = which.blob.digest,
                                                        .diff_id = which.diff_id,
                                                        .max_bytes = max_bytes_,
                                                        .name = name});
    } catch (Error& error) {
        error.add_context(name);
        throw;
    }
}

ImageSource open_image_source(const std::string& path, const SourceOptions& options) {
    try {
        return open_path(path, options);
    } catch (Error& error) {
        error.add_context(path == "-" ? "standard input" : path);
        throw;
    }
}

} // namespace thinsnap::oci
