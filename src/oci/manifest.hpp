#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/digest.hpp"
#include "oci/platform.hpp"

/// \file
/// Manifests and indexes. Source: OCI image specification, descriptor.md, manifest.md,
/// image-index.md, image-layout.md; Docker's are the same with other media types.

namespace thinsnap::oci {

inline constexpr std::string_view kIndexType = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kConfigType = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kLayerType = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view kGzipLayerType = "application/vnd.oci.image.layer.v1.tar+gzip";

inline constexpr std::string_view kRefNameAnnotation = "org.opencontainers.image.ref.name";
inline constexpr std::string_view kImageNameAnnotation = "io.containerd.image.name";

/// A reference to a blob.
struct Descriptor {
    std::string media_type; ///< may be empty in an index of an old tool
    Digest digest;
    std::uint64_t size = 0; ///< bytes
    std::optional<Platform> platform{};
    std::map<std::string, std::string> annotations{};

    /// A build's statement of provenance: no image, though it looks like one.
    [[nodiscard]] bool is_attestation() const;
};

/// One image for one platform.
struct Manifest {
    Descriptor config;
    std::vector<Descriptor> layers; ///< lowest first
};

/// Several manifests: one image for several platforms, or what a layout holds.
struct Index {
    std::vector<Descriptor> manifests;
};

/// Reads a manifest or an index; which, its content says.
/// \param media_type  what the descriptor that led here says; empty: nothing
/// \throws Error(unsupported)  schema 1, an artifact that is no image, an unknown or encrypted
/// layer \throws Error(corrupt)      it contradicts itself or `media_type`
[[nodiscard]] std::variant<Manifest, Index> parse_manifest(std::string_view text,
                                                           std::string_view media_type);

/// index.json of a layout. \throws as parse_manifest()
[[nodiscard]] Index parse_index(std::string_view text);

/// The text of an OCI manifest; the same arguments give the same bytes.
[[nodiscard]] std::string make_manifest(const Descriptor& config,
                                        std::span<const Descriptor> layers);
/// The text of an OCI index, likewise; platforms and annotations are written, too.
[[nodiscard]] std::string make_index(std::span<const Descriptor> manifests);

} // namespace thinsnap::oci
