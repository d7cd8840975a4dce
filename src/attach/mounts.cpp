#include "attach/mounts.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/core.h>
#include <libmount/libmount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "attach/child_process.hpp"
#include "base/fd.hpp"

namespace thinsnap::attach {

namespace {

namespace fs = std::filesystem;

struct FreeTable {
    void operator()(libmnt_table* table) const noexcept { mnt_unref_table(table); }
};
struct FreeIterator {
    void operator()(libmnt_iter* iterator) const noexcept { mnt_free_iter(iterator); }
};
struct FreeContext {
    void operator()(libmnt_context* context) const noexcept { mnt_free_context(context); }
};
using Context = std::unique_ptr<libmnt_context, FreeContext>;

std::string text_of(const char* text) {
    return text == nullptr ? std::string() : std::string(text);
}

MountPlace place_of(libmnt_fs* entry) {
    MountPlace place;
    place.device = mnt_fs_get_devno(entry);
    place.source = text_of(mnt_fs_get_srcpath(entry));
    if (place.source.empty())
        place.source = text_of(mnt_fs_get_source(entry));
    place.directory = text_of(mnt_fs_get_target(entry));
    place.file_system = text_of(mnt_fs_get_fstype(entry));
    place.root = text_of(mnt_fs_get_root(entry));
    const char* options = mnt_fs_get_vfs_options(entry);
    place.read_only = options != nullptr && mnt_match_options(options, "ro") == 1;
    return place;
}

Context make_context() {
    Context context(mnt_new_context());
    if (!context)
        throw std::bad_alloc();
    return context;
}

enum class Action { mount, unmount };

/// Throws what a libmount call came to, in the kernel's words. `status` is its result.
void require_success(const Context& context, int status, Action what, const std::string& action) {
    std::array<char, 512> text{};
    const int code = mnt_context_get_excode(context.get(), status, text.data(), text.size());
    if (code == MNT_EX_SUCCESS)
        return;
    const int error = mnt_context_syscall_called(context.get()) == 1
                          ? mnt_context_get_syscall_errno(context.get())
                          : -status;
    const bool is_not_mounted = what == Action::unmount && error == EINVAL;
    if (error == EBUSY || error == ENOENT || error == EROFS || is_not_mounted) {
        SystemError failure(error, action);
        throw Error(failure.kind(), fmt::format("{}: {}", action, text.data()));
    }
    throw Error(Errc::io, fmt::format("{}: {}; `dmesg` may say more", action, text.data()));
}

} // namespace

std::string reachable_path(const MountPlace& place) {
    return place.pid == 0 ? place.directory
                          : fmt::format("/proc/{}/root{}", place.pid, place.directory);
}

std::vector<MountPlace> read_mounts(const std::string& path) {
    const std::unique_ptr<libmnt_table, FreeTable> table(mnt_new_table());
    const std::unique_ptr<libmnt_iter, FreeIterator> iterator(mnt_new_iter(MNT_ITER_FORWARD));
    if (!table || !iterator)
        throw std::bad_alloc();
    if (const int status = mnt_table_parse_file(table.get(), path.c_str()); status != 0) {
        if (status < 0)
            throw SystemError(-status, fmt::format("reading the mount table {}", path));
        throw Error(Errc::corrupt, fmt::format("{} is no mount table", path));
    }
    std::vector<MountPlace> places;
    libmnt_fs* entry = nullptr;
    while (mnt_table_next_fs(table.get(), iterator.get(), &entry) == 0)
        places.push_back(place_of(entry));
    return places;
}

std::vector<MountPlace> find_mounts(dev_t device) {
    return find_mounts(std::set{device});
}

std::vector<MountPlace> find_mounts(const std::set<dev_t>& devices) {
    std::vector<MountPlace> found;
    std::set<std::pair<dev_t, ino_t>> seen;
    const auto look = [&](const std::string& process, pid_t pid) {
        struct stat space {};
        if (::stat((process + "/ns/mnt").c_str(), &space) != 0 ||
            !seen.emplace(space.st_dev, space.st_ino).second)
            return;
        try {
            for (MountPlace& place : read_mounts(process + "/mountinfo"))
                if (devices.contains(place.device)) {
                    place.pid = pid;
                    found.push_back(std::move(place));
                }
        } catch (const Error&) { // the process has gone meanwhile: another may live there
            seen.erase({space.st_dev, space.st_ino});
        }
    };
    look("/proc/self", 0);
    std::error_code error;
    for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        pid_t pid = 0;
        const char* const last = name.data() + name.size();
        if (std::from_chars(name.data(), last, pid).ptr == last)
            look(it->path().string(), pid);
    }
    return found;
}

void mount_ext4(const std::string& device, const std::string& directory, bool read_only) {
    const Context context = make_context();
    mnt_context_set_source(context.get(), device.c_str());
    mnt_context_set_target(context.get(), directory.c_str());
    mnt_context_set_fstype(context.get(), "ext4");
    mnt_context_set_options(context.get(), read_only ? "ro,_netdev" : "_netdev");
    require_success(context,
                    mnt_context_mount(context.get()),
                    Action::mount,
                    fmt::format("mounting {} on {}", device, directory));
}

void unmount(const std::string& directory, Unmount how) {
    const Context context = make_context();
    mnt_context_set_target(context.get(), directory.c_str());
    mnt_context_enable_lazy(context.get(), how == Unmount::lazy ? 1 : 0);
    require_success(context,
                    mnt_context_umount(context.get()),
                    Action::unmount,
                    fmt::format("unmounting {}", directory));
}

void unmount_lazily(const MountPlace& place) {
    int error = 0;
    if (place.pid == 0) {
        if (::umount2(place.directory.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
            error = errno;
    } else {
        const Fd space = open_file(fmt::format("/proc/{}/ns/mnt", place.pid), O_RDONLY);
        // A thread cannot enter a mount namespace that it does not share with its process.
        error = run_in_child(
            [&]() noexcept {
                if (::setns(space.get(), CLONE_NEWNS) != 0 ||
                    ::umount2(place.directory.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
                    return errno;
                return 0;
            },
            {space.get()});
    }
    if (error != 0 && error != EINVAL && error != ENOENT)
        throw SystemError(error, fmt::format("unmounting {}", reachable_path(place)));
}

} // namespace thinsnap::attach
