#include "layer/path_resolver.hpp"

#include <utility>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "layer/names.hpp"

namespace thinsnap::layer {

namespace {

/// Components that are still to be followed: what is to come next stands last.
using Names = std::vector<std::string>;

void push_target(Names& names, std::string_view target) {
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

} // namespace

ResolvedDirectory PathResolver::resolve(std::span<const std::string_view> components) const {
    Names names(components.rbegin(), components.rend());
    ResolvedDirectory place;
    auto& steps = place.steps;
    unsigned symlinks = 0;
    while (!names.empty()) {
        const std::string name = std::move(names.back());
        names.pop_back();
        if (name == ".")
            continue;
        if (name == "..") {
            if (!steps.empty())
                steps.pop_back();
            continue;
        }
        const auto parent = steps.empty() ? std::optional(tree_.root()) : steps.back().inode;
        const auto entry = parent ? tree_.find(*parent, name) : std::nullopt;
        if (entry && entry->type == ext4::FileType::symlink) {
            if (++symlinks > kMaxSymlinks)
                throw Error(Errc::corrupt,
                            fmt::format("more than {} symlinks on the way", kMaxSymlinks));
            const std::string target = tree_.link_target(entry->inode);
            if (!target.empty() && target.front() == '/')
                steps.clear();
            push_target(names, target);
            continue;
        }
        if (entry && entry->type != ext4::FileType::directory) {
            place.obstacle = name;
            return place;
        }
        append_step(steps, {name, entry ? std::optional(entry->inode) : std::nullopt});
    }
    return place;
}

} // namespace thinsnap::layer
