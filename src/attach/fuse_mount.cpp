#define FUSE_USE_VERSION 314
#include "attach/fuse_mount.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <fuse3/fuse_lowlevel.h>
#include <linux/fuse.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "attach/fuse_session.hpp"
#include "attach/request_buffers.hpp"
#include "attach/writeback.hpp"
#include "base/fd.hpp"

namespace thinsnap::attach {

namespace {

constexpr std::size_t kWriteHeader = sizeof(fuse_in_header) + sizeof(fuse_write_in);

// The descriptor on which the calling thread's request came: the answer goes there too.
int& own_descriptor() {
    thread_local int descriptor = -1;
    return descriptor;
}

/// The stack that a request will need is there from now on, not when memory is short.
void touch_stack() noexcept {
    std::array<char, std::size_t{128} << 10U> stack{};
    ::explicit_bzero(stack.data(), stack.size()); // not optimised away
}

ssize_t write_answer(int /*descriptor*/, iovec* pieces, int count, void* /*user*/) {
    return ::writev(own_descriptor(), pieces, count);
}

ssize_t read_request(int descriptor, void* into, size_t size, void* /*user*/) {
    return ::read(descriptor, into, size);
}

Fd open_fuse() {
    try {
        return open_file("/dev/fuse", O_RDWR);
    } catch (Error& error) {
        error.add_context("exporting devices needs FUSE (`modprobe fuse`)");
        throw;
    }
}

/// One more descriptor of the same connection, so that threads do not queue up behind one.
Fd clone_of(const Fd& fuse) {
    Fd clone = open_fuse();
    std::uint32_t from = static_cast<std::uint32_t>(fuse.get());
    if (::ioctl(clone.get(), FUSE_DEV_IOC_CLONE, &from) != 0)
        throw SystemError(errno, "cloning /dev/fuse");
    return clone;
}

} // namespace

struct FuseMount::Parts {
    Parts(std::string where, unsigned count, FuseServer& server)
        : directory(std::move(where))
        , buffers(count)
        , session(make_session(server)) {}

    void start(unsigned count);
    void stop();

    std::string directory;
    RequestBuffers buffers;
    FuseSession session;
    std::vector<Fd> descriptors; ///< one for each thread
    Fd root;                     ///< the mount's root directory, O_PATH
    std::atomic<pid_t> stopper = 0;
    std::vector<std::thread> threads;

private:
    void serve(unsigned thread);
    [[nodiscard]] bool must_stop(std::span<const std::byte> request) const;
};

/// Whether the request is the stopper's, see stop().
bool FuseMount::Parts::must_stop(std::span<const std::byte> request) const {
    fuse_in_header header{};
    std::memcpy(&header, request.data(), sizeof header);
    return header.opcode == FUSE_GETATTR && header.nodeid == FileTable::kRoot &&
           header.pid == static_cast<std::uint32_t>(stopper.load());
}

/// One thread's life: until the connection ends (ENODEV), or stop().
void FuseMount::Parts::serve(unsigned thread) {
    static_cast<void>(become_io_flusher()); // protect_writeback() has told whether it can
    prefer_this_thread();
    touch_stack();
    const auto buffer = buffers.of(thread);
    FuseServer::answer_buffer() = buffer.subspan(RequestBuffers::kPage, kMaxPayload);
    const auto request = buffer.subspan(RequestBuffers::kPage - kWriteHeader);
    const int descriptor = descriptors[thread].get();
    own_descriptor() = descriptor;
    for (;;) {
        const ssize_t size = ::read(descriptor, request.data(), request.size());
        if (size < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
            continue; // ENOENT: the request was taken back
        if (size <= 0)
            return;
        fuse_buf buf{};
        buf.mem = request.data();
        buf.size = static_cast<std::size_t>(size);
        const bool last = stopper.load() != 0 && must_stop(request);
        fuse_session_process_buf(session.get(), &buf);
        if (last)
            return;
    }
}

/// Ends the threads, also while somebody still has a file open: then the connection would go on,
/// and a thread that waits in read() keeps its descriptor open. So this thread asks as often as
/// there are threads, and each that answers it is the last thing that thread does. Whoever uses
/// a file gets errors as soon as the descriptors are closed.
void FuseMount::Parts::stop() {
    ::umount2(directory.c_str(), MNT_DETACH);
    stopper = ::gettid();
    struct stat st {};
    for (std::size_t i = 0; i < threads.size(); ++i)
        if (::fstat(root.get(), &st) != 0)
            break; // the connection has ended, and so have the threads
    for (std::thread& thread : threads)
        thread.join();
    threads.clear();
}

void FuseMount::Parts::start(unsigned count) {
    fuse_custom_io io{};
    io.read = read_request;
    io.writev = write_answer;
    // The session closes its descriptor itself.
    Fd fuse(::fcntl(descriptors.front().get(), F_DUPFD_CLOEXEC, 0));
    if (const int error = fuse_session_custom_io(session.get(), &io, fuse.get()); error != 0)
        throw SystemError(-error, "giving /dev/fuse to libfuse");
    static_cast<void>(fuse.release());
    root = open_file(directory, O_PATH | O_DIRECTORY);
    while (descriptors.size() < count)
        descriptors.push_back(clone_of(descriptors.front()));
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before); // signals are for the program's own threads
    for (unsigned i = 0; i < count; ++i)
        threads.emplace_back([this, i] { serve(i); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

FuseMount::FuseMount(std::string directory, unsigned threads, FuseServer& server)
    : parts_(std::make_unique<Parts>(std::move(directory), threads, server)) {
    const std::string& where = parts_->directory;
    parts_->descriptors.push_back(open_fuse());
    const std::string options =
        fmt::format("fd={},rootmode=40000,user_id={},group_id={},max_read={}",
                    parts_->descriptors.front().get(),
                    ::geteuid(),
                    ::getegid(),
                    kMaxPayload);
    constexpr unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME;
    if (::mount("thinsnap", where.c_str(), kFuseType, flags, options.c_str()) != 0)
        throw SystemError(errno, fmt::format("mounting FUSE on {}", where));
    try {
        parts_->start(threads);
    } catch (...) {
        parts_->stop();
        throw;
    }
}

FuseMount::~FuseMount() {
    parts_->stop();
}

const std::string& FuseMount::directory() const {
    return parts_->directory;
}

} // namespace thinsnap::attach
