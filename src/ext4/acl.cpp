#include <cstring>

#include "ext4/xattrs.hpp"

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
    T value{};
    std::memcpy(&value, from.substr(at, sizeof value).data(), sizeof value);
    return value;
}

template <class T>
void put(std::string& to, T value) {
    std::array<char, sizeof value> bytes{};
    std::memcpy(bytes.data(), &value, sizeof value);
    to.append(bytes.data(), bytes.size());
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
    if (value.size() < sizeof kValueVersion || get<std::uint32_t>(value, 0) != kValueVersion)
        return {};
    std::string disk;
    put(disk, kDiskVersion);
    value.remove_prefix(sizeof kValueVersion);
    if (value.size() % kLong != 0)
        return {};
    for (; !value.empty(); value.remove_prefix(kLong)) {
        const auto tag = get<std::uint16_t>(value, 0);
        if (!is_tag(tag))
            return {};
        disk.append(value.substr(0, has_id(tag) ? kLong : kShort));
    }
    return disk;
}

} // namespace thinsnap::ext4
