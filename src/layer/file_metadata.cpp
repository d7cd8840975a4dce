#include "layer/file_metadata.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "base/in_quotes.hpp"
#include "layer/acl.hpp"

namespace thinsnap::layer {

namespace {

bool begins_with(std::string_view text, std::string_view prefix) {
    return text.size() > prefix.size() && text.substr(0, prefix.size()) == prefix;
}

bool can_have(tar::Type type, std::string_view name) {
    const bool content = type == tar::Type::regular || type == tar::Type::directory;
    if (begins_with(name, "user."))
        return content;
    if (name == kAccessAclName)
        return type != tar::Type::symlink;
    if (name == kDefaultAclName)
        return type == tar::Type::directory;
    return begins_with(name, "trusted.") || begins_with(name, "security.");
}

/// The name behind "trusted.overlay." or "user.overlay."; empty when it is no such.
std::string_view overlay_mark(std::string_view name) {
    for (const std::string_view prefix :
         std::array<std::string_view, 2>{"trusted.overlay.", "user.overlay."})
        if (begins_with(name, prefix))
            return name.substr(prefix.size());
    return {};
}

void interpret_mark(FileMetadata& metadata, std::string_view mark, std::string_view value) {
    if (mark == "redirect" || mark == "metacopy")
        throw Error(Errc::unsupported,
                    fmt::format("OverlayFS has the content elsewhere (attribute {})", mark));
    if (mark == "opaque")
        metadata.opaque = metadata.opaque || value == "y";
}

/// \return whether the attribute is to be kept
bool apply_acl(FileMetadata& metadata, const ext4::Xattr& xattr) {
    const auto acl = check_acl(xattr.value);
    if (!acl)
        throw Error(Errc::corrupt,
                    fmt::format("attribute {} is no valid ACL", in_quotes(xattr.name)));
    if (xattr.name == kDefaultAclName)
        return true;
    auto& permissions = metadata.attributes.permissions;
    permissions = static_cast<std::uint16_t>((permissions & ~0777U) | acl->permissions);
    return acl->stored;
}

/// An ACL that stands in the tar as text becomes an attribute, unless it is there as one, too.
void add_acl(std::vector<ext4::Xattr>& xattrs,
             std::string_view name,
             const std::optional<std::string>& text,
             unsigned& left_out) {
    if (!text)
        return;
    auto value = acl_from_text(*text);
    if (!value) {
        ++left_out;
        return;
    }
    const auto at = std::ranges::lower_bound(xattrs, name, {}, &ext4::Xattr::name);
    if (at == xattrs.end() || at->name != name)
        xattrs.insert(at, {std::string(name), std::move(*value)});
}

} // namespace

FileMetadata metadata_of(const tar::Entry& entry, OverlayMarks marks) {
    FileMetadata metadata;
    metadata.attributes = entry.attributes;
    if (entry.type == tar::Type::symlink)
        metadata.attributes.permissions = 0777;
    std::vector<ext4::Xattr> xattrs = entry.xattrs;
    add_acl(xattrs, kAccessAclName, entry.access_acl, metadata.left_out);
    add_acl(xattrs, kDefaultAclName, entry.default_acl, metadata.left_out);
    for (ext4::Xattr& xattr : xattrs) {
        const std::string_view mark = overlay_mark(xattr.name);
        if (marks == OverlayMarks::interpret && !mark.empty()) {
            interpret_mark(metadata, mark, xattr.value);
        } else if (!can_have(entry.type, xattr.name)) {
            ++metadata.left_out;
        } else {
            const bool acl = xattr.name == kAccessAclName || xattr.name == kDefaultAclName;
            if (!acl || apply_acl(metadata, xattr))
                metadata.xattrs.push_back(std::move(xattr));
        }
    }
    return metadata;
}

} // namespace thinsnap::layer
