#include "ext4/tree/posix_acl.hpp"

#include <cstdint>
#include <span>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/endian.hpp"

namespace thinsnap::ext4::tree {

namespace {

constexpr std::uint32_t kXattrVersion = 2; // POSIX_ACL_XATTR_VERSION
constexpr std::uint32_t kDiskVersion = 1;  // EXT4_ACL_VERSION
constexpr std::size_t kXattrEntry = 8;
constexpr std::uint16_t kUser = 0x02;
constexpr std::uint16_t kGroup = 0x08;
constexpr std::uint16_t kWithoutId = 0x01 | 0x04 | 0x10 | 0x20; // owner, group, mask, other

[[noreturn]] void throw_bad_acl(const char* what) {
    throw Error(Errc::invalid_argument, fmt::format("converting a POSIX ACL: {}", what));
}

} // namespace

std::string acl_to_disk(std::string_view value) {
    const auto bytes = std::as_bytes(std::span(value));
    if (bytes.size() < 4 || (bytes.size() - 4) % kXattrEntry != 0)
        throw_bad_acl("its length is wrong");
    if (load_le<std::uint32_t>(bytes, 0) != kXattrVersion)
        throw_bad_acl("its version is not 2");
    std::string disk(4, '\0');
    store_le<std::uint32_t>(std::as_writable_bytes(std::span(disk)), 0, kDiskVersion);
    for (std::size_t at = 4; at < bytes.size(); at += kXattrEntry) {
        const std::uint16_t tag = load_le<std::uint16_t>(bytes, at);
        const bool with_id = tag == kUser || tag == kGroup;
        if (!with_id && (tag & kWithoutId) != tag)
            throw_bad_acl("an entry of an unknown kind");
        disk += value.substr(at, with_id ? kXattrEntry : 4);
    }
    return disk;
}

} // namespace thinsnap::ext4::tree
