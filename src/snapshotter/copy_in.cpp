#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "base/fd.hpp"
#include "ext4/tree_writer.hpp"
#include "snapshotter/container_files.hpp"
#include "snapshotter/containers.hpp"
#include "snapshotter/copy.hpp"
#include "snapshotter/new_layer.hpp"
#include "snapshotter/path_lookup.hpp"
#include "snapshotter/store.hpp"

namespace thinsnap::snapshotter {

namespace {

using ext4::FileType;
using ext4::InodeNumber;

constexpr std::size_t kMaxLink = 4096;

/// A file on the host: a name in a directory that is open.
struct HostFile {
    int directory;
    std::string name;
    std::string path; ///< for messages
};

struct stat look_at(const HostFile& file) {
    struct stat st {};
    if (::fstatat(file.directory, file.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
        throw SystemError(errno, fmt::format("looking at {}", file.path));
    return st;
}

Fd open_file(const HostFile& file, int flags) {
    Fd fd(::openat(file.directory, file.name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags));
    if (!fd.is_open())
        throw SystemError(errno, fmt::format("opening {}", file.path));
    return fd;
}

ext4::Attributes attributes_of(const struct stat& st) {
    return {.permissions = static_cast<std::uint16_t>(st.st_mode & 0777U),
            .uid = 0,
            .gid = 0,
            .mtime = {.seconds = st.st_mtim.tv_sec,
                      .nanoseconds = static_cast<std::uint32_t>(st.st_mtim.tv_nsec)}};
}

/// Sorted, so that the same tree gives the same file system.
std::vector<std::string> names_in(const Fd& directory, const std::string& path) {
    const int copy = ::fcntl(directory.get(), F_DUPFD_CLOEXEC, 0);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(copy < 0 ? nullptr : ::fdopendir(copy),
                                                     ::closedir);
    if (!stream)
        throw SystemError(errno, fmt::format("reading {}", path));
    std::vector<std::string> names;
    errno = 0;
    // NOLINTNEXTLINE(concurrency-mt-unsafe) the stream is this thread's alone
    while (const dirent* entry = ::readdir(stream.get())) {
        const std::string name = &entry->d_name[0];
        if (name != "." && name != "..")
            names.push_back(name);
    }
    if (errno != 0)
        throw SystemError(errno, fmt::format("reading {}", path));
    std::ranges::sort(names);
    return names;
}

/// One copy from the host to a file system.
class CopyIn {
public:
    CopyIn(ext4::FileSystem& files, const std::function<void()>& check_interrupt)
        : writer_(files, {.grow_device = [](std::uint64_t) {}})
        , check_interrupt_(check_interrupt)
        , piece_(kCopyPiece) {}

    void
    copy(const HostFile& file, InodeNumber directory, const std::string& name, unsigned depth) {
        if (check_interrupt_)
            check_interrupt_();
        const struct stat st = look_at(file);
        if (S_ISREG(st.st_mode))
            copy_regular(file, st, directory, name);
        else if (S_ISDIR(st.st_mode))
            copy_directory(file, st, directory, name, depth);
        else if (S_ISLNK(st.st_mode))
            copy_link(file, st, directory, name);
        else
            ++report_.left_out;
    }

    CopyReport finish() {
        writer_.finish();
        return report_;
    }

private:
    [[noreturn]] static void refuse(const std::string& name) {
        throw Error(Errc::already_exists,
                    fmt::format("'{}' is there already in the container", name));
    }

    void copy_regular(const HostFile& file,
                      const struct stat& st,
                      InodeNumber directory,
                      const std::string& name) {
        const Fd fd = open_file(file, O_NONBLOCK);
        if (const auto existing = writer_.find(directory, name)) {
            if (writer_.inode(existing->inode).type != FileType::regular)
                refuse(name);
            writer_.remove(directory, name);
        }
        const InodeNumber inode = writer_.create(
            directory, name, {.type = FileType::regular, .attributes = attributes_of(st)});
        ext4::ContentWriter content = writer_.open_content(inode);
        content.close(copy_content(fd, file.path, content));
        ++report_.files;
    }

    /// \return the file's size, as it was while it was read
    std::uint64_t
    copy_content(const Fd& fd, const std::string& path, ext4::ContentWriter& content) {
        std::uint64_t offset = 0;
        for (;;) {
            if (check_interrupt_)
                check_interrupt_();
            const off_t data = ::lseek(fd.get(), static_cast<off_t>(offset), SEEK_DATA);
            if (data < 0 && errno != ENXIO && errno != EINVAL)
                throw SystemError(errno, fmt::format("reading {}", path));
            if (data >= 0)
                offset = static_cast<std::uint64_t>(data);
            const ssize_t got =
                ::pread(fd.get(), piece_.data(), piece_.size(), static_cast<off_t>(offset));
            if (got < 0)
                throw SystemError(errno, fmt::format("reading {}", path));
            if (got == 0)
                break;
            content.write(offset, std::span(piece_).first(static_cast<std::size_t>(got)));
            offset += static_cast<std::uint64_t>(got);
        }
        const off_t size = ::lseek(fd.get(), 0, SEEK_END);
        const std::uint64_t whole = std::max(offset, static_cast<std::uint64_t>(size));
        report_.bytes += whole;
        return whole;
    }

    void copy_directory(const HostFile& file,
                        const struct stat& st,
                        InodeNumber directory,
                        const std::string& name,
                        unsigned depth) {
        if (depth >= kMaxCopyDepth)
            throw Error(
                Errc::unsupported,
                fmt::format("{}: directories over {} levels deep", file.path, kMaxCopyDepth));
        const Fd fd = open_file(file, O_DIRECTORY);
        InodeNumber inode;
        if (const auto existing = writer_.find(directory, name)) {
            if (writer_.inode(existing->inode).type != FileType::directory)
                refuse(name);
            inode = existing->inode;
        } else {
            inode = writer_.create(
                directory, name, {.type = FileType::directory, .attributes = attributes_of(st)});
        }
        for (const std::string& child : names_in(fd, file.path))
            copy({.directory = fd.get(), .name = child, .path = file.path + "/" + child},
                 inode,
                 child,
                 depth + 1);
        ++report_.files;
    }

    void copy_link(const HostFile& file,
                   const struct stat& st,
                   InodeNumber directory,
                   const std::string& name) {
        std::string target(kMaxLink, '\0');
        const ssize_t length =
            ::readlinkat(file.directory, file.name.c_str(), target.data(), target.size());
        if (length < 0)
            throw SystemError(errno, fmt::format("reading the symbolic link {}", file.path));
        target.resize(static_cast<std::size_t>(length));
        writer_.create(
            directory,
            name,
            {.type = FileType::symlink, .attributes = attributes_of(st), .link_target = target});
        ++report_.files;
    }

    ext4::TreeWriter writer_;
    const std::function<void()>& check_interrupt_;
    std::vector<std::byte> piece_;
    CopyReport report_;
};

/// A directory in the container, and the name that is made in it.
struct Destination {
    InodeNumber directory;
    std::string name;
};

Destination destination_of(const ext4::FileSystem& files,
                           std::string_view path,
                           const std::string& source_name) {
    const auto found = find_path(files, path, LastLink::follow);
    if (found && found->inode.type == FileType::directory)
        return {.directory = found->inode.number, .name = source_name};
    const auto slash = path.rfind('/');
    const std::string_view parent = path.substr(0, slash == std::string_view::npos ? 0 : slash);
    const FoundFile directory = get_path(files, parent, LastLink::follow);
    if (directory.inode.type != FileType::directory)
        throw Error(Errc::precondition, fmt::format("{} is no directory", directory.path));
    return {.directory = directory.inode.number, .name = std::string(path.substr(slash + 1))};
}

} // namespace

CopyReport copy_in(ext4::FileSystem& files,
                   const std::string& source,
                   std::string_view path,
                   const std::function<void()>& check_interrupt) {
    std::string trimmed = source.substr(0, source.find_last_not_of('/') + 1);
    const std::string source_name = trimmed.substr(trimmed.rfind('/') + 1);
    if (source_name.empty() || source_name == "." || source_name == "..")
        throw Error(Errc::invalid_argument,
                    fmt::format("'{}' has no name that it could have in the container", source));
    const Destination to = destination_of(files, path, source_name);
    CopyIn copy(files, check_interrupt);
    copy.copy({.directory = AT_FDCWD, .name = trimmed, .path = trimmed}, to.directory, to.name, 0);
    return copy.finish();
}

CopyReport copy_into_container(Context& context,
                               std::string_view container,
                               const std::string& source,
                               std::string_view path) {
    const journal::Container target = context.store.read(
        [&](const journal::State& state) { return get_container(state, container); });
    NewLayer changed = NewLayer::frozen(context, target);
    ext4::FileSystem files(changed.device(), ext4::FileSystemAccess::read_write);
    const CopyReport report = copy_in(files, source, path, context.check_interrupt);
    files.flush();
    changed.replace(target, target.virtual_size);
    return report;
}

} // namespace thinsnap::snapshotter
