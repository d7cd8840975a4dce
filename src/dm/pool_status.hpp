#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <thinsnap/thin_pool.hpp>

namespace thinsnap::dm {

/// What the kernel's thin-pool says of itself.
struct KernelStatus {
    /// `read_only` also stands for a pool without metadata space: see has_metadata_space().
    PoolMode mode = PoolMode::failed;
    TransactionId transaction_id;
    std::uint64_t used_metadata = 0; ///< 4 KiB blocks, with what the kernel keeps back
    std::uint64_t total_metadata = 0;
    std::uint64_t used_data = 0; ///< chunks
    std::uint64_t total_data = 0;
    std::optional<MetaBlock> held_root;
    bool needs_check = false;
    bool queues = false; ///< writers wait when there is no chunk, else they fail

    /// Blocks that the kernel keeps back for deletes and commits, and counts as used.
    /// Source: Linux drivers/md/dm-thin-metadata.c, __set_metadata_reserve().
    [[nodiscard]] std::uint64_t kept_metadata() const;
    [[nodiscard]] bool has_metadata_space() const { return used_metadata < total_metadata; }
};

/// Reads the parameters of a thin-pool's status line:
///
///     7 419/4096 16/16384 - rw discard_passdown error_if_no_space - 1024
///
/// or "Fail" and "Error", for a pool that cannot be read any more. Kernels before 4.19 have no last
/// number, those before 4.3 no needs_check: what is not there is taken for not set.
/// \throws Error(corrupt)  any other line; it is in the text
[[nodiscard]] KernelStatus parse_pool_status(std::string_view line);

/// Why a pool in that state is not `write`, and what to do; empty if it is.
[[nodiscard]] std::string reason_of(const KernelStatus& status);

} // namespace thinsnap::dm
