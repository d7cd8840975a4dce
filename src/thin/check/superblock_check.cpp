#include "thin/check/superblock_check.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "thin/check/block_reader.hpp"
#include "thin/format/superblock_disk.hpp"

namespace thinsnap::thin::check {

namespace {

class Fields {
public:
    Fields(Findings& findings, Use use, MetaBlock where)
        : findings_(findings)
        , use_(use)
        , where_(where) {}

    void damage(std::string message) const { tell(Severity::damage, std::move(message)); }
    void warn(std::string message) const { tell(Severity::warning, std::move(message)); }

    void check_version(const Superblock& superblock) const {
        // thin_restore writes 1 where the XML does not say the version; nobody treats it otherwise.
        if (superblock.version == 1)
            warn(fmt::format("version is 1, expected {}", kFormatVersion));
        else if (superblock.version != kFormatVersion)
            damage(fmt::format("version is {}, expected {}", superblock.version, kFormatVersion));
        if (superblock.incompat_flags != 0 || superblock.compat_ro_flags != 0)
            damage(fmt::format("asks for features that are not known (incompat {:#x}, compat_ro "
                               "{:#x}): what follows may be wrong",
                               superblock.incompat_flags,
                               superblock.compat_ro_flags));
        if ((superblock.flags & ~kNeedsCheckFlag) != 0)
            warn(fmt::format("has unknown flags {:#x}", superblock.flags & ~kNeedsCheckFlag));
    }

    void check_numbers(const Superblock& superblock) const {
        const std::uint64_t chunk = superblock.chunk_size();
        if (chunk < kMinChunkSize || chunk > kMaxChunkSize || chunk % kMinChunkSize != 0)
            damage(fmt::format("chunks have {} sectors, expected a multiple of 128 up to 2097152",
                               superblock.chunk_sectors));
        if (superblock.time > kMaxTime)
            damage(fmt::format("time is {}, mappings hold at most {}", superblock.time, kMaxTime));
        if (superblock.data_space_map.nr_blocks > kMaxDataChunks)
            damage(fmt::format("has {} data chunks, mappings can name {}",
                               superblock.data_space_map.nr_blocks,
                               kMaxDataChunks));
        if (superblock.metadata_space_map.nr_blocks > pdata::kMaxMetadataBlocks)
            damage(fmt::format("has {} metadata blocks, the index holds {}",
                               superblock.metadata_space_map.nr_blocks,
                               pdata::kMaxMetadataBlocks));
    }

private:
    void tell(Severity severity, std::string message) const {
        findings_.add(severity, name_of(use_), where_, std::move(message));
    }

    Findings& findings_;
    Use use_;
    MetaBlock where_;
};

} // namespace

std::optional<Superblock>
check_superblock(pdata::ConstBlockBytes block, MetaBlock where, Use use, Findings& findings) {
    const Fields fields(findings, use, where);
    if (std::ranges::all_of(block, [](std::byte b) { return b == std::byte{0}; })) {
        fields.damage("is all zeros: nothing was made here");
        return std::nullopt;
    }
    SuperblockDisk disk;
    std::memcpy(&disk, block.data(), sizeof disk);
    const bool has_magic = disk.magic.get() == kSuperblockMagic;
    if (!has_magic)
        fields.damage(
            fmt::format("magic is {:#x}, expected {:#x}", disk.magic.get(), kSuperblockMagic));
    const auto fault = find_header_fault(pdata::BlockKind::superblock, where, block);
    if (fault)
        fields.damage(*fault);
    if (!has_magic && fault)
        return std::nullopt; // somebody else's block: nothing in it means what it would here
    Superblock superblock = unpack(disk);
    fields.check_version(superblock);
    fields.check_numbers(superblock);
    if (disk.metadata_block_size.get() != pdata::kBlockSize / kSectorSize)
        fields.warn(fmt::format("metadata blocks have {} sectors, expected {}",
                                disk.metadata_block_size.get(),
                                pdata::kBlockSize / kSectorSize));
    return superblock;
}

} // namespace thinsnap::thin::check
