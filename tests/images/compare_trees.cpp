#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "base/fd.hpp"

/// \file
/// Compares two directory trees path by path: see kUsage.

namespace thinsnap::test {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUsage =
    "usage: compare_trees A B [OPTION...]\n"
    "\n"
    "Compares type, mode, owner, time to the nanosecond, size, content, extended attributes,\n"
    "device number and which names are one file. Prints a line for each difference.\n"
    "\n"
    "  --ignore-mtime=PATH  the time of this path ('.': the top) is the clock's\n"
    "  --ignore=PATH        and all below, in both trees\n"
    "  --ignore-directory-mtimes  so are those of all directories\n"
    "  --ignore-root-mode   mode and owner of the top\n"
    "  --ignore-sockets     a socket is as good as nothing\n"
    "  --ignore-empty-attributes    so is an attribute without a value\n"
    "  --ignore-attributes=PREFIX   so are those whose names begin so\n"
    "  --more-attributes    A may have some that B has not\n"
    "  --only-file-links    which names are one file matters for regular files only\n"
    "\n"
    "Ends with 0: no difference, 1: differences, 2: trouble.\n";

struct Options {
    std::set<std::string> ignored_mtimes;
    std::set<std::string> ignored;
    bool ignore_directory_mtimes = false;
    bool ignore_root_mode = false;
    bool ignore_sockets = false;
    bool ignore_empty_attributes = false;
    bool more_attributes = false;
    bool only_file_links = false;
    std::string ignored_attributes; ///< the front of their names; empty: none
};

using Xattrs = std::map<std::string, std::string>;

struct File {
    struct stat status {};
    std::string link_target;
    Xattrs xattrs;
    std::string first_name; ///< of all names of the file, the first in order
};

using Tree = std::map<std::string, File>;

Xattrs read_xattrs(const fs::path& path) {
    Xattrs all;
    std::string names(1U << 16U, '\0');
    const ssize_t length = ::llistxattr(path.c_str(), names.data(), names.size());
    if (length < 0 && errno == ENOTSUP)
        return all;
    if (length < 0)
        throw SystemError(errno, "listing attributes of " + path.string());
    names.resize(static_cast<std::size_t>(length));
    for (std::size_t at = 0; at < names.size(); at = names.find('\0', at) + 1) {
        const std::string name = names.c_str() + at;
        std::string value(1U << 16U, '\0');
        const ssize_t size = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
        if (size < 0)
            throw SystemError(errno, "reading attribute " + name + " of " + path.string());
        value.resize(static_cast<std::size_t>(size));
        all[name] = value;
    }
    return all;
}

File read_file(const fs::path& path, const Options& options) {
    File file;
    if (::lstat(path.c_str(), &file.status) != 0)
        throw SystemError(errno, "looking at " + path.string());
    if (S_ISLNK(file.status.st_mode))
        file.link_target = fs::read_symlink(path).string();
    file.xattrs = read_xattrs(path);
    std::erase_if(file.xattrs, [&](const auto& xattr) {
        const std::string& prefix = options.ignored_attributes;
        return (options.ignore_empty_attributes && xattr.second.empty()) ||
               (!prefix.empty() && xattr.first.compare(0, prefix.size(), prefix) == 0);
    });
    return file;
}

Tree read_tree(const fs::path& top, const Options& options) {
    Tree tree;
    tree["."] = read_file(top, options);
    fs::recursive_directory_iterator walk(top);
    for (; walk != fs::recursive_directory_iterator(); ++walk) {
        const std::string path = walk->path().lexically_relative(top).string();
        if (options.ignored.count(path) != 0)
            walk.disable_recursion_pending();
        else if (File file = read_file(walk->path(), options);
                 !options.ignore_sockets || !S_ISSOCK(file.status.st_mode))
            tree[path] = std::move(file);
    }
    std::map<std::pair<dev_t, ino_t>, std::string> first_names;
    for (auto& [path, file] : tree)
        file.first_name =
            first_names.emplace(std::pair(file.status.st_dev, file.status.st_ino), path)
                .first->second;
    return tree;
}

bool same_content(const fs::path& a, const fs::path& b) {
    const Fd fd_a = open_file(a.string(), O_RDONLY);
    const Fd fd_b = open_file(b.string(), O_RDONLY);
    std::vector<char> piece_a(1U << 20U);
    std::vector<char> piece_b(piece_a.size());
    for (;;) {
        const ssize_t got_a = ::read(fd_a.get(), piece_a.data(), piece_a.size());
        const ssize_t got_b = ::read(fd_b.get(), piece_b.data(), piece_b.size());
        if (got_a < 0 || got_b < 0)
            throw SystemError(errno, "reading " + a.string() + " or " + b.string());
        if (got_a != got_b ||
            !std::equal(piece_a.begin(), piece_a.begin() + got_a, piece_b.begin()))
            return false;
        if (got_a == 0)
            return true;
    }
}

std::string show_xattrs(const Xattrs& xattrs) {
    std::string text;
    for (const auto& [name, value] : xattrs) {
        text += name + "=";
        for (const char c : value.substr(0, 40))
            text += fmt::format("{:02x}", static_cast<unsigned char>(c));
        text += value.size() > 40 ? "... " : " ";
    }
    return text;
}

std::string show_time(const timespec& time) {
    return fmt::format("{}.{:09}", time.tv_sec, time.tv_nsec);
}

class Comparison {
public:
    Comparison(fs::path a, fs::path b, const Options& options)
        : top_a_(std::move(a))
        , top_b_(std::move(b))
        , options_(options) {}

