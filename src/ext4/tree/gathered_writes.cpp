#include "ext4/tree/gathered_writes.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"

namespace thinsnap::ext4::tree {

/// Where block `where` goes, with all the memory that is left behind it.
std::span<std::byte> GatheredWrites::make_room(FsBlock where) {
    if (filled_ == kMaxBytes || start_ + filled_ / kBlockBytes != where)
        flush();
    if (filled_ == 0)
        start_ = where;
    return buffer_.bytes().subspan(filled_);
}

std::span<std::byte> GatheredWrites::next_block(FsBlock where) {
    const std::span<std::byte> room = make_room(where).first(kBlockBytes);
    filled_ += kBlockBytes;
    return room;
}

void GatheredWrites::append(FsBlock start, std::span<const std::byte> content) {
    TS_ASSERT(content.size() % kBlockBytes == 0);
    while (!content.empty()) {
        const std::span<std::byte> room = make_room(start);
        const std::size_t part = std::min(room.size(), content.size());
        std::memcpy(room.data(), content.data(), part);
        filled_ += part;
        content = content.subspan(part);
        start = start + part / kBlockBytes;
    }
}

void GatheredWrites::settle(BlockRun freed) {
    if (freed.start < start_ + filled_ / kBlockBytes && start_ < freed.start + freed.count)
        flush();
}

void GatheredWrites::flush() {
    if (filled_ == 0)
        return;
    write_(start_, buffer_.bytes().first(filled_));
    filled_ = 0;
}

} // namespace thinsnap::ext4::tree
