#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include <thinsnap/error.hpp>

#include "layer/apply.hpp"

#include "support/content.hpp"
#include "support/memory_tree.hpp"
#include "support/tar_builder.hpp"

/// \file
/// Applying tars to a tree in memory.

namespace thinsnap::test {

inline layer::ApplyStatistics
apply_layer(MemoryTree& tree, const std::string& tar, const layer::ApplyOptions& options = {}) {
    MemorySource source(std::as_bytes(std::span(tar)));
    return layer::apply_tar(source, tree, options);
}

inline layer::ApplyStatistics
apply_layer(MemoryTree& tree, const TarBuilder& tar, const layer::ApplyOptions& options = {}) {
    return apply_layer(tree, tar.finished(), options);
}

/// What kind of failure applying the tar is; nothing when it is none.
inline std::optional<Errc>
failure(MemoryTree& tree, const TarBuilder& tar, const layer::ApplyOptions& options = {}) {
    return failure_of([&] { apply_layer(tree, tar, options); });
}

using Paths = std::vector<std::string>;

} // namespace thinsnap::test
