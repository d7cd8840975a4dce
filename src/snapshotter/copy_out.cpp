#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "base/fd.hpp"
#include "snapshotter/copy.hpp"
#include "snapshotter/path_lookup.hpp"

namespace thinsnap::snapshotter {

namespace {

using ext4::FileType;
using ext4::InodeInfo;

constexpr mode_t kWhileCopied = 0700;

/// Where on the host a file goes: a name in a directory that is open.
struct HostPlace {
    int directory;
    std::string name;
    std::string path; ///< for messages
};

[[noreturn]] void refuse(const HostPlace& place) {
    throw Error(Errc::already_exists, fmt::format("{} is there already", place.path));
}

void check(int result, const char* action, const HostPlace& place) {
    if (result != 0)
        throw SystemError(errno, fmt::format("{} {}", action, place.path));
}

/// One copy from a file system to the host.
class CopyOut {
public:
    CopyOut(const ext4::FileSystem& files, const std::function<void()>& check_interrupt)
        : files_(files)
        , check_interrupt_(check_interrupt)
        , piece_(kCopyPiece) {}

    void copy(const InodeInfo& inode, const HostPlace& place, unsigned depth) {
        if (check_interrupt_)
            check_interrupt_();
        switch (inode.type) {
        case FileType::regular:
            return copy_regular(inode, place);
        case FileType::directory:
            return copy_directory(inode, place, depth);
        case FileType::symlink:
            ++report_.files;
            return check(::symlinkat(files_.link_target(inode.number).c_str(),
                                     place.directory,
                                     place.name.c_str()),
                         "making the symbolic link",
                         place);
        default:
            ++report_.left_out;
        }
    }

    /// What is in a directory of the file system, to a directory on the host.
    void copy_entries(const InodeInfo& inode,
                      const Fd& directory,
                      const std::string& path,
                      unsigned depth) {
        if (depth >= kMaxCopyDepth)
            throw Error(Errc::unsupported,
                        fmt::format("{}: directories over {} levels deep", path, kMaxCopyDepth));
        std::vector<ext4::Entry> entries;
        files_.for_each_entry(inode.number,
                              [&](const ext4::Entry& entry) { entries.push_back(entry); });
        std::ranges::sort(entries, {}, &ext4::Entry::name);
        for (const ext4::Entry& entry : entries)
            copy(
                files_.inode(entry.inode),
                {.directory = directory.get(), .name = entry.name, .path = path + "/" + entry.name},
                depth + 1);
    }

    [[nodiscard]] const CopyReport& report() const { return report_; }

private:
    void copy_regular(const InodeInfo& inode, const HostPlace& place) {
        const Fd file = create_file(place);
        files_.for_each_extent(inode.number, [&](const ext4::FileExtent& extent) {
            if (!extent.unwritten)
                copy_range(inode, extent.logical, extent.length, file, place);
        });
        check(::ftruncate(file.get(), static_cast<off_t>(inode.size)), "sizing", place);
        set_metadata(inode, file, place);
        ++report_.files;
        report_.bytes += inode.size;
    }

    void copy_range(const InodeInfo& inode,
                    std::uint64_t offset,
                    std::uint64_t length,
                    const Fd& file,
                    const HostPlace& place) {
        while (length > 0) {
            if (check_interrupt_)
                check_interrupt_();
            const std::size_t got = files_.read(
                inode.number,
                offset,
                std::span(piece_).first(std::min<std::uint64_t>(length, piece_.size())));
            if (got == 0)
                return; // the extent reaches behind the file's size
            write_at(file, std::span(piece_).first(got), offset, place.path);
            offset += got;
            length -= got;
        }
    }

    /// A new file; a regular one that is there makes way.
    static Fd create_file(const HostPlace& place) {
        constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
        Fd file(::openat(place.directory, place.name.c_str(), kFlags, 0600));
        if (!file.is_open() && errno == EEXIST) {
            struct stat st {};
            check(::fstatat(place.directory, place.name.c_str(), &st, AT_SYMLINK_NOFOLLOW),
                  "looking at",
                  place);
            if (!S_ISREG(st.st_mode))
                refuse(place);
            check(::unlinkat(place.directory, place.name.c_str(), 0), "replacing", place);
            file = Fd(::openat(place.directory, place.name.c_str(), kFlags, 0600));
        }
        if (!file.is_open())
            throw SystemError(errno, fmt::format("making {}", place.path));
        return file;
    }

    void copy_directory(const InodeInfo& inode, const HostPlace& place, unsigned depth) {
        if (::mkdirat(place.directory, place.name.c_str(), kWhileCopied) != 0 && errno != EEXIST)
            throw SystemError(errno, fmt::format("making {}", place.path));
        const Fd directory(::openat(
            place.directory, place.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!directory.is_open() && (errno == ENOTDIR || errno == ELOOP))
            refuse(place);
        if (!directory.is_open())
            throw SystemError(errno, fmt::format("opening {}", place.path));
        copy_entries(inode, directory, place.path, depth);
        set_metadata(inode, directory, place);
        ++report_.files;
    }

    static void set_metadata(const InodeInfo& inode, const Fd& file, const HostPlace& place) {
        check(::fchmod(file.get(), inode.attributes.permissions & 0777U),
              "setting the mode of",
              place);
        const auto& mtime = inode.attributes.mtime;
        const std::array<timespec, 2> times{
            {{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
             {.tv_sec = mtime.seconds, .tv_nsec = static_cast<long>(mtime.nanoseconds)}}};
        check(::futimens(file.get(), times.data()), "setting the times of", place);
    }

    const ext4::FileSystem& files_;
    const std::function<void()>& check_interrupt_;
    std::vector<std::byte> piece_;
    CopyReport report_;
};

Fd open_directory(const std::string& path) {
    Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open())
        throw SystemError(errno, fmt::format("opening {}", path));
    return directory;
}

bool is_directory(const std::string& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

} // namespace

CopyReport copy_out(const ext4::FileSystem& files,
                    std::string_view path,
                    const std::string& target,
                    const std::function<void()>& check_interrupt) {
    const FoundFile found =
        get_path(files, path, path.ends_with('/') ? LastLink::follow : LastLink::keep);
    CopyOut copy(files, check_interrupt);
    if (found.path == "/" && is_directory(target)) {
        copy.copy_entries(found.inode, open_directory(target), target, 0);
        return copy.report();
    }
    std::string parent = target;
    std::string name = found.path.substr(found.path.rfind('/') + 1);
    if (!is_directory(target)) {
        const auto slash = target.rfind('/');
        name = target.substr(slash + 1);
        parent = slash == std::string::npos ? "." : target.substr(0, slash + 1);
    }
    if (name.empty() || name == "." || name == "..")
        throw Error(Errc::not_found, fmt::format("there is no directory {}", target));
    const Fd directory = open_directory(parent);
    copy.copy(
        found.inode, {.directory = directory.get(), .name = name, .path = parent + "/" + name}, 0);
    return copy.report();
}

} // namespace thinsnap::snapshotter
