#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <thinsnap/block_device.hpp>
#include <thinsnap/types.hpp>

/// \file
/// The full check of a pool's metadata: everything that thin_check 0.9.0 verifies, and what it and
/// the kernel do not: data reference counts, the chunk numbers and times in mappings, mapped
/// counts, equal key sets of the two device trees, overflow entries both ways, index completeness,
/// equal leaf depth, held root, magic and feature flags.

namespace thinsnap::thin {

enum class Severity {
    warning, ///< harmless: derived numbers that are recomputed anyway, the kernel's under-filled
             ///< nodes
    leak,    ///< space that is counted as used and is not; nothing else is wrong
    damage,  ///< content may be wrong or lost; writing would make it worse
};
[[nodiscard]] std::string_view to_string(Severity severity) noexcept;

/// One thing that is not as it should be.
struct Finding {
    Severity severity = Severity::damage;
    std::string structure;               ///< "superblock", "mapping tree", "data space map", ...
    std::optional<MetaBlock> block;      ///< metadata block where it shows
    std::optional<DeviceId> device;      ///< a device whose content is concerned
    std::optional<VirtualChunk> begin;   ///< and the first chunk
    std::optional<std::uint64_t> length; ///< and how many
    std::string message;                 ///< what was expected and what was seen
};

struct CheckOptions {
    /// Only superblock, device trees and space map structure; no mappings, no counts.
    bool skip_mappings = false;
    /// Bytes of the data device, to find mappings behind its end; nothing when it is not at hand.
    std::optional<std::uint64_t> data_bytes = std::nullopt;
};

struct CheckResult {
    std::uint64_t warnings = 0;
    std::uint64_t leaks = 0;
    std::uint64_t damages = 0;
    std::uint64_t devices = 0;
    std::uint64_t mappings = 0; ///< over all devices
    std::uint64_t nodes = 0;    ///< distinct btree nodes
    bool needs_check = false;   ///< the superblock's flag (not a finding by itself)
    [[nodiscard]] bool is_clean() const { return leaks == 0 && damages == 0; }
};

/// Reads all metadata on `device` and tells `sink` each finding, in the order in which they are
/// met. Damage is data here: it never throws for metadata that it can describe, and a block that
/// cannot be read is damage like one that holds garbage.
///
/// What is wrong below a node is told for every device that reaches it, neighbouring ranges of
/// chunks in one finding. While parts of the metadata cannot be followed, counts that are too high
/// prove nothing and are not told.
/// \throws SystemError  block 0 cannot be read
/// Cost: each metadata block in use once, a damaged node and those above it once more for each
/// device that reaches it. Memory: 8 bytes for each metadata block, 40 for each one in use, a byte
/// for each data chunk near one that is mapped, 1 MiB for each level of a tree. What the metadata
/// says of its own size costs nothing.
[[nodiscard]] CheckResult check_metadata(BlockDevice& device,
                                         const CheckOptions& options,
                                         const std::function<void(const Finding&)>& sink);

/// One line for people.
[[nodiscard]] std::string describe(const Finding& finding);

} // namespace thinsnap::thin
