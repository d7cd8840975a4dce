#define FUSE_USE_VERSION 314
#include "attach/fuse_operations.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>

#include <fuse3/fuse_lowlevel.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <thinsnap/error.hpp>

namespace thinsnap::attach {

namespace {

constexpr unsigned kBackgroundRequests = 256; // the kernel's default of 12 starves 16 threads
constexpr double kNoTimeout = 0;              // a file may be gone, or another size, at any moment

FuseServer& server_of(fuse_req_t request) {
    return *static_cast<FuseServer*>(fuse_req_userdata(request));
}

/// errno for the exception that is being handled.
int errno_of_exception() noexcept {
    try {
        throw;
    } catch (const Error& error) {
        switch (error.kind()) {
        case Errc::no_space:
            return ENOSPC;
        case Errc::read_only:
            return EROFS;
        case Errc::invalid_argument:
            return EINVAL;
        default:
            return EIO;
        }
    } catch (const std::exception&) {
        return EIO;
    }
}

/// Runs `work`; when it throws, that is the answer. `work` answers as its last step.
template <class Work>
void answer(fuse_req_t request, Work work) noexcept {
    try {
        work();
    } catch (...) { // an exception must not pass through C
        fuse_reply_err(request, errno_of_exception());
    }
}

char* chars_of(std::span<std::byte> bytes) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) libfuse has chars for bytes
    return reinterpret_cast<char*>(bytes.data());
}

struct stat attributes_of(const ServedFile& file) {
    struct stat st {};
    st.st_ino = file.inode;
    st.st_mode = S_IFREG | (file.how.read_only ? 0400U : 0600U);
    st.st_nlink = 1;
    st.st_size = static_cast<off_t>(file.device->size());
    return st;
}

struct stat attributes_of_root() {
    struct stat st {};
    st.st_ino = FileTable::kRoot;
    st.st_mode = S_IFDIR | 0700U;
    st.st_nlink = 2;
    return st;
}

void on_init(void* /*user*/, fuse_conn_info* connection) {
    connection->max_write = kMaxPayload;
    connection->max_read = kMaxPayload; // and as a mount option: the kernel wants both
    connection->max_readahead = 0;
    connection->max_background = kBackgroundRequests;
    connection->congestion_threshold = kBackgroundRequests;
    connection->want |= connection->capable & FUSE_CAP_ASYNC_DIO;
    connection->want &= ~static_cast<unsigned>(FUSE_CAP_READDIRPLUS | FUSE_CAP_AUTO_INVAL_DATA);
}

void on_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
    answer(request, [&] {
        const auto file =
            parent == FileTable::kRoot ? server_of(request).files.find(name) : std::nullopt;
        if (!file) {
            fuse_reply_err(request, ENOENT);
            return;
        }
        fuse_entry_param entry{};
        entry.ino = file->inode;
        entry.attr = attributes_of(*file);
        entry.attr_timeout = kNoTimeout;
        entry.entry_timeout = kNoTimeout;
        fuse_reply_entry(request, &entry);
    });
}

void on_getattr(fuse_req_t request, fuse_ino_t inode, fuse_file_info* /*info*/) {
    answer(request, [&] {
        struct stat st = attributes_of_root();
        if (inode != FileTable::kRoot) {
            const auto file = server_of(request).files.find(inode);
            if (!file) {
                fuse_reply_err(request, ENOENT);
                return;
            }
            st = attributes_of(*file);
        }
        fuse_reply_attr(request, &st, kNoTimeout);
    });
}

/// Mode, times and owner do not matter here and are not kept; a size is the device's.
void on_setattr(
    fuse_req_t request, fuse_ino_t inode, struct stat* /*to*/, int what, fuse_file_info* info) {
    if ((static_cast<unsigned>(what) & FUSE_SET_ATTR_SIZE) != 0)
        fuse_reply_err(request, EPERM);
    else
        on_getattr(request, inode, info);
}

void on_open(fuse_req_t request, fuse_ino_t inode, fuse_file_info* info) {
    answer(request, [&] {
        FileTable& files = server_of(request).files;
        const auto file = files.open(inode);
        if (!file) {
            fuse_reply_err(request, ENOENT);
            return;
        }
        if (file->how.read_only && (info->flags & O_ACCMODE) != O_RDONLY) {
            files.close(inode);
            fuse_reply_err(request, EROFS);
            return;
        }
        info->direct_io = 1;
        info->keep_cache = 0;
        if (fuse_reply_open(request, info) != 0) // interrupted: no release comes
            files.close(inode);
    });
}

void on_release(fuse_req_t request, fuse_ino_t inode, fuse_file_info* /*info*/) {
    server_of(request).files.close(inode);
    fuse_reply_err(request, 0);
}

