#include "layer/acl.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <span>
#include <vector>

#include "base/endian.hpp"

namespace thinsnap::layer {

namespace {

/// The persons an entry can be about, in the order in which entries stand. Source: Linux
/// include/uapi/linux/posix_acl.h
enum class Tag : std::uint16_t {
    user_obj = 0x01,
    user = 0x02,
    group_obj = 0x04,
    group = 0x08,
    mask = 0x10,
    other = 0x20,
};

struct AclEntry {
    Tag tag = Tag::other;
    std::uint16_t permissions = 0;
    std::uint32_t id = kNobody;

    static constexpr std::uint32_t kNobody = 0xFFFFFFFF; ///< of a tag that is about no one by id
};

constexpr std::uint32_t kVersion = 2; // POSIX_ACL_XATTR_VERSION
constexpr std::size_t kHeader = 4;
constexpr std::size_t kEntry = 8;

/// Takes what stands before `separator` off the text.
std::string_view take(std::string_view& text, std::string_view separators) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    const std::string_view front = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return front;
}

std::optional<std::uint32_t> parse_id(std::string_view text) {
    std::uint32_t id = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (text.empty() || stop != text.data() + text.size() || error != std::errc())
        return std::nullopt;
    return id;
}

std::optional<std::uint16_t> parse_permissions(std::string_view text) {
    std::uint16_t bits = 0;
    for (const char c : text) {
        const std::size_t bit = std::string_view("xwr").find(c);
        if (bit != std::string_view::npos)
            bits = static_cast<std::uint16_t>(bits | 1U << bit);
        else if (c != '-')
            return std::nullopt;
    }
    return bits;
}

std::optional<Tag> parse_tag(std::string_view text, bool named) {
    if (text == "user" || text == "u")
        return named ? Tag::user : Tag::user_obj;
    if (text == "group" || text == "g")
        return named ? Tag::group : Tag::group_obj;
    if ((text == "mask" || text == "m") && !named)
        return Tag::mask;
    if ((text == "other" || text == "o") && !named)
        return Tag::other;
    return std::nullopt;
}

std::optional<AclEntry> parse_entry(std::string_view text) {
    text = text.substr(0, text.find_first_of("#\t ")); // "#effective:r--"
    const std::string_view tag_text = take(text, ":");
    std::string_view name = take(text, ":");
    // star and setfacl write "other:r--" and "mask:r--", too
    const bool short_form =
        text.empty() && !tag_text.empty() && (tag_text[0] == 'm' || tag_text[0] == 'o');
    const std::string_view permissions_text = short_form && !name.empty() ? name : take(text, ":");
    if (short_form)
        name = {};
    const auto tag = parse_tag(tag_text, !name.empty());
    const auto permissions = parse_permissions(permissions_text);
    if (!tag || !permissions)
        return std::nullopt;
    AclEntry entry{*tag, *permissions, AclEntry::kNobody};
    if (!name.empty()) {
        const auto id = parse_id(text.empty() ? name : text);
        if (!id)
            return std::nullopt;
        entry.id = *id;
    }
    return entry;
}

std::string pack(const std::vector<AclEntry>& entries) {
    std::vector<std::byte> bytes(kHeader + entries.size() * kEntry);
    store_le<std::uint32_t>(bytes, 0, kVersion);
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const auto into = std::span(bytes).subspan(kHeader + i * kEntry, kEntry);
        store_le<std::uint16_t>(into, 0, static_cast<std::uint16_t>(entries[i].tag));
        store_le<std::uint16_t>(into, 2, entries[i].permissions);
        store_le<std::uint32_t>(into, 4, entries[i].id);
    }
    std::string value(bytes.size(), '\0');
    std::memcpy(value.data(), bytes.data(), bytes.size());
    return value;
}

std::optional<std::vector<AclEntry>> unpack(std::string_view value) {
    const auto bytes = std::as_bytes(std::span(value.data(), value.size()));
    if (bytes.size() < kHeader || (bytes.size() - kHeader) % kEntry != 0 ||
        load_le<std::uint32_t>(bytes, 0) != kVersion)
        return std::nullopt;
    std::vector<AclEntry> entries;
    for (auto rest = bytes.subspan(kHeader); !rest.empty(); rest = rest.subspan(kEntry))
        entries.push_back({static_cast<Tag>(load_le<std::uint16_t>(rest, 0)),
                           load_le<std::uint16_t>(rest, 2),
                           load_le<std::uint32_t>(rest, 4)});
    return entries;
}

bool is_named(Tag tag) {
    return tag == Tag::user || tag == Tag::group;
}

std::size_t count(const std::vector<AclEntry>& entries, Tag tag) {
    return static_cast<std::size_t>(std::count_if(
        entries.begin(), entries.end(), [&](const AclEntry& e) { return e.tag == tag; }));
}

bool is_valid(const std::vector<AclEntry>& entries) {
    constexpr std::array all{
        Tag::user_obj, Tag::user, Tag::group_obj, Tag::group, Tag::mask, Tag::other};
    std::size_t known = 0;
    for (const Tag tag : all)
        known += count(entries, tag);
    const bool ordered =
        std::is_sorted(entries.begin(), entries.end(), [](const AclEntry& a, const AclEntry& b) {
            return a.tag < b.tag;
        });
    const bool sound = std::all_of(entries.begin(), entries.end(), [](const AclEntry& e) {
        return e.permissions <= 7 && (!is_named(e.tag) || e.id != AclEntry::kNobody);
    });
    const std::size_t named = count(entries, Tag::user) + count(entries, Tag::group);
    const std::size_t masks = count(entries, Tag::mask);
    return known == entries.size() && ordered && sound && count(entries, Tag::user_obj) == 1 &&
           count(entries, Tag::group_obj) == 1 && count(entries, Tag::other) == 1 && masks <= 1 &&
           (named == 0 || masks == 1);
}

std::uint16_t permissions_of(const std::vector<AclEntry>& entries, Tag tag) {
    for (const AclEntry& entry : entries)
        if (entry.tag == tag)
            return entry.permissions;
    return 0;
}

} // namespace

std::optional<std::string> acl_from_text(std::string_view text) {
    std::vector<AclEntry> entries;
    while (!text.empty()) {
        const std::string_view part = take(text, ",\n");
        if (part.empty())
            continue;
        const auto entry = parse_entry(part);
        if (!entry)
            return std::nullopt;
        entries.push_back(*entry);
    }
    std::stable_sort(entries.begin(), entries.end(), [](const AclEntry& a, const AclEntry& b) {
        return a.tag != b.tag ? a.tag < b.tag : a.id < b.id;
    });
    if (!is_valid(entries))
        return std::nullopt;
    return pack(entries);
}

std::optional<AclMode> check_acl(std::string_view value) {
    const auto entries = unpack(value);
    if (!entries || !is_valid(*entries))
        return std::nullopt;
    const bool masked = count(*entries, Tag::mask) == 1;
    const unsigned group = permissions_of(*entries, masked ? Tag::mask : Tag::group_obj);
    const unsigned user = permissions_of(*entries, Tag::user_obj);
    return AclMode{
        static_cast<std::uint16_t>(user << 6U | group << 3U | permissions_of(*entries, Tag::other)),
        entries->size() > 3};
}

} // namespace thinsnap::layer
