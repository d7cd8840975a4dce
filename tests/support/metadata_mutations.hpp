#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "thin/check.hpp"

#include "support/metadata_builder.hpp"

namespace thinsnap::test {

/// One thing that can be wrong with metadata, all checksums being right (but where they are what
/// is wrong).
struct Mutation {
    std::string name;
    std::function<void(MetadataImage&)> mutate;
    std::optional<thin::Severity> severity; ///< of what our check finds; nothing: it is legal
    std::string structure;                  ///< of the finding
    std::string text;                       ///< part of its message
    bool thin_check_passes = true;          ///< thin_check 0.9.0
};

/// Metadata with something of everything: shared roots and leaves, counts of three and more in both
/// maps, trees of two levels, a metadata snapshot. Devices 1, 2 and 3 share leaves, 10 to 409 share
/// a root, 500 is alone.
[[nodiscard]] MetadataImage make_rich_metadata();

/// Ways to break make_rich_metadata().
namespace mutation {
[[nodiscard]] std::vector<Mutation> superblock_mutations();
[[nodiscard]] std::vector<Mutation> space_map_mutations();
[[nodiscard]] std::vector<Mutation> node_mutations();
[[nodiscard]] std::vector<Mutation> device_mutations();
} // namespace mutation
[[nodiscard]] std::vector<Mutation> all_mutations();

/// Block of the `i`-th child below a node.
[[nodiscard]] MetaBlock child_of(MetadataImage& image, MetaBlock node, std::uint32_t i);

} // namespace thinsnap::test
