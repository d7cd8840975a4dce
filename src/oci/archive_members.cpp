#include "oci/archive_members.hpp"

#include <algorithm>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::oci {

namespace {

using tar::kBlockSize;

[[noreturn]] void refuse(const std::string& what) {
    throw Error(Errc::corrupt, what);
}

} // namespace

std::optional<ArchiveMember> ArchiveMembers::next() {
    try {
        return find_next();
    } catch (Error& error) {
        if (error.kind() == Errc::corrupt || error.kind() == Errc::unsupported)
            error.add_context(fmt::format("tar is damaged at byte {}", at_));
        throw;
    }
}

std::optional<ArchiveMember> ArchiveMembers::find_next() {
    extensions_.begin_member();
    while (const auto header = read_header()) {
        if (!tar::is_extension(*header))
            return member_of(*header);
        const std::uint64_t size = tar::header_unsigned(*header, tar::kSize, "size");
        at_ += kBlockSize;
        extensions_.add(*header, read_extension(size));
        skip(size);
    }
    return std::nullopt;
}

std::optional<tar::Block> ArchiveMembers::read_header() const {
    if (at_ == tar_.size)
        return std::nullopt;
    if (tar_.size - at_ < kBlockSize)
        refuse(fmt::format("it ends within a header, at byte {}", tar_.size));
    tar::Block block{};
    tar_.file->read(tar_.offset + at_, block);
    if (tar::is_zero_block(block))
        return std::nullopt;
    if (!tar::has_checksum(block))
        refuse("no header with a right checksum");
    return block;
}

std::string ArchiveMembers::read_extension(std::uint64_t size) const {
    if (size > kMaxExtension)
        refuse(
            fmt::format("an extension of {} bytes, more than the {} allowed", size, kMaxExtension));
    if (size > tar_.size - at_)
        refuse(fmt::format("an extension of {} bytes goes over the end at {}", size, tar_.size));
    return read_text(tar_.part(at_, size), kMaxExtension);
}

ArchiveMember ArchiveMembers::member_of(const tar::Block& header) {
    ArchiveMember member;
    member.name = extensions_.name(header);
    member.type = tar::find_type(header, member.name);
    member.sparse = extensions_.pax().is_sparse() || tar::type_flag(header) == 'S';
    member.link = extensions_.link_target(header);
    if (!member.type || *member.type == tar::Type::regular)
        member.size = extensions_.stored_size(header);
    at_ += kBlockSize;
    if (tar::type_flag(header) == 'S')
        skip_sparse_maps(header);
    member.offset = at_;
    skip(member.size);
    return member;
}

void ArchiveMembers::skip_sparse_maps(const tar::Block& header) {
    bool has_more = tar::field_bytes(header, tar::kGnuIsExtended)[0] != '\0';
    while (has_more) {
        if (tar_.size - at_ < kBlockSize)
            refuse("it ends within a sparse map");
        tar::Block map{};
        tar_.file->read(tar_.offset + at_, map);
        at_ += kBlockSize;
        has_more = tar::field_bytes(map, tar::kGnuMoreIsExtended)[0] != '\0';
    }
}

void ArchiveMembers::skip(std::uint64_t size) {
    if (size > tar_.size - at_)
        refuse(fmt::format("a member of {} bytes goes over the end at {}", size, tar_.size));
    at_ += std::min(size + tar::padding_of(size), tar_.size - at_);
}

} // namespace thinsnap::oci
