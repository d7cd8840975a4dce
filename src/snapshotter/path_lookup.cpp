#include "snapshotter/path_lookup.hpp"

#include <utility>
#include <vector>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::snapshotter {

namespace {

constexpr std::size_t kMaxPath = 4096;
constexpr std::size_t kMaxName = 255;
constexpr unsigned kMaxLinks = 40; // Linux fs/namei.c, MAXSYMLINKS

/// One walk from the root on. Keeps the directories that it is in, so that ".." is what was come
/// from, whatever the directories themselves say.
class Walk {
public:
    Walk(const ext4::FileSystem& files, std::string_view path)
        : files_(files)
        , wanted_(path) {
        push(path);
    }

    std::optional<FoundFile> run(LastLink last) {
        go_to_root();
        while (!rest_.empty()) {
            const std::string name = std::move(rest_.back());
            rest_.pop_back();
            if (!step(name, last))
                return std::nullopt;
        }
        return FoundFile{.path = path(), .inode = here_.back().inode};
    }

private:
    struct Place {
        std::string name;
        ext4::InodeInfo inode;
    };

    void go_to_root() {
        here_.clear();
        here_.push_back({"", files_.inode(files_.root())});
    }

    /// Puts the names of `path` in front of what is still to be walked.
    void push(std::string_view path) {
        if (path.size() > kMaxPath)
            throw Error(
                Errc::invalid_argument,
                fmt::format("the path has {} bytes, {} are allowed", path.size(), kMaxPath));
        std::vector<std::string> names;
        while (!path.empty()) {
            const std::string_view name = path.substr(0, path.find('/'));
            path.remove_prefix(std::min(name.size() + 1, path.size()));
            if (!name.empty() && name != ".")
                names.emplace_back(name);
        }
        rest_.insert(rest_.end(), names.rbegin(), names.rend());
        if (rest_.size() > kMaxPath)
            throw Error(Errc::precondition, fmt::format("{}: too many symbolic links", wanted_));
    }

    /// \return false when the last name is not there
    bool step(const std::string& name, LastLink last) {
        if (name.size() > kMaxName)
            throw Error(
                Errc::invalid_argument,
                fmt::format(
                    "a name in '{}' has {} bytes, {} are allowed", wanted_, name.size(), kMaxName));
        if (here_.back().inode.type != ext4::FileType::directory)
            throw Error(Errc::precondition, fmt::format("{} is no directory", path()));
        if (name == "..") {
            if (here_.size() > 1)
                here_.pop_back();
            return true;
        }
        const auto entry = files_.find(here_.back().inode.number, name);
        if (!entry) {
            if (rest_.empty())
                return false;
            throw Error(
                Errc::not_found,
                fmt::format("there is no {}{}{}", path(), here_.size() > 1 ? "/" : "", name));
        }
        ext4::InodeInfo inode = files_.inode(entry->inode);
        if (inode.type == ext4::FileType::symlink && (!rest_.empty() || last == LastLink::follow))
            follow(inode);
        else
            here_.push_back({name, inode});
        return true;
    }

    void follow(const ext4::InodeInfo& link) {
        if (++links_ > kMaxLinks)
            throw Error(Errc::precondition, fmt::format("{}: too many symbolic links", wanted_));
        const std::string target = files_.link_target(link.number);
        if (target.starts_with('/'))
            go_to_root();
        push(target);
    }

    [[nodiscard]] std::string path() const {
        if (here_.size() == 1)
            return "/";
        std::string text;
        for (std::size_t i = 1; i < here_.size(); ++i)
            text += "/" + here_[i].name;
        return text;
    }

    const ext4::FileSystem& files_;
    std::string wanted_;
    std::vector<Place> here_;
    std::vector<std::string> rest_; ///< last first
    unsigned links_ = 0;
};

} // namespace

std::optional<FoundFile>
find_path(const ext4::FileSystem& files, std::string_view path, LastLink last) {
    return Walk(files, path).run(last);
}

FoundFile get_path(const ext4::FileSystem& files, std::string_view path, LastLink last) {
    auto found = find_path(files, path, last);
    if (!found)
        throw Error(Errc::not_found, fmt::format("there is no {}", path));
    return *std::move(found);
}

} // namespace thinsnap::snapshotter
