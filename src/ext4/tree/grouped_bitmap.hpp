#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

namespace thinsnap::ext4::tree {

/// Where the bits of a GroupedBitmap come from: the file system's block or inode bitmaps.
class BitmapSource {
public:
    BitmapSource() = default;
    BitmapSource(const BitmapSource&) = delete;
    BitmapSource& operator=(const BitmapSource&) = delete;
    virtual ~BitmapSource() = default;

    [[nodiscard]] virtual std::uint32_t group_count() const = 0;
    /// Less than a full group's only in the last one.
    [[nodiscard]] virtual std::uint32_t units_in(std::uint32_t group) const = 0;
    [[nodiscard]] virtual std::uint32_t free_in(std::uint32_t group) const = 0;
    /// By how many units the group's first lies behind the start of a chunk.
    [[nodiscard]] virtual std::uint32_t into_chunk(std::uint32_t group) const = 0;
    /// Sets the bit of each unit in use, also where that is only implied. `words` comes as zeros.
    virtual void load(std::uint32_t group, std::span<std::uint64_t> words) = 0;
};

/// Units (blocks or inodes) that follow one another.
struct UnitRun {
    std::uint64_t start = 0;
    std::uint32_t count = 0;
    friend bool operator==(const UnitRun&, const UnitRun&) = default;
};

/// Which units of a file system are in use, group by group, each group read when it is first
/// needed: on a file system of 1 TiB only the groups that are used cost anything.
///
/// Units are handed out by whole chunks (64 KiB of the device) that nothing uses, lowest first,
/// from a place that only moves up and starts again when something was given back.
///
/// Cost: amortised O(1) for each chunk; at most 8 KiB of memory for each group touched.
class GroupedBitmap {
public:
    /// \param source       must outlive this
    /// \param per_group    units of a full group, a multiple of 64
    /// \param chunk_units  units of 64 KiB: 16 blocks or 256 inodes
    GroupedBitmap(BitmapSource& source, std::uint32_t per_group, std::uint32_t chunk_units);

    /// Takes wholly free chunks that follow one another: at least one, at most `most` units.
    /// \return nothing when no chunk is wholly free
    [[nodiscard]] std::optional<UnitRun> take_chunks(std::uint32_t most);
    /// Takes free units wherever they are: at least one, at most `most`.
    [[nodiscard]] std::optional<UnitRun> take_any(std::uint32_t most);
    /// Takes the free units of the chunk with `unit`, when none of that chunk is used from `unit`
    /// on. \return nothing when one is
    [[nodiscard]] std::optional<UnitRun> take_rest_of_chunk(std::uint64_t unit);

    /// \throws Error(corrupt)  a unit outside the file system, or one that is free already
    void give_back(UnitRun run);
    /// Gives back what was taken and never used; freed_chunks() does not tell of it.
    void untake(UnitRun run);

    [[nodiscard]] bool is_used(std::uint64_t unit);

    /// Chunks that lost units through give_back() and have none now, in order, as runs of units.
    /// Only for units whose groups start with a chunk (blocks).
    [[nodiscard]] std::vector<UnitRun> freed_chunks();

    /// Units that were free when their group was read, or at the last call of this, and are used
    /// now, and the other way round.
    struct Changes {
        std::vector<UnitRun> taken;
        std::vector<UnitRun> freed;
    };
    [[nodiscard]] Changes drain_changes();

    /// Reads every group again when it is next needed. What is not drained yet is lost.
    void forget();

private:
    struct Group {
        std::vector<std::uint64_t> words;
        std::vector<std::uint64_t> before; ///< as drained last
        std::uint32_t units = 0;
        std::uint32_t free = 0;
    };

    [[nodiscard]] Group& group_at(std::uint32_t number);
    [[nodiscard]] bool may_have(std::uint32_t number, std::uint32_t units) const;
    [[nodiscard]] std::optional<UnitRun> find_chunks(std::uint32_t number, std::uint32_t most);
    void mark(Group& group, UnitRun in_group, bool used);
    void check_range(UnitRun run) const;

    BitmapSource& source_;
    std::uint32_t per_group_;
    std::uint32_t chunk_units_;
    std::map<std::uint32_t, std::unique_ptr<Group>> groups_;
    std::set<std::uint64_t> freed_; ///< chunks that lost units
    std::uint32_t cursor_group_ = 0;
    std::uint32_t cursor_unit_ = 0; ///< in its group; everything before it was looked at
    std::uint32_t any_group_ = 0;
    bool look_again_ = false; ///< something was given back below the place where the search is
};

} // namespace thinsnap::ext4::tree
