#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oci/blob_store.hpp"
#include "oci/image.hpp"
#include "oci/layer_stream.hpp"
#include "oci/platform.hpp"

namespace thinsnap::oci {

enum class SourceKind { oci_directory, oci_archive, docker_archive, root_tar };
/// "OCI layout", "OCI archive", ...
[[nodiscard]] std::string_view to_string(SourceKind kind) noexcept;

/// Uncompressed bytes that are taken for a bomb where the caller says nothing else.
inline constexpr std::uint64_t kDefaultMaxBytes = std::uint64_t{256} << 30U;

struct SourceOptions {
    std::optional<Platform> platform{}; ///< none: the host's where there is a choice
    /// Where work files without a name lie, for what cannot be read twice: standard input, a pipe,
    /// an archive that is compressed as a whole. Needs room for its uncompressed bytes.
    std::string work_directory = "/var/tmp";
    std::uint64_t max_bytes = kDefaultMaxBytes; ///< of a layer or a whole archive, uncompressed
    std::string created{};                      ///< RFC 3339, for the config of a plain root tar
    std::function<void()> interrupt{}; ///< called now and then while bytes are copied; may throw
    std::function<void(int)> wait_readable{}; ///< waits for a pipe's next bytes; may throw
    int standard_input = 0;                   ///< what the path "-" means
};

/// The images in a file or a directory.
///
/// Names in an image are never names on the host: an archive is read in place by offsets, a
/// layout's blobs are opened by their digests, below its directory, links not followed. Threads:
/// any number.
class ImageSource {
public:
    ImageSource(SourceKind kind,
                std::vector<Image> images,
                std::shared_ptr<const BlobStore> blobs,
                std::uint64_t max_bytes);

    [[nodiscard]] SourceKind kind() const { return kind_; }
    /// At least one, in the source's order.
    [[nodiscard]] const std::vector<Image>& images() const { return images_; }

    /// The uncompressed tar of a layer of `image`; it may outlive the source.
    /// \throws Error(corrupt)  its blob is missing or has the wrong size
    [[nodiscard]] std::unique_ptr<LayerStream> open_layer(const Image& image,
                                                          std::size_t layer) const;

private:
    SourceKind kind_;
    std::vector<Image> images_;
    std::shared_ptr<const BlobStore> blobs_;
    std::uint64_t max_bytes_;
};

/// Opens an OCI layout directory, an OCI archive, what `docker save` writes, or the tar of a root
/// file system, which becomes an image of one layer without a name. Archives may be compressed as
/// a whole; what it is, the content says, never a file's name.
/// \param path  "-" is standard input
/// \throws SystemError, Error(not_found), Error(corrupt), Error(unsupported): with the path, the
///         image and the blob
[[nodiscard]] ImageSource open_image_source(const std::string& path, const SourceOptions& options);

} // namespace thinsnap::oci
