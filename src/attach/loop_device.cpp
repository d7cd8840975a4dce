#include "attach/loop_device.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

namespace thinsnap::attach {

namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kLogicalBlock = 4096;
constexpr std::string_view kDeleted = " (deleted)"; // what the kernel puts behind a name
constexpr int kAttempts = 100;                      // against others who take the same free number

std::string path_of_number(unsigned number) {
    return fmt::format("/dev/loop{}", number);
}

loop_config make_config(const Fd& file, const LoopOptions& options) {
    loop_config config{};
    config.fd = static_cast<std::uint32_t>(file.get());
    config.block_size = kLogicalBlock;
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (options.direct_io)
        config.info.lo_flags |= LO_FLAGS_DIRECT_IO;
    if (options.read_only)
        config.info.lo_flags |= LO_FLAGS_READ_ONLY;
    return config;
}

unsigned free_number(const Fd& control) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE); // makes one if there is none
    if (number < 0)
        throw SystemError(errno, "asking /dev/loop-control for a free loop device");
    return static_cast<unsigned>(number);
}

std::optional<unsigned> parse_number(std::string_view name) {
    unsigned number = 0;
    if (!name.starts_with("loop"))
        return std::nullopt;
    name.remove_prefix(4);
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
    if (name.empty() || parsed.ec != std::errc{} || parsed.ptr != name.data() + name.size())
        return std::nullopt;
    return number;
}

/// The device's description, if it has a backing file.
std::optional<loop_info64> status_of(const Fd& loop) {
    loop_info64 info{};
    if (::ioctl(loop.get(), LOOP_GET_STATUS64, &info) != 0)
        return std::nullopt; // ENXIO: none
    return info;
}

Fd try_open(const std::string& path, int flags) {
    return Fd(::open(path.c_str(), flags | O_CLOEXEC));
}

std::optional<dev_t> device_of(unsigned number) {
    std::ifstream file(fmt::format("/sys/block/loop{}/dev", number));
    unsigned major = 0;
    unsigned minor = 0;
    char colon = 0;
    if (!(file >> major >> colon >> minor))
        return std::nullopt;
    return makedev(major, minor);
}

} // namespace

LoopDevice::LoopDevice(const std::string& file, const LoopOptions& options) {
    const int access = options.read_only ? O_RDONLY : O_RDWR;
    const Fd control = open_file("/dev/loop-control", O_RDWR);
    const Fd backing = open_file(file, access);
    const loop_config config = make_config(backing, options);
    for (int attempt = 0;; ++attempt) {
        const unsigned number = free_number(control);
        const std::string path = path_of_number(number);
        int error = 0;
        Fd loop = try_open(path, access);
        if (!loop.is_open() || ::ioctl(loop.get(), LOOP_CONFIGURE, &config) != 0)
            error = errno;
        if (error == 0) {
            struct stat st {};
            if (::fstat(loop.get(), &st) != 0)
                throw SystemError(errno, fmt::format("looking at {}", path));
            fd_ = std::move(loop);
            path_ = path;
            number_ = number;
            device_ = st.st_rdev;
            return;
        }
        // Somebody else took the number, or udev has not made the node of a new one yet.
        if ((error != EBUSY && error != ENOENT && error != ENXIO) || attempt == kAttempts)
            throw SystemError(error, fmt::format("putting the loop device {} on {}", path, file));
        std::this_thread::sleep_for(std::chrono::milliseconds(attempt < 10 ? 0 : 10));
    }
}

LoopDevice::LoopDevice(const LoopInfo& loop, const LoopOptions& options)
    : fd_(open_file(loop.path, options.read_only ? O_RDONLY : O_RDWR))
    , path_(loop.path)
    , number_(loop.number)
    , device_(loop.device) {}

void LoopDevice::update_size() {
    if (::ioctl(fd_.get(), LOOP_SET_CAPACITY) != 0)
        throw SystemError(errno, fmt::format("resizing {}", path_));
}

bool LoopDevice::is_claimed() const {
    return !try_open(path_, O_RDONLY | O_EXCL).is_open() && errno == EBUSY;
}

bool LoopDevice::try_detach() {
    if (is_claimed())
        return false;
    const auto info = status_of(fd_);
    fd_.reset(); // the last close detaches before it returns
    Fd again = try_open(path_, O_RDONLY);
    const auto now = again.is_open() ? status_of(again) : std::nullopt;
    const bool ours =
        info && now && info->lo_device == now->lo_device && info->lo_inode == now->lo_inode;
    if (ours)
        fd_ = std::move(again);
    return !ours;
}

std::optional<LoopInfo> find_loop(unsigned number) {
    LoopInfo info{.number = number, .path = path_of_number(number)};
    try {
        info.backing_file =
            read_text_file(fmt::format("/sys/block/loop{}/loop/backing_file", number));
    } catch (const Error&) {
        return std::nullopt; // it has none
    }
    info.backing_file.resize(info.backing_file.find_last_not_of('\n') + 1);
    if (info.backing_file.ends_with(kDeleted)) // also said of a file whose server has died
        info.backing_file.resize(info.backing_file.size() - kDeleted.size());
    const auto device = device_of(number);
    if (!device)
        return std::nullopt; // it has gone meanwhile
    info.device = *device;
    return info;
}

std::vector<LoopInfo> list_loops() {
    std::vector<LoopInfo> loops;
    std::error_code error;
    for (fs::directory_iterator it("/sys/block", error), end; !error && it != end;
         it.increment(error)) {
        const auto number = parse_number(it->path().filename().string());
        auto info = number ? find_loop(*number) : std::nullopt;
        if (info)
            loops.push_back(std::move(*info));
    }
    std::ranges::sort(loops, {}, &LoopInfo::number);
    return loops;
}

bool has_dead_server(const LoopInfo& loop) {
    const Fd fd = try_open(loop.path, O_RDONLY);
    return fd.is_open() && !status_of(fd) && errno != ENXIO; // the kernel asks the file
}

void detach_loop(unsigned number) {
    const std::string path = path_of_number(number);
    const Fd loop = try_open(path, O_RDONLY);
    if (!loop.is_open())
        return;
    if (::ioctl(loop.get(), LOOP_CLR_FD) != 0 && errno != ENXIO)
        throw SystemError(errno, fmt::format("detaching {}", path));
}

namespace {

/// Links are compared by their text: looking behind them could wait for a file system that hangs.
bool has_open(const fs::path& process, const std::string& file) {
    std::error_code error;
    for (fs::directory_iterator fd(process / "fd", error), end; !error && fd != end;
         fd.increment(error)) {
        std::error_code gone;
        if (fs::read_symlink(fd->path(), gone) == file)
            return true;
    }
    return false;
}

} // namespace

std::vector<pid_t> find_openers(const std::string& device) {
    std::vector<pid_t> pids;
    std::error_code error;
    for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        pid_t pid = 0;
        const char* const last = name.data() + name.size();
        if (std::from_chars(name.data(), last, pid).ptr == last && pid != ::getpid() &&
            has_open(it->path(), device))
            pids.push_back(pid);
    }
    return pids;
}

std::vector<std::string> find_holders(dev_t device) {
    std::vector<std::string> names;
    std::error_code error;
    const std::string path =
        fmt::format("/sys/dev/block/{}:{}/holders", ::major(device), ::minor(device));
    for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error))
        names.push_back(it->path().filename().string());
    return names;
}

} // namespace thinsnap::attach
