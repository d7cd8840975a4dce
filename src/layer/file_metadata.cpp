#include "layer/file_metadata.hpp"

#include <array>
#include <string_view>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "base/in_quotes.hpp"
#include "layer/acl.hpp"

namespace thinsnap::layer {

namespace {

bool begins_with(std::string_view text, std::string_view prefix) {
    return text.size() > prefix.size() && text.substr(0, prefix.size()) == prefix;
}

bool can_have(TarType type, std::string_view name) {
    const bool content = type == TarType::regular || type == TarType::directory;
    if (begins_with(name, "user."))
        return content;
    if (name == kAccessAclName)
        return type != TarType::symlink;
    if (name == kDefaultAclName)
        return type == TarType::directory;
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

} // namespace

FileMetadata metadata_of(const TarEntry& entry, OverlayMarks marks) {
    FileMetadata metadata;
    metadata.attributes = entry.attributes;
    metadata.left_out = entry.acls_left_out;
    if (entry.type == TarType::symlink)
        metadata.attributes.permissions = 0777;
    for (const ext4::Xattr& xattr : entry.xattrs) {
        const std::string_view mark = overlay_mark(xattr.name);
        if (marks == OverlayMarks::interpret && !mark.empty()) {
            interpret_mark(metadata, mark, xattr.value);
        } else if (!can_have(entry.type, xattr.name)) {
            ++metadata.left_out;
        } else {
            const bool acl = xattr.name == kAccessAclName || xattr.name == kDefaultAclName;
            if (!acl || apply_acl(metadata, xattr))
                metadata.xattrs.push_back(xattr);
        }
    }
    return metadata;
}

} // namespace thinsnap::layer
