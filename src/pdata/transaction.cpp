#include "pdata/transaction.hpp"

#include <algorithm>

#include <thinsnap/error.hpp>

namespace thinsnap::pdata {

Transaction::Shadow Transaction::shadow(MetaBlock orig, BlockKind kind) {
    const std::uint32_t pointers = space_map_.count(orig);
    if (pointers == 0)
        throw CorruptionError(
            name_of(kind), orig.value(), "is pointed to, and the space map counts it as free");
    if (pointers == 1 && space_map_.is_new(orig))
        return {cache_.write(orig, kind), false};

    const ReadRef old = cache_.read(orig, kind);
    Shadow shadow{cache_.create(space_map_.allocate(), kind), pointers > 1};
    std::ranges::copy(old.bytes(), shadow.block.bytes().begin());
    space_map_.dec(orig);
    return shadow;
}

WriteRef Transaction::new_block(BlockKind kind) {
    return cache_.create(space_map_.allocate(), kind);
}

void Transaction::dec(MetaBlock where) {
    if (space_map_.dec(where) == 0 && space_map_.is_new(where))
        cache_.forget(where); // nothing durable ever pointed to it: spare the write
}

} // namespace thinsnap::pdata
