#include "oci/archive_index.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::oci {

namespace {

constexpr std::size_t kMaxForeign = 64;
constexpr int kMaxLinks = 16;

/// Members that make an archive an image archive, whatever else is in it.
constexpr std::array<std::string_view, 4> kMarkers{
    "oci-layout", "index.json", "manifest.json", "repositories"};

/// `target` as seen from the directory `base`, as a name without "", "." and ".."; none when it
/// leaves the archive.
std::optional<std::string> resolve(std::string_view base, std::string_view target) {
    std::vector<std::string_view> parts;
    for (std::string_view rest : {base, target})
        while (!rest.empty()) {
            const auto part = rest.substr(0, rest.find('/'));
            rest.remove_prefix(std::min(part.size() + 1, rest.size()));
            if (part.empty() || part == ".")
                continue;
            if (part != "..")
                parts.push_back(part);
            else if (parts.empty())
                return std::nullopt;
            else
                parts.pop_back();
        }
    std::string name;
    for (const std::string_view part : parts) {
        if (!name.empty())
            name += '/';
        name += part;
    }
    return name;
}

std::string_view parent_of(std::string_view name) {
    const auto slash = name.rfind('/');
    return slash == std::string_view::npos ? std::string_view() : name.substr(0, slash);
}

/// "blobs", and names that begin with a digest or an id, as "<64 hex digits>.json" does.
bool is_of_image_archive(std::string_view name) {
    const std::string_view top = name.substr(0, name.find('/'));
    if (top.empty() || top == "blobs" || std::ranges::find(kMarkers, top) != kMarkers.end())
        return true;
    const auto digits = std::min(top.find_first_not_of("0123456789abcdef"), top.size());
    return digits >= 12;
}

bool is_file(const ArchiveMember& member) {
    return member.type == tar::Type::regular && !member.sparse;
}

} // namespace

ArchiveIndex::ArchiveIndex(FileWindow tar)
    : tar_(std::move(tar)) {
    try {
        walk();
    } catch (const Error& error) {
        // Who reads a root tar's members judges them; there the tar is not known as an image yet.
        const bool is_damage = error.kind() == Errc::corrupt || error.kind() == Errc::unsupported;
        if (!is_damage || (seen_ > 0 && foreign_ == 0))
            throw;
        foreign_ = std::max<std::size_t>(foreign_, 1);
    }
    const bool has_marker = std::ranges::any_of(kMarkers, [this](std::string_view marker) {
        return members_.contains(std::string(marker));
    });
    // A root file system may well have a file manifest.json; an oci-layout is no accident.
    is_root_tar_ = !members_.contains("oci-layout") && (!has_marker || foreign_ > kMaxForeign);
}

void ArchiveIndex::walk() {
    ArchiveMembers members(tar_);
    while (auto member = members.next()) {
        if (const auto name = resolve({}, member->name))
            add(*name, std::move(*member));
        if (foreign_ > kMaxForeign && seen_ == 0)
            return;
    }
}

void ArchiveIndex::add(const std::string& name, ArchiveMember member) {
    if (name.empty())
        return;
    if (!is_of_image_archive(name)) {
        ++foreign_;
        return;
    }
    ++seen_;
    if (members_.size() >= kMaxMembers && !members_.contains(name))
        throw Error(Errc::corrupt,
                    fmt::format("the archive has more than {} members, too many for an image",
                                kMaxMembers));
    members_[name] = std::move(member);
}

std::optional<FileWindow> ArchiveIndex::find(std::string_view name) const {
    std::optional<std::string> where = std::string(name);
    for (int links = 0; where && links <= kMaxLinks; ++links) {
        const auto found = members_.find(*where);
        if (found == members_.end())
            return std::nullopt;
        const ArchiveMember& member = found->second;
        if (is_file(member))
            return tar_.part(member.offset, member.size);
        if (member.type != tar::Type::hard_link && member.type != tar::Type::symlink)
            return std::nullopt;
        const bool is_relative = member.type == tar::Type::symlink && !member.link.starts_with('/');
        where = resolve(is_relative ? parent_of(*where) : std::string_view(), member.link);
    }
    return std::nullopt;
}

} // namespace thinsnap::oci