void on_read(
    fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset, fuse_file_info* /*info*/) {
    answer(request, [&] {
        const auto file = server_of(request).files.find(inode);
        const auto begin = static_cast<std::uint64_t>(offset);
        const std::uint64_t end = file ? file->device->size() : 0;
        const std::size_t length =
            begin < end ? std::min<std::uint64_t>({size, end - begin, kMaxPayload}) : 0;
        const auto into = FuseServer::answer_buffer().first(length);
        if (length != 0)
            file->device->read(begin, into);
        fuse_reply_buf(request, chars_of(into), into.size());
    });
}

/// Behind the first write, which has been answered.
void allocate_what_is_written_soon(const ServedFile& file) noexcept {
    const WrittenSoon& soon = file.how.written_soon;
    try {
        if (soon.offset < file.device->size())
            file.device->allocate(soon.offset,
                                  std::min(soon.length, file.device->size() - soon.offset));
    } catch (const std::exception&) { // NOLINT(bugprone-empty-catch) the writes will say it
    }
}

void on_write(fuse_req_t request,
              fuse_ino_t inode,
              const char* bytes,
              size_t size,
              off_t offset,
              fuse_file_info* /*info*/) {
    FileTable& files = server_of(request).files; // the request is gone once it is answered
    std::optional<ServedFile> file;
    answer(request, [&] {
        file = files.find(inode);
        if (!file) {
            fuse_reply_err(request, EIO);
            return;
        }
        file->device->write(static_cast<std::uint64_t>(offset),
                            std::as_bytes(std::span(bytes, size)));
        fuse_reply_write(request, size);
    });
    if (file && !file->is_written && files.note_write(inode))
        allocate_what_is_written_soon(*file);
}

void on_fsync(fuse_req_t request, fuse_ino_t inode, int /*datasync*/, fuse_file_info* /*info*/) {
    answer(request, [&] {
        const auto file = server_of(request).files.find(inode);
        if (file)
            file->device->flush();
        fuse_reply_err(request, file ? 0 : EIO);
    });
}

/// A loop device punches a hole both for a discard and for zeros that may be unmapped, so the
/// range has to read as zeros either way.
void on_fallocate(fuse_req_t request,
                  fuse_ino_t inode,
                  int mode,
                  off_t offset,
                  off_t length,
                  fuse_file_info* /*info*/) {
    answer(request, [&] {
        if (mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE) &&
            (mode & ~FALLOC_FL_KEEP_SIZE) != FALLOC_FL_ZERO_RANGE) {
            fuse_reply_err(request, EOPNOTSUPP);
            return;
        }
        const auto file = server_of(request).files.find(inode);
        const auto begin = static_cast<std::uint64_t>(offset);
        const std::uint64_t end = file ? file->device->size() : 0;
        if (begin < end)
            file->device->write_zeros(begin,
                                      std::min(static_cast<std::uint64_t>(length), end - begin));
        fuse_reply_err(request, file ? 0 : EIO);
    });
}

void on_statfs(fuse_req_t request, fuse_ino_t inode) {
    answer(request, [&] {
        struct statvfs st {};
        const auto file = server_of(request).files.find(inode);
        // A loop device takes the size of a block for what is worth discarding.
        st.f_bsize = file ? file->how.discard_size : 4096;
        st.f_frsize = st.f_bsize;
        st.f_namemax = 255;
        fuse_reply_statfs(request, &st);
    });
}

void on_readdir(
    fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset, fuse_file_info* /*info*/) {
    answer(request, [&] {
        const FileTable& files = server_of(request).files;
        const auto buffer = FuseServer::answer_buffer();
        char* const begin = chars_of(buffer);
        size = std::min(size, buffer.size());
        std::size_t used = 0;
        const auto names = inode == FileTable::kRoot ? files.names() : std::vector<std::string>();
        for (auto i = static_cast<std::size_t>(offset); i < names.size(); ++i) {
            const auto file = files.find(names[i]);
            if (!file)
                continue;
            const struct stat st = attributes_of(*file);
            const std::size_t length = fuse_add_direntry(request,
                                                         begin + used,
                                                         size - used,
                                                         names[i].c_str(),
                                                         &st,
                                                         static_cast<off_t>(i + 1));
            if (length > size - used)
                break;
            used += length;
        }
        fuse_reply_buf(request, begin, used);
    });
}

fuse_lowlevel_ops make_operations() {
    fuse_lowlevel_ops operations{};
    operations.init = on_init;
    operations.lookup = on_lookup;
    operations.getattr = on_getattr;
    operations.setattr = on_setattr;
    operations.open = on_open;
    operations.release = on_release;
    operations.read = on_read;
    operations.write = on_write;
    operations.fsync = on_fsync;
    operations.fallocate = on_fallocate;
    operations.statfs = on_statfs;
    operations.readdir = on_readdir;
    return operations;
}

} // namespace

std::span<std::byte>& FuseServer::answer_buffer() {
    thread_local std::span<std::byte> buffer;
    return buffer;
}

const fuse_lowlevel_ops& fuse_operations() {
    static const fuse_lowlevel_ops kOperations = make_operations();
    return kOperations;
}

} // namespace thinsnap::attach
