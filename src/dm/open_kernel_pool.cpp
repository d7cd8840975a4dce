#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/uuid.hpp"
#include "dm/kernel_pool.hpp"
#include "pool/reserve.hpp"
#include "thin/superblock.hpp"

namespace thinsnap::dm {

namespace {

/// The kernel may write it at the moment of reading.
thin::Superblock read_superblock(BlockDevice& metadata) {
    constexpr int attempts = 5;
    for (int attempt = 1;; ++attempt) {
        try {
            return thin::read_superblock(metadata);
        } catch (const CorruptionError&) {
            if (attempt == attempts)
                throw;
        }
    }
}

void require_same(Control& control, const Names& names, PoolDevice& metadata, PoolDevice& data) {
    const PoolTable table = parse_pool_target(control.table(names.pool()));
    if (table.metadata != metadata.number() || table.data != data.number())
        throw Error(Errc::precondition,
                    fmt::format("the kernel drives the pool {} from other devices; is this a copy "
                                "of that pool?",
                                names.uuid()));
}

void make_pool(Control& control,
               const KernelPool::Parts& parts,
               const thin::Superblock& superblock,
               const KernelPoolOptions& options) {
    const std::uint64_t chunks = superblock.data_space_map.nr_blocks;
    if (parts.data.reader().size() / parts.chunk_size < chunks)
        throw Error(Errc::invalid_argument,
                    fmt::format("the data device has {} bytes, the pool's {} chunks of {} bytes "
                                "need {}",
                                parts.data.reader().size(),
                                chunks,
                                parts.chunk_size,
                                chunks * parts.chunk_size));
    control.create({.name = parts.names.pool(),
                    .target = pool_target({.metadata = parts.metadata.number(),
                                           .data = parts.data.number(),
                                           .bytes = chunks * parts.chunk_size,
                                           .chunk_size = parts.chunk_size,
                                           .low_water = pool::share_of(chunks, options.low_water),
                                           .read_only = options.read_only}),
                    .read_only = false,
                    .is_private = true});
}

} // namespace

std::unique_ptr<KernelPool> open_kernel_pool(Control& control,
                                             PoolDevice& metadata,
                                             PoolDevice& data,
                                             const KernelPoolOptions& options) {
    const thin::Superblock superblock = read_superblock(metadata.reader());
    const KernelPool::Parts parts{.control = control,
                                  .metadata = metadata,
                                  .data = data,
                                  .names = Names(to_string(superblock.uuid)),
                                  .chunk_size = superblock.chunk_size()};
    if (control.find(parts.names.pool())) {
        require_same(control, parts.names, metadata, data);
        return std::make_unique<KernelPool>(parts, options);
    }
    make_pool(control, parts, superblock, options);
    try {
        return std::make_unique<KernelPool>(parts, options);
    } catch (...) {
        control.remove(parts.names.pool(), Remove::when_unused);
        throw;
    }
}

} // namespace thinsnap::dm
