#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.hpp"
#include "oci/platform.hpp"

/// \file
/// Image configurations. Source: OCI image specification, config.md.

namespace thinsnap::oci {

/// One step of how an image came to be. Texts are as they stand in the image: they may hold
/// anything, line ends and terminal escapes included.
struct HistoryEntry {
    std::string created; ///< RFC 3339, or empty
    std::string created_by;
    std::string comment;
    std::string author;
    bool empty_layer = false; ///< it made no layer
};

/// What of a configuration is needed here; `raw` is all of it.
struct ImageConfig {
    std::string raw; ///< the bytes that `digest` is of
    Digest digest;   ///< also the image's id in Docker's sense
    Platform platform;
    std::string created; ///< RFC 3339, or empty
    std::vector<Digest> diff_ids;
    std::vector<HistoryEntry> history; ///< oldest first; may be empty, or not fit the layers
};

/// \throws Error(corrupt)  it is no configuration of an image; says which member is wrong
[[nodiscard]] ImageConfig parse_config(std::string raw);

/// A layer to be added to a configuration.
struct NewLayer {
    Digest diff_id;
    std::string created{}; ///< see format_rfc3339(); empty: not said
    std::string created_by{};
    std::string comment{};
};

/// A configuration with one layer. The same arguments give the same bytes.
[[nodiscard]] std::string make_config(const Platform& platform, const NewLayer& layer);

/// `parent` with one more layer and history entry; everything else stays.
/// \throws Error(corrupt)  `parent` is no configuration
[[nodiscard]] std::string append_layer(std::string_view parent, const NewLayer& layer);

/// `config` with other diffIDs, for layers that were packed anew.
/// \throws Error(corrupt)  `config` is no configuration
[[nodiscard]] std::string replace_diff_ids(std::string_view config,
                                           std::span<const Digest> diff_ids);

} // namespace thinsnap::oci
