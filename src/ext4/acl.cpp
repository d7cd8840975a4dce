#include "ext4/acl.hpp"

#include <cstdint>
#include <span>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/endian.hpp"

namespace thinsnap::ext4 {

namespace {

constexpr std::uint32_t kDiskVersion = 1;  // EXT4_ACL_VERSION
constexpr std::uint32_t kValueVersion = 2; // POSIX_ACL_XATTR_VERSION
constexpr std::uint32_t kNoId = 0xFFFFFFFF;
constexpr std::size_t kShort = 4;
constexpr std::size_t kLong = 8;

/// Whether entries with this tag name somebody: ACL_USER, ACL_GROUP.
bool has_id(std::uint16_t tag) {
    return tag == 0x02 || tag == 0x08;
}

bool is_tag(std::uint16_t tag) {
    return has_id(tag) || tag == 0x01 || tag == 0x04 || tag == 0x10 || tag == 0x20;
}

template <class T>
T get(std::string_view from, std::size_t at) {
    return load_le<T>(std::as_bytes(std::span(from)), at);
}

template <class T>
void put(std::string& to, T value) {
    to.resize(to.size() + sizeof value);
    store_le<T>(std::as_writable_bytes(std::span(to)), to.size() - sizeof value, value);
}

[[noreturn]] void throw_bad_acl(const char* what) {
    throw Error(Errc::invalid_argument, fmt::format("converting a POSIX ACL: {}", what));
}

} // namespace

std::string acl_from_disk(std::string_view disk) {
    if (disk.size() < sizeof kDiskVersion || get<std::uint32_t>(disk, 0) != kDiskVersion)
        return {};
    std::string value;
    put(value, kValueVersion);
    disk.remove_prefix(sizeof kDiskVersion);
    while (!disk.empty()) {
        if (disk.size() < kShort)
            return {};
        const auto tag = get<std::uint16_t>(disk, 0);
        const std::size_t length = has_id(tag) ? kLong : kShort;
        if (!is_tag(tag) || disk.size() < length)
            return {};
        value.append(disk.substr(0, kShort));
        put(value, has_id(tag) ? get<std::uint32_t>(disk, kShort) : kNoId);
        disk.remove_prefix(length);
    }
    return value;
}

std::string acl_to_disk(std::string_view value) {
    if (value.size() < sizeof kValueVersion || (value.size() - sizeof kValueVersion) % kLong != 0)
        throw_bad_acl("its length is wrong");
    if (get<std::uint32_t>(value, 0) != kValueVersion)
        throw_bad_acl("its version is not 2");
    std::string disk;
    put(disk, kDiskVersion);
    for (value.remove_prefix(sizeof kValueVersion); !value.empty(); value.remove_prefix(kLong)) {
        const auto tag = get<std::uint16_t>(value, 0);
        if (!is_tag(tag))
            throw_bad_acl("an entry of an unknown kind");
        disk.append(value.substr(0, has_id(tag) ? kLong : kShort));
    }
    return disk;
}

} // namespace thinsnap::ext4
