#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "attach/recovery.hpp"
#include "attach/writeback.hpp"

#include "support/attach_harness.hpp"
#include "support/memory_limit.hpp"
#include "support/pool_files.hpp"
#include "support/random.hpp"
#include "support/skip.hpp"
#include "support/tool.hpp"
#include "support/victim.hpp"

// The kernel writes back a container's dirty pages through a process that needs memory itself.
// Here memory is short for everybody: the server, the writer, and a hog that uses what there is.

namespace thinsnap::test {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
#ifdef __SANITIZE_ADDRESS__
constexpr std::uint64_t kLimit = 768 * kMiB; // it keeps freed memory for a while
#else
constexpr std::uint64_t kLimit = 256 * kMiB;
#endif
constexpr std::uint64_t kLeft = 40 * kMiB; ///< what the hog leaves to the others
constexpr std::uint64_t kPattern = 7;

std::uint64_t bytes_to_write() {
    return (long_run() ? 2048 : 1024) * kMiB;
}

bool may_become_io_flusher() {
    return attach::become_io_flusher() == 0 && ::prctl(PR_SET_IO_FLUSHER, 0, 0, 0, 0) == 0;
}

/// The first that has to go when memory is out.
void be_killed_first() {
    std::ofstream("/proc/self/oom_score_adj") << 1000;
}

/// A cgroup of version 1 makes who needs memory wait for writeback, unless it is marked as an I/O
/// flusher: a server that may not be can wait for itself, though having its memory before makes
/// that rare.
std::optional<std::string> why_server_must_not_be_limited() {
    if (MemoryLimit::waits_for_writeback() && !may_become_io_flusher())
        return "PR_SET_IO_FLUSHER is not permitted (CAP_SYS_RESOURCE), and memory cgroups are of "
               "version 1: a server in the cgroup of its containers can deadlock here";
    return std::nullopt;
}

/// Uses so much memory, all of it, all the time.
[[noreturn]] void hog(std::uint64_t bytes) {
    auto* const memory = static_cast<volatile char*>(
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (char value = 1;; ++value)
        for (std::uint64_t at = 0; at < bytes; at += 4096)
            memory[at] = value;
}

/// Writes through the page cache, syncs, leaves the errno in `result` and ends.
[[noreturn]] void write_much(const std::string& path, const std::string& result) {
    const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    std::vector<std::byte> piece(kMiB);
    int error = file.is_open() ? 0 : errno;
    for (std::uint64_t at = 0; error == 0 && at < bytes_to_write(); at += kMiB) {
        fill_pattern(piece, kPattern, at);
        if (::pwrite(file.get(), piece.data(), piece.size(), static_cast<off_t>(at)) !=
            static_cast<ssize_t>(piece.size()))
            error = errno;
    }
    if (error == 0 && ::fsync(file.get()) != 0)
        error = errno;
    std::ofstream(result) << error << std::endl; // NOLINT(performance-avoid-endl) it ends here
    ::_exit(0);
}

/// Ends the FUSE connection of the server whose devices are exported below a directory.
void abort_connection(const std::string& base) {
    std::optional<unsigned> connection;
    for (const attach::MountPlace& mount : attach::read_mounts())
        if (mount.directory.starts_with(base))
            connection = minor(mount.device);
    if (!connection)
        return;
    const TempDir control;
    const bool mounted = ::mount("none", control.path().c_str(), "fusectl", 0, nullptr) == 0;
    std::ofstream(fmt::format("{}/{}/abort", control.path().string(), *connection)) << 1;
    if (mounted)
        ::umount2(control.path().c_str(), MNT_DETACH);
}

enum class ServerMemory { limited, unlimited };

/// A server in a process of its own, and a mounted container.
class Served {
public:
    Served(const MemoryLimit& limit, ServerMemory memory)
        : server_([&] { return serve(limit, memory); })
        , device_(server_.told())
        , directory_(temp_ / "mnt") {
        INFO(device_);
        REQUIRE(device_.starts_with("/dev/loop"));
        std::filesystem::create_directory(directory_);
        attach::mount_ext4(device_, directory_, false);
    }
    Served(const Served&) = delete;
    Served& operator=(const Served&) = delete;
    ~Served() {
        abort_connection(temp_ / "run");
        server_.kill();
        const auto cleaned =
            attach::clean_up(attach::RuntimeDirectory(temp_ / "run", AttachHarness::uuid()));
    }

    /// Ends a deadlock: every request fails, so nobody waits for another any more. A killed server
    /// may be part of one and not go.
    void abort() const { abort_connection(temp_ / "run"); }

    [[nodiscard]] pid_t server() const { return server_.pid(); }
    [[nodiscard]] const std::string& device() const { return device_; }
    [[nodiscard]] const std::string& directory() const { return directory_; }
    [[nodiscard]] std::string file() const { return directory_ + "/much"; }
    [[nodiscard]] std::string result_file() const { return temp_ / "result"; }

    [[nodiscard]] std::optional<int> result() const {
        std::ifstream file(result_file());
        int error = 0;
        return file >> error ? std::optional(error) : std::nullopt;
    }

private:
    /// Never gives back anything: it is killed.
    [[nodiscard]] std::string serve(const MemoryLimit& limit, ServerMemory memory) const {
        if (memory == ServerMemory::limited)
            limit.enter();
        for (const std::string& refused : attach::protect_writeback())
            std::printf("server: %s\n", refused.c_str());
        std::fflush(stdout);
        make_temporary_files_in(temp_.path());
        const std::uint64_t size = bytes_to_write() + 256 * kMiB;
        auto* files = new PoolFiles(temp_.path(), size, false);
        auto* harness = new AttachHarness(*files->pool, temp_ / "run");
        const auto device = harness->make_active(1, size - 64 * kMiB);
        AttachHarness::make_file_system(device);
        return device.path;
    }

    TempDir temp_;
    Victim server_;
    std::string device_;
    std::string directory_;
};

/// Waits for the writer beside a hog, which is replaced whenever the kernel has killed it.
/// \return whether the writer ended in time; if not, the server is cut off, so that all can end
bool ends_beside_hog(Victim& writer,
                     const MemoryLimit& limit,
                     const Served& served,
                     std::chrono::seconds within) {
    const std::uint64_t usage = limit.usage();
    const std::uint64_t bytes = kLimit > usage + kLeft ? kLimit - usage - kLeft : kMiB;
    int killed = 0;
    std::unique_ptr<Victim> hog_process;
    const bool ended = becomes_true(
        [&] {
            if (!hog_process || hog_process->is_gone(0ms)) {
                killed += hog_process ? 1 : 0;
                hog_process =
                    std::make_unique<Victim>([] { return "ready"; }, // before memory is short
                                             [&] {
                                                 limit.enter();
                                                 be_killed_first();
                                                 hog(bytes);
                                             });
            }
            return writer.is_gone(10ms);
        },
        within);
    if (!ended)
        served.abort();
    MESSAGE("a hog of ", (bytes / kMiB), " MiB, killed ", killed, " times");
    return ended;
}

void require_no_deadlock(ServerMemory memory) {
    const MemoryLimit limit(kLimit);
    const Served served(limit, memory);
    const auto start = std::chrono::steady_clock::now();
    Victim writer([] { return "ready"; },
                  [&] {
                      limit.enter();
                      write_much(served.file(), served.result_file());
                  });
    const bool ended = ends_beside_hog(writer, limit, served, long_run() ? 400s : 100s);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    MESSAGE((bytes_to_write() / kMiB), " MiB in ", took.count(), " s");
    if (!ended)
        FAIL("the writer has not ended");
    CHECK(served.result() == 0);
    const Fd file = open_file(served.file(), O_RDONLY);
    Random random(1);
    std::vector<std::byte> seen(4096);
    std::vector<std::byte> expected(seen.size());
    for (int i = 0; i < 500; ++i) {
        const std::uint64_t at = random.below(bytes_to_write() / 4096) * 4096;
        fill_pattern(expected, kPattern, at);
        REQUIRE(::pread(file.get(), seen.data(), seen.size(), static_cast<off_t>(at)) == 4096);
        REQUIRE(seen == expected);
    }
}

} // namespace

TEST_SUITE("attach.writeback") {
    TEST_CASE("a container that dirties more than its memory is written back") {
        if (why_no_attach())
            return skip(*why_no_attach());
        if (MemoryLimit::why_not())
            return skip(*MemoryLimit::why_not());
        require_no_deadlock(ServerMemory::unlimited);
    }

    TEST_CASE("a server as short of memory as its container writes back") {
        if (why_no_attach())
            return skip(*why_no_attach());
        if (MemoryLimit::why_not())
            return skip(*MemoryLimit::why_not());
        if (const auto why = why_server_must_not_be_limited())
            return skip(*why);
        require_no_deadlock(ServerMemory::limited);
    }

    TEST_CASE("a server that stands still is noticed") { // so that the last cases can fail
        if (why_no_attach())
            return skip(*why_no_attach());
        if (MemoryLimit::why_not())
            return skip(*MemoryLimit::why_not());
        const MemoryLimit limit(kLimit);
        const Served served(limit, ServerMemory::unlimited);
        ::kill(served.server(), SIGSTOP);
        Victim writer([] { return "ready"; },
                      [&] {
                          limit.enter();
                          write_much(served.file(), served.result_file());
                      });
        CHECK_FALSE(ends_beside_hog(writer, limit, served, 5s));
        CHECK(writer.is_gone(10s)); // with an error
        CHECK(served.result() != 0);
    }
}

} // namespace thinsnap::test
