#include "ext4/tree/directory_entries.hpp"

#include <bit>
#include <functional>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"

namespace thinsnap::ext4::tree {

std::size_t DirectoryEntries::place_of(std::string_view name) const {
    const std::size_t mask = index_.size() - 1;
    std::size_t place = std::hash<std::string_view>{}(name)&mask;
    while (index_[place] != 0 && name_of(slots_[index_[place] - 1]) != name)
        place = (place + 1) & mask;
    return place;
}

std::optional<DirectoryEntries::Found> DirectoryEntries::find(std::string_view name) const {
    if (index_.empty())
        return std::nullopt;
    const std::uint32_t slot = index_[place_of(name)];
    if (slot == 0 || slots_[slot - 1].entry.inode == InodeNumber(0))
        return std::nullopt;
    return slots_[slot - 1].entry;
}

/// Leaves erased names out; at most half of the places are taken afterwards.
void DirectoryEntries::rebuild_index() {
    std::vector<Slot> kept;
    std::string names;
    for (Slot slot : slots_) {
        if (slot.entry.inode == InodeNumber(0))
            continue;
        const std::string_view name = name_of(slot);
        slot.name_start = static_cast<std::uint32_t>(names.size());
        names += name;
        kept.push_back(slot);
    }
    slots_ = std::move(kept);
    names_ = std::move(names);
    index_.assign(std::bit_ceil(slots_.size() * 4 + 8), 0);
    for (std::size_t i = 0; i < slots_.size(); ++i)
        index_[place_of(name_of(slots_[i]))] = static_cast<std::uint32_t>(i + 1);
}

bool DirectoryEntries::insert(std::string_view name, Found entry) {
    TS_ASSERT(entry.inode != InodeNumber(0) && name.size() <= 255);
    if (find(name))
        return false;
    if ((slots_.size() + 1) * 2 > index_.size())
        rebuild_index();
    // An erased entry of this name keeps its place in the index; the new one takes it over, and
    // its order is that of now.
    if (names_.size() > UINT32_MAX - name.size())
        throw Error(Errc::unsupported, "names of more than 4 GiB in one directory");
    const std::size_t place = place_of(name);
    slots_.push_back(
        {static_cast<std::uint32_t>(names_.size()), static_cast<std::uint8_t>(name.size()), entry});
    names_ += name;
    index_[place] = static_cast<std::uint32_t>(slots_.size());
    ++live_;
    return true;
}

bool DirectoryEntries::erase(std::string_view name) {
    if (index_.empty())
        return false;
    const std::uint32_t slot = index_[place_of(name)];
    if (slot == 0 || slots_[slot - 1].entry.inode == InodeNumber(0))
        return false;
    slots_[slot - 1].entry.inode = InodeNumber(0);
    --live_;
    return true;
}

} // namespace thinsnap::ext4::tree
