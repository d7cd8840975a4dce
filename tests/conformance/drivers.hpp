#pragma once

#include <doctest/doctest.h>

#include "support/content.hpp"
#ifdef THINSNAP_KERNEL_DRIVER
#include "support/kernel_pool_harness.hpp"
#else
#include "support/embedded_pool_harness.hpp"
#endif

/// \file
/// The drivers that the suite runs on: the embedded one, or where THINSNAP_KERNEL_DRIVER is set,
/// that of the kernel. A harness makes a pool of a PoolShape; what else it offers is what
/// EmbeddedPoolHarness has, and its kPromises say what its driver does not do.

namespace thinsnap::test {

#ifndef THINSNAP_KERNEL_DRIVER
/// On files through the page cache any byte can be written, past it whole blocks.
using EmbeddedOnBytes = EmbeddedPoolHarness<1>;
using EmbeddedOnBlocks = EmbeddedPoolHarness<4096>;
#endif

inline constexpr std::uint64_t kChunk = 64U << 10U; // of PoolShape, unless a case changes it

/// The usual device of a case.
inline constexpr DeviceId kOne{1};
inline constexpr DeviceId kTwo{2};
inline constexpr DeviceId kThree{3};

/// A device of the pool, seen as 16 MiB.
[[nodiscard]] inline std::unique_ptr<BlockDevice> open(ThinPool& pool, DeviceId id) {
    return pool.open_device(id, {.size = 16U << 20U});
}

/// Data chunks in use by what is committed.
[[nodiscard]] inline std::uint64_t used_chunks(ThinPool& pool) {
    pool.commit();
    return pool.status().data.used;
}

} // namespace thinsnap::test

/// All drivers, for TEST_CASE_TEMPLATE.
#ifdef THINSNAP_KERNEL_DRIVER
TYPE_TO_STRING(thinsnap::test::KernelPoolHarness);
#define POOL_DRIVERS thinsnap::test::KernelPoolHarness
#else
TYPE_TO_STRING(thinsnap::test::EmbeddedOnBytes);
TYPE_TO_STRING(thinsnap::test::EmbeddedOnBlocks);
#define POOL_DRIVERS thinsnap::test::EmbeddedOnBytes, thinsnap::test::EmbeddedOnBlocks
#endif
