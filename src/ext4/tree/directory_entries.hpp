#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ext4/types.hpp"

namespace thinsnap::ext4::tree {

/// The names of one directory in memory, in the order in which they came (without . and ..).
///
/// Cost: O(1) for each operation, amortised; a name takes its bytes and about 24 more.
class DirectoryEntries {
public:
    struct Found {
        InodeNumber inode;
        std::uint8_t type = 0; ///< EXT2_FT_*
    };

    [[nodiscard]] std::size_t size() const noexcept { return live_; }
    [[nodiscard]] std::optional<Found> find(std::string_view name) const;
    /// \return whether it was put in: false when the name is there already
    [[nodiscard]] bool insert(std::string_view name, Found entry);
    /// \return whether the name was there
    bool erase(std::string_view name);

    /// Calls visit(name, Found) for each, in order. The name lives until the next change.
    template <class Visit>
    void for_each(Visit visit) const {
        for (const Slot& slot : slots_)
            if (slot.entry.inode != InodeNumber(0))
                visit(name_of(slot), slot.entry);
    }

private:
    struct Slot {
        std::uint32_t name_start = 0;
        std::uint8_t name_length = 0;
        Found entry; ///< inode 0: erased
    };

    [[nodiscard]] std::string_view name_of(const Slot& slot) const {
        return std::string_view(names_).substr(slot.name_start, slot.name_length);
    }
    /// The place in `index_` where the name stands, or would.
    [[nodiscard]] std::size_t place_of(std::string_view name) const;
    void rebuild_index();

    std::string names_;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> index_; ///< open addressing: slot number + 1; 0 is empty
    std::size_t live_ = 0;
};

} // namespace thinsnap::ext4::tree
