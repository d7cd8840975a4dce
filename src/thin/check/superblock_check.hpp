#pragma once

#include <optional>

#include "pdata/block.hpp"
#include "thin/check/findings.hpp"
#include "thin/check/met_blocks.hpp"
#include "thin/superblock.hpp"

namespace thinsnap::thin::check {

/// Judges a superblock by itself: block 0, or the copy that a held root points to.
/// \return what it says, if it is a superblock at all
[[nodiscard]] std::optional<Superblock>
check_superblock(pdata::ConstBlockBytes block, MetaBlock where, Use use, Findings& findings);

} // namespace thinsnap::thin::check
