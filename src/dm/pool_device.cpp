#include "dm/pool_device.hpp"

#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/core.h>
#include <sys/stat.h>

#include <thinsnap/error.hpp>

#include "attach/loop_device.hpp"
#include "io/file_device.hpp"

namespace thinsnap::dm {

namespace {

using attach::LoopDevice;
using attach::LoopInfo;

/// The kernel has the device, too.
constexpr io::FileDeviceOptions kReading{.read_only = true, .exclusive = false};

class DiskDevice final : public PoolDevice {
public:
    DiskDevice(const std::string& path, dev_t number)
        : number_(number)
        , reader_(path, kReading) {}

    [[nodiscard]] dev_t number() const override { return number_; }
    [[nodiscard]] BlockDevice& reader() override { return reader_; }
    void update_size() override { reader_.resize(0); }

private:
    dev_t number_;
    io::FileDevice reader_;
};

class FileOverLoop final : public PoolDevice {
public:
    explicit FileOverLoop(LoopDevice loop)
        : loop_(std::move(loop))
        , reader_(loop_.path(), kReading) {}

    [[nodiscard]] dev_t number() const override { return loop_.device(); }
    [[nodiscard]] BlockDevice& reader() override { return reader_; }
    void update_size() override {
        loop_.update_size();
        reader_.resize(0);
    }

private:
    LoopDevice loop_;
    io::FileDevice reader_;
};

struct stat look_at(const std::string& path) {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0)
        throw SystemError(errno, fmt::format("opening {}", path));
    return st;
}

/// The loop device that lies over the file, going by its name: files that others use are not asked.
std::optional<LoopInfo> find_over(const std::string& path) {
    std::error_code error;
    const std::string name = std::filesystem::canonical(path, error).string();
    for (LoopInfo& loop : attach::list_loops())
        if (loop.backing_file == name)
            return std::move(loop);
    return std::nullopt;
}

} // namespace

std::unique_ptr<PoolDevice> open_pool_device(const std::string& path) {
    const struct stat st = look_at(path);
    if (S_ISBLK(st.st_mode))
        return std::make_unique<DiskDevice>(path, st.st_rdev);
    const auto found = find_over(path);
    return std::make_unique<FileOverLoop>(found ? LoopDevice(*found, {}) : LoopDevice(path, {}));
}

} // namespace thinsnap::dm
