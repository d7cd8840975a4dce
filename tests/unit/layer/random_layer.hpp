#pragma once

#include <string>

#include "support/memory_tree.hpp"
#include "support/random.hpp"

namespace thinsnap::test {

/// The tar of a layer that does a bit of everything to the tree below: files that replace files and
/// directories, links to what is there, whiteouts, attributes. Never wrong.
/// \param lower  what is there; the entries are applied to it
[[nodiscard]] std::string random_layer(Random& random, MemoryTree& lower, unsigned entries);

} // namespace thinsnap::test
