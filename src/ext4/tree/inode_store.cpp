#include "ext4/tree/inode_store.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "ext4/file_system_handle.hpp"

namespace thinsnap::ext4::tree {

InodeStore::Slot& InodeStore::slot(InodeNumber number) {
    const auto found = index_.find(number.value());
    if (found != index_.end()) {
        if (found->second->erased)
            throw_corrupt(number, "is used after its last name was removed");
        return *found->second;
    }
    const Inode inode(handle_.read_inode(number).bytes);
    if (inode.links() == 0 || inode.mode() == 0)
        throw_corrupt(number, "has a name and is not in use");
    slots_.push_back({number, inode, false, false});
    index_.emplace(number.value(), &slots_.back());
    return slots_.back();
}

Inode& InodeStore::edit(InodeNumber number) {
    Slot& found = slot(number);
    found.changed = true;
    return found.inode;
}

void InodeStore::create(InodeNumber number, const Inode& inode) {
    const auto [place, inserted] = index_.try_emplace(number.value());
    if (inserted)
        place->second = &slots_.emplace_back();
    *place->second = {number, inode, true, false};
}

void InodeStore::erase(InodeNumber number) {
    slot(number) = {number, Inode(), true, true};
}

void InodeStore::write_block(std::uint64_t block,
                             std::span<Slot* const> slots,
                             const std::function<bool(InodeNumber)>& is_used) {
    std::array<std::byte, kBlockBytes> content{};
    const std::uint32_t first =
        (slots.front()->number.value() - 1) / kInodesPerBlock * kInodesPerBlock + 1;
    for (std::uint32_t i = 0; i < kInodesPerBlock; ++i) {
        if (is_used(InodeNumber(first + i)) && !index_.contains(first + i)) {
            handle_.io().read(block, content);
            break;
        }
    }
    for (Slot* slot : slots) {
        if (!slot->erased)
            slot->inode.seal(handle_.native()->csum_seed, slot->number);
        std::memcpy(std::span(content)
                        .subspan((slot->number.value() - first) * kInodeBytes, kInodeBytes)
                        .data(),
                    slot->inode.bytes().data(),
                    kInodeBytes);
    }
    handle_.io().write(block, content);
}

void InodeStore::write(const std::function<bool(InodeNumber)>& is_used) {
    std::vector<Slot*> sorted;
    sorted.reserve(slots_.size());
    for (Slot& slot : slots_)
        sorted.push_back(&slot);
    std::sort(sorted.begin(), sorted.end(), [](const Slot* a, const Slot* b) {
        return a->number < b->number;
    });
    const auto block_of = [](const Slot* slot) {
        return (slot->number.value() - 1) / kInodesPerBlock;
    };
    for (auto from = sorted.begin(); from != sorted.end();) {
        const auto to = std::find_if(from, sorted.end(), [&](const Slot* slot) {
            return block_of(slot) != block_of(*from);
        });
        if (std::any_of(from, to, [](const Slot* slot) { return slot->changed; }))
            write_block(handle_.place_of((*from)->number).block, {from, to}, is_used);
        from = to;
    }
    for (Slot& slot : slots_)
        slot.changed = false;
}

} // namespace thinsnap::ext4::tree
