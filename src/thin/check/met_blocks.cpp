#include "thin/check/met_blocks.hpp"

namespace thinsnap::thin::check {

const char* name_of(Use use) noexcept {
    switch (use) {
    case Use::superblock:
        return "superblock";
    case Use::held_superblock:
        return "metadata snapshot";
    case Use::index_block:
        return "metadata space map index";
    case Use::metadata_bitmap:
        return "metadata space map bitmap";
    case Use::metadata_overflow:
        return "metadata space map overflow tree";
    case Use::data_index:
        return "data space map index tree";
    case Use::data_bitmap:
        return "data space map bitmap";
    case Use::data_overflow:
        return "data space map overflow tree";
    case Use::details:
        return "device details tree";
    case Use::top_level:
        return "top-level mapping tree";
    case Use::mapping:
        break;
    }
    return "mapping tree";
}

MetBlocks::MetBlocks(std::uint64_t nr_blocks)
    : pointers_(nr_blocks)
    , index_(nr_blocks) {}

Met* MetBlocks::find(MetaBlock block) {
    const std::uint32_t i = index_[block.value()];
    return i == 0 ? nullptr : &met_[i - 1];
}

const Met* MetBlocks::find(MetaBlock block) const {
    const std::uint32_t i = index_[block.value()];
    return i == 0 ? nullptr : &met_[i - 1];
}

Met& MetBlocks::add(MetaBlock block, Use use) {
    Met& met = met_.emplace_back();
    met.use = use;
    index_[block.value()] = static_cast<std::uint32_t>(met_.size());
    return met;
}

} // namespace thinsnap::thin::check
