#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_sink.hpp"
#include "base/byte_source.hpp"
#include "base/digest.hpp"
#include "oci/compression.hpp"
#include "oci/image.hpp"
#include "oci/manifest.hpp"
#include "tar/writer.hpp"

namespace thinsnap::oci {

struct ArchiveWriterOptions {
    Compression compression = Compression::none; ///< of layers: none or gzip
    /// Where layers wait in unnamed files until their size and digest are known, which stand before
    /// them in the archive.
    std::string work_directory = "/var/tmp";
};

/// What is known of a layer before it is read.
struct KnownLayer {
    std::uint64_t size = 0; ///< of the uncompressed tar, bytes
    Digest diff_id;
};

/// Writes an OCI archive: an image layout in a tar, with Docker's manifest.json beside it, so that
/// `docker load`, `podman load`, `skopeo copy oci-archive:` and `ctr image import` take it.
///
/// First the layers, then the images made of them, then finish(). The same calls give the same
/// bytes; gzip with the limits of GzipSink. A blob is written once, however many images share it.
/// After an Error what was written is no archive.
class ArchiveWriter {
public:
    /// \param sink  must outlive it
    /// \throws Error(unsupported)  another compression
    ArchiveWriter(ByteSink& sink, ArchiveWriterOptions options);

    /// Reads a layer's uncompressed tar to its end and writes it. With what is known, an
    /// uncompressed layer goes straight to the sink, and one that was written before is not read.
    /// \throws Error(corrupt)  it is not what was known
    [[nodiscard]] Layer add_layer(ByteSource& tar, const std::optional<KnownLayer>& known = {});

    /// Writes config and manifest. \param config  its diffIDs are those of `layers`
    /// \return  the manifest's digest
    /// \throws Error(corrupt)  `config` is none, or not of these layers
    Digest add_image(const std::vector<std::string>& names,
                     std::string_view config,
                     std::span<const Layer> layers);

    /// Writes the index and the archive's end.
    void finish();

private:
    [[nodiscard]] Layer write_known(ByteSource& tar, const KnownLayer& known);
    [[nodiscard]] Layer write_spooled(ByteSource& tar);
    [[nodiscard]] Descriptor add_json(std::string_view media_type, std::string_view text);
    void add_to_index(const std::vector<std::string>& names,
                      Descriptor manifest,
                      const Digest& config,
                      std::span<const Layer> layers);

    ArchiveWriterOptions options_;
    tar::Writer tar_;
    std::set<Digest> blobs_;         ///< written
    std::map<Digest, Layer> layers_; ///< written, by diffID
    std::vector<Descriptor> index_;
    std::vector<std::string> docker_entries_; ///< of manifest.json, each as JSON
};

} // namespace thinsnap::oci
