#include "layer/path_resolver.hpp"

#include <utility>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "layer/names.hpp"

namespace thinsnap::layer {

namespace {

/// Components that are still to be followed: what is to come next stands last.
using Pending = std::vector<std::string>;

void push_target(Pending& names, std::string_view target) {
    while (!target.empty()) {
        const std::size_t slash = target.rfind('/');
        const std::size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
        if (begin < target.size())
            names.emplace_back(target.substr(begin));
        target = target.substr(0, slash == std::string_view::npos ? 0 : slash);
    }
}

void append_step(std::vector<ResolvedDirectory::Step>& steps, ResolvedDirectory::Step step) {
    if (step.name.size() > kMaxName)
        throw Error(Errc::corrupt,
                    fmt::format("a symlink to a name of {} bytes, more than {}",
                                step.name.size(),
                                kMaxName));
    if (steps.size() >= PathResolver::kMaxDepth)
        throw Error(Errc::corrupt,
                    fmt::format("more than {} directories deep", PathResolver::kMaxDepth));
    steps.push_back(std::move(step));
}

std::optional<TreeEntry>
find_in(Tree& tree, const std::vector<ResolvedDirectory::Step>& steps, const std::string& name) {
    const auto parent = steps.empty() ? std::optional(tree.root()) : steps.back().inode;
    return parent ? tree.find(*parent, name) : std::nullopt;
}

void follow(const std::string& target,
            std::vector<ResolvedDirectory::Step>& steps,
            Pending& names) {
    if (!target.empty() && target.front() == '/')
        steps.clear();
    push_target(names, target);
}

} // namespace

ResolvedDirectory PathResolver::resolve(std::span<const std::string_view> components) const {
    Pending names(components.rbegin(), components.rend());
    ResolvedDirectory place;
    auto& steps = place.steps;
    unsigned symlinks = 0;
    while (!names.empty() && !place.obstacle) {
        const std::string name = std::move(names.back());
        names.pop_back();
        if (name == ".")
            continue;
        if (name == "..") {
            steps.resize(steps.empty() ? 0 : steps.size() - 1);
            continue;
        }
        const auto entry = find_in(tree_, steps, name);
        if (!entry || entry->type == ext4::FileType::directory) {
            append_step(steps, {name, entry ? std::optional(entry->inode) : std::nullopt});
        } else if (entry->type == ext4::FileType::symlink) {
            if (++symlinks > kMaxSymlinks)
                throw Error(Errc::corrupt,
                            fmt::format("more than {} symlinks on the way", kMaxSymlinks));
            follow(tree_.link_target(entry->inode), steps, names);
        } else {
            place.obstacle = name;
        }
    }
    return place;
}

} // namespace thinsnap::layer
