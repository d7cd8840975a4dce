#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/digest.hpp"
#include "oci/config.hpp"
#include "oci/manifest.hpp"

namespace thinsnap::oci {

/// A layer as an image names it.
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init) a digest is never without a value
struct Layer {
    Descriptor blob; ///< media type, digest and size as distributed
    Digest diff_id;
};

/// An image of a source. What it says was verified; its layers' content was not read yet.
struct Image {
    std::vector<std::string> names; ///< as in the source, often with registry and tag; may be empty
    std::string manifest;           ///< its bytes; made here where the source has none
    Digest manifest_digest;
    ImageConfig config;
    std::vector<Layer> layers; ///< lowest first

    /// For messages: the first name, else the manifest's digest.
    [[nodiscard]] std::string label() const;
};

/// An image from its parts.
/// \throws Error(corrupt)  there are more or fewer layers than diffIDs
[[nodiscard]] Image assemble_image(std::vector<std::string> names,
                                   std::string manifest_text,
                                   const std::vector<Descriptor>& layers,
                                   ImageConfig config);

/// Adds the name, where it is not there yet.
/// \throws Error(corrupt)  control characters, blanks, or over 1 KiB: it could not be printed
void add_name(std::vector<std::string>& names, std::string name);

} // namespace thinsnap::oci
