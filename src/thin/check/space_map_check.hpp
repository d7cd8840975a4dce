#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "pdata/bitmap.hpp"
#include "thin/check/block_reader.hpp"
#include "thin/check/findings.hpp"
#include "thin/check/met_blocks.hpp"

namespace thinsnap::thin::check {

/// One of the two space maps as it was found on the disk.
struct FoundSpaceMap {
    FoundSpaceMap(const char* map_name, const char* counted_unit, Use use_of_bitmaps)
        : name(map_name)
        , unit(counted_unit)
        , bitmap_use(use_of_bitmaps) {}

    const char* name; ///< "data space map" or "metadata space map"
    const char* unit; ///< what it counts: "data chunk" or "metadata block"
    Use bitmap_use;
    pdata::SpaceMapRoot root;

    struct Page {
        std::uint64_t number = 0; ///< of the bitmap in the map
        pdata::IndexEntry entry;
        bool usable = false; ///< the block can be the bitmap, and is no other
    };
    std::vector<Page> pages;                                       ///< ascending numbers
    std::vector<std::pair<std::uint64_t, std::uint32_t>> overflow; ///< ascending
    bool overflow_complete = true;
};

/// Holds a space map against what was counted.
class SpaceMapCheck {
public:
    struct Counted {
        bool known = false; ///< mappings were walked
        /// Nothing was left out: what is counted too high really is.
        bool complete = false;
        std::function<std::uint32_t(std::uint64_t)> count;
    };

    SpaceMapCheck(BlockReader& reader, MetBlocks& met, Findings& findings, FoundSpaceMap& map)
        : reader_(reader)
        , met_(met)
        , findings_(findings)
        , map_(map) {}

    /// Follows the pointers to the bitmaps; tells which cannot be bitmaps, and which are missing.
    void meet_bitmaps(bool index_complete);
    /// Reads the bitmaps and compares.
    void compare(const Counted& counted);

private:
    /// Neighbouring counts that are wrong in one direction.
    struct WrongRun {
        Severity severity = Severity::damage;
        std::uint64_t begin = 0;
        std::uint64_t past = 0;
        std::uint32_t seen = 0; ///< of the first
        std::uint32_t expected = 0;
    };
    /// What one bitmap says.
    struct PageState {
        const FoundSpaceMap::Page& page;
        pdata::ConstBlockBytes bytes;
        std::uint32_t entries = 0; ///< that the map has in this bitmap
    };

    void find_missing_bitmaps();
    void compare_page(const FoundSpaceMap::Page& page,
                      const LoadedBlocks& loaded,
                      const Counted& counted);
    void compare_counts(const PageState& state, const Counted& counted);
    void compare_index_entry(const PageState& state);
    [[nodiscard]] std::optional<std::uint32_t> count_of(const PageState& state, std::uint32_t i);
    void note(std::vector<WrongRun>& runs, const WrongRun& wrong) const;
    void tell_runs(const std::vector<WrongRun>& runs, MetaBlock bitmap);
    void tell_stale_overflow();
    void tell_allocated();
    void add(Severity severity, std::optional<MetaBlock> block, std::string message);

    BlockReader& reader_;
    MetBlocks& met_;
    Findings& findings_;
    FoundSpaceMap& map_;
    std::size_t next_overflow_ = 0; ///< first entry that no bitmap has passed
    std::uint64_t nr_stale_ = 0;
    std::uint64_t nr_used_ = 0;
    bool all_read_ = true;
};

} // namespace thinsnap::thin::check
