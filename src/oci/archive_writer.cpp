#include "oci/archive_writer.hpp"

#include <utility>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <thinsnap/error.hpp>

#include "oci/config.hpp"
#include "oci/gzip_sink.hpp"
#include "oci/input_file.hpp"
#include "oci/reference.hpp"
#include "oci/spool.hpp"

namespace thinsnap::oci {

namespace {

constexpr std::size_t kBlobPiece = std::size_t{256} << 10U;
constexpr std::string_view kBlobs = "blobs/sha256/";

std::string blob_name(const Digest& digest) {
    return std::string(kBlobs) + digest.hex();
}

/// A file without a time and an owner.
tar::Entry file_entry(std::string name, std::uint64_t size) {
    tar::Entry entry;
    entry.name = std::move(name);
    entry.attributes.permissions = 0644;
    entry.size = size;
    return entry;
}

void add_directory(tar::Writer& tar, std::string name) {
    tar::Entry entry;
    entry.name = std::move(name);
    entry.type = tar::Type::directory;
    entry.attributes.permissions = 0755;
    tar.begin(entry);
}

void add_file(tar::Writer& tar, std::string name, std::string_view content) {
    tar.begin(file_entry(std::move(name), content.size()));
    tar.write(std::as_bytes(std::span(content)));
}

/// A file that gets a blob, and what the blob is.
class BlobFile final : public ByteSink {
public:
    explicit BlobFile(const std::string& directory)
        : fd_(make_unnamed_file(directory))
        , name_("a work file in " + directory) {}

    void write(std::span<const std::byte> bytes) override {
        sum_.update(bytes);
        write_all(fd_.get(), bytes, name_);
    }

    [[nodiscard]] Digest digest() { return sum_.finish(); }
    [[nodiscard]] FileWindow take() {
        return FileWindow::whole(std::make_shared<const InputFile>(std::move(fd_), name_));
    }

private:
    Fd fd_;
    std::string name_;
    Sha256 sum_;
};

/// Gives each piece of `source` to `take`. \return the digest of all
template <class Take>
Digest for_each_piece(ByteSource& source, Take take) {
    Sha256 sum;
    std::vector<std::byte> scratch(kBlobPiece);
    for (;;) {
        const auto piece = source.next(scratch);
        if (piece.empty())
            return sum.finish();
        sum.update(piece);
        take(piece);
    }
}

} // namespace

ArchiveWriter::ArchiveWriter(ByteSink& sink, ArchiveWriterOptions options)
    : options_(std::move(options))
    , tar_(sink) {
    if (options_.compression != Compression::none && options_.compression != Compression::gzip)
        throw Error(Errc::unsupported,
                    fmt::format("layers cannot be written with {}, only with none or gzip",
                                to_string(options_.compression)));
    add_file(tar_, "oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    add_directory(tar_, "blobs/");
    add_directory(tar_, "blobs/sha256/");
}

Layer ArchiveWriter::add_layer(ByteSource& tar, const std::optional<KnownLayer>& known) {
    if (known)
        if (const auto written = layers_.find(known->diff_id); written != layers_.end())
            return written->second;
    Layer layer = known && options_.compression == Compression::none ? write_known(tar, *known)
                                                                     : write_spooled(tar);
    if (known && layer.diff_id != known->diff_id)
        throw Error(Errc::corrupt,
                    fmt::format("a layer has the diffID {} instead of {}",
                                layer.diff_id.to_string(),
                                known->diff_id.to_string()));
    layers_.emplace(layer.diff_id, layer);
    return layer;
}

Layer ArchiveWriter::write_known(ByteSource& tar, const KnownLayer& known) {
    blobs_.insert(known.diff_id);
    tar_.begin(file_entry(blob_name(known.diff_id), known.size));
    const Digest digest = for_each_piece(tar, [&](auto piece) { tar_.write(piece); });
    tar_.end_content();
    return {{.media_type = std::string(kLayerType), .digest = digest, .size = known.size}, digest};
}

Layer ArchiveWriter::write_spooled(ByteSource& tar) {
    BlobFile file(options_.work_directory);
    const bool compressed = options_.compression == Compression::gzip;
    const Digest diff_id = [&] {
        if (!compressed)
            return for_each_piece(tar, [&](auto piece) { file.write(piece); });
        GzipSink gzip(file);
        const Digest digest = for_each_piece(tar, [&](auto piece) { gzip.write(piece); });
        gzip.finish();
        return digest;
    }();
    const Digest digest = file.digest();
    const FileWindow blob = file.take();
    if (blobs_.insert(digest).second) {
        WindowSource source(blob);
        tar_.begin(file_entry(blob_name(digest), blob.size));
        const Digest copied = for_each_piece(source, [&](auto piece) { tar_.write(piece); });
        tar_.end_content();
        if (copied != digest)
            throw Error(Errc::io,
                        fmt::format("the work file for blob {} changed", digest.to_string()));
    }
    return {{.media_type = std::string(compressed ? kGzipLayerType : kLayerType),
             .digest = digest,
             .size = blob.size},
            diff_id};
}

Descriptor ArchiveWriter::add_json(std::string_view media_type, std::string_view text) {
    const Digest digest = Digest::of(text);
    if (blobs_.insert(digest).second)
        add_file(tar_, blob_name(digest), text);
    return {.media_type = std::string(media_type), .digest = digest, .size = text.size()};
}

Digest ArchiveWriter::add_image(const std::vector<std::string>& names,
                                std::string_view config,
                                std::span<const Layer> layers) {
    const ImageConfig parsed = parse_config(std::string(config));
    std::vector<Descriptor> blobs;
    std::vector<Digest> diff_ids;
    for (const Layer& layer : layers) {
        blobs.push_back(layer.blob);
        diff_ids.push_back(layer.diff_id);
    }
    if (diff_ids != parsed.diff_ids)
        throw Error(Errc::corrupt,
                    fmt::format("the config's {} diffIDs are not those of the {} layers",
                                parsed.diff_ids.size(),
                                diff_ids.size()));
    const Descriptor config_blob = add_json(kConfigType, config);
    Descriptor manifest = add_json(kManifestType, make_manifest(config_blob, blobs));
    manifest.platform = parsed.platform;
    const Digest digest = manifest.digest;
    add_to_index(names, std::move(manifest), config_blob.digest, layers);
    return digest;
}

void ArchiveWriter::add_to_index(const std::vector<std::string>& names,
                                 Descriptor manifest,
                                 const Digest& config,
                                 std::span<const Layer> layers) {
    auto docker = nlohmann::json::object();
    docker["Config"] = blob_name(config);
    docker["Layers"] = nlohmann::json::array();
    for (const Layer& layer : layers)
        docker["Layers"].push_back(blob_name(layer.blob.digest));
    docker["RepoTags"] = nlohmann::json::array();
    if (names.empty())
        index_.push_back(manifest);
    for (const std::string& name : names) {
        const auto full = full_reference(name);
        manifest.annotations = {{std::string(kRefNameAnnotation), full.value_or(name)}};
        if (full) { // Docker and containerd would refuse the whole archive for another name
            manifest.annotations.emplace(kImageNameAnnotation, *full);
            docker["RepoTags"].push_back(*full);
        }
        index_.push_back(manifest);
    }
    docker_entries_.push_back(docker.dump());
}

void ArchiveWriter::finish() {
    add_file(tar_, "index.json", make_index(index_));
    std::string list;
    for (const std::string& entry : docker_entries_)
        list += (list.empty() ? "" : ",") + entry;
    add_file(tar_, "manifest.json", "[" + list + "]");
    tar_.finish();
}

} // namespace thinsnap::oci