    std::size_t run();

private:
    void compare(const std::string& path, const File& a, const File& b);
    void compare_attributes(const std::string& path, Xattrs a, const Xattrs& b);
    template <class T>
    void check(const std::string& path, std::string_view what, const T& a, const T& b) {
        if (a != b)
            report(path, fmt::format("{} {} and {}", what, a, b));
    }
    void report(const std::string& path, std::string_view what) {
        fmt::print("{}: {}\n", path, what);
        ++differences_;
    }

    fs::path top_a_;
    fs::path top_b_;
    const Options& options_;
    std::size_t differences_ = 0;
};

std::size_t Comparison::run() {
    const Tree a = read_tree(top_a_, options_);
    const Tree b = read_tree(top_b_, options_);
    for (const auto& [path, file] : a) {
        const auto other = b.find(path);
        if (other == b.end())
            report(path, "only in " + top_a_.string());
        else
            compare(path, file, other->second);
    }
    for (const auto& [path, file] : b)
        if (a.count(path) == 0)
            report(path, "only in " + top_b_.string());
    fmt::print("{} paths, {} differences\n", std::max(a.size(), b.size()), differences_);
    return differences_;
}

void Comparison::compare(const std::string& path, const File& a, const File& b) {
    const struct stat& x = a.status;
    const struct stat& y = b.status;
    if ((x.st_mode & S_IFMT) != (y.st_mode & S_IFMT))
        return report(path, fmt::format("mode {:o} and {:o}", x.st_mode, y.st_mode));
    if (path != "." || !options_.ignore_root_mode) {
        check(path, "mode", fmt::format("{:o}", x.st_mode), fmt::format("{:o}", y.st_mode));
        check(path, "uid", x.st_uid, y.st_uid);
        check(path, "gid", x.st_gid, y.st_gid);
    }
    const bool clock = S_ISDIR(x.st_mode) && options_.ignore_directory_mtimes;
    if (!clock && options_.ignored_mtimes.count(path) == 0)
        check(path, "mtime", show_time(x.st_mtim), show_time(y.st_mtim));
    check(path, "link target", a.link_target, b.link_target);
    compare_attributes(path, a.xattrs, b.xattrs);
    if (S_ISCHR(x.st_mode) || S_ISBLK(x.st_mode)) {
        check(path, "device major", major(x.st_rdev), major(y.st_rdev));
        check(path, "device minor", minor(x.st_rdev), minor(y.st_rdev));
    }
    if (S_ISDIR(x.st_mode))
        return;
    if (S_ISREG(x.st_mode) || !options_.only_file_links) {
        check(path, "links", x.st_nlink, y.st_nlink);
        check(path, "first name of the file", a.first_name, b.first_name);
    }
    check(path, "size", x.st_size, y.st_size);
    if (S_ISREG(x.st_mode) && x.st_size == y.st_size && !same_content(top_a_ / path, top_b_ / path))
        report(path, "content differs");
}

void Comparison::compare_attributes(const std::string& path, Xattrs a, const Xattrs& b) {
    if (options_.more_attributes)
        std::erase_if(a, [&](const auto& xattr) { return b.count(xattr.first) == 0; });
    if (a != b)
        report(path, fmt::format("attributes {}and {}", show_xattrs(a), show_xattrs(b)));
}

int main_of(const std::vector<std::string>& arguments) {
    Options options;
    std::vector<std::string> trees;
    for (const std::string& argument : arguments) {
        const std::size_t equals = argument.find('=');
        const std::string key = argument.substr(0, equals);
        const std::string value = equals == std::string::npos ? "" : argument.substr(equals + 1);
        if (key == "--ignore-mtime")
            options.ignored_mtimes.insert(value);
        else if (key == "--ignore")
            options.ignored.insert(value);
        else if (argument == "--more-attributes")
            options.more_attributes = true;
        else if (argument == "--only-file-links")
            options.only_file_links = true;
        else if (key == "--ignore-attributes")
            options.ignored_attributes = value;
        else if (argument == "--ignore-directory-mtimes")
            options.ignore_directory_mtimes = true;
        else if (argument == "--ignore-root-mode")
            options.ignore_root_mode = true;
        else if (argument == "--ignore-sockets")
            options.ignore_sockets = true;
        else if (argument == "--ignore-empty-attributes")
            options.ignore_empty_attributes = true;
        else
            trees.push_back(argument);
    }
    if (trees.size() != 2 || trees[0].substr(0, 2) == "--") {
        fmt::print(stderr, "{}", kUsage);
        return 2;
    }
    return Comparison(trees[0], trees[1], options).run() == 0 ? 0 : 1;
}

} // namespace

} // namespace thinsnap::test

int main(int argc, char** argv) {
    try {
        return thinsnap::test::main_of({argv + 1, argv + argc});
    } catch (const std::exception& error) {
        fmt::print(stderr, "compare_trees: {}\n", error.what());
        return 2;
    }
}
