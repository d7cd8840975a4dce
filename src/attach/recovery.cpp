#include "attach/recovery.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>

#include <thinsnap/error.hpp>

#include "attach/freezer.hpp"
#include "attach/fuse_mount.hpp"
#include "attach/loop_device.hpp"
#include "attach/mounts.hpp"
#include "base/fd.hpp"

namespace thinsnap::attach {

namespace {

/// One run of clean_up().
class Cleaner {
public:
    explicit Cleaner(const RuntimeDirectory& directory)
        : directory_(directory)
        , records_(directory.read()) {}

    CleanedUp run() {
        const auto exports = mounts_of_exports();
        if (records_.empty() && exports.empty())
            return result_;
        for (const LoopInfo& loop : list_loops())
            if (is_ours(loop))
                detach(loop);
        for (const ActiveRecord& record : records_)
            result_.devices.push_back({record.device.id, record.device.name, {}, {}});
        // Only now: while it was mounted the kernel could tell the loop devices' files.
        for (const MountPlace& mount : exports)
            for (const MountPlace& place : find_mounts(mount.device))
                attempt([&] { unmount_lazily(place); });
        for (const LostDevice& device : result_.devices)
            directory_.remove(device.id);
        std::ranges::sort(result_.devices, {}, &LostDevice::id);
        return result_;
    }

private:
    template <class Work>
    void attempt(Work work) {
        try {
            work();
        } catch (const Error& error) {
            result_.problems.emplace_back(error.what());
        }
    }

    [[nodiscard]] std::vector<MountPlace> mounts_of_exports() const {
        auto mounts = read_mounts();
        std::erase_if(mounts, [&](const MountPlace& mount) {
            return mount.file_system != kFuseType || mount.directory != directory_.devices();
        });
        return mounts;
    }

    /// Exported files are named by their device's id. If somebody has unmounted `devices` already,
    /// that is all there is left of the path; then it must be the very loop device, and dead.
    [[nodiscard]] std::vector<ActiveRecord>::iterator record_of(const LoopInfo& loop) {
        return std::ranges::find_if(records_, [&](const ActiveRecord& record) {
            const std::string name = "/" + std::to_string(record.device.id.value());
            return loop.backing_file == directory_.devices() + name ||
                   (loop.backing_file == name && loop.path == record.device.path &&
                    loop.number == record.loop_number && has_dead_server(loop));
        });
    }

    [[nodiscard]] bool is_ours(const LoopInfo& loop) {
        return loop.backing_file.starts_with(directory_.devices() + "/") ||
               record_of(loop) != records_.end();
    }

    void detach(const LoopInfo& loop) {
        LostDevice lost;
        lost.path = loop.path;
        if (const auto record = record_of(loop); record != records_.end()) {
            lost.id = record->device.id;
            lost.name = record->device.name;
            records_.erase(record);
        }
        const auto places = find_mounts(loop.device);
        // A file system that is still frozen would keep the loop device for ever.
        for (const MountPlace& place : places)
            attempt([&] { static_cast<void>(thaw_place(place)); });
        for (auto place = places.rbegin(); place != places.rend(); ++place) {
            lost.mount_points.push_back(reachable_path(*place));
            attempt([&] { unmount_lazily(*place); });
        }
        attempt([&] { detach_loop(loop.number); });
        result_.devices.push_back(std::move(lost));
    }

    const RuntimeDirectory& directory_;
    std::vector<ActiveRecord> records_; ///< whose loop devices have not been seen
    CleanedUp result_;
};

} // namespace

CleanedUp clean_up(const RuntimeDirectory& directory) {
    // A loop device's number, once detached by one, may be somebody else's when another looks
    // again.
    const Fd turn = open_file(directory.path(), O_RDONLY | O_DIRECTORY);
    if (::flock(turn.get(), LOCK_EX) != 0)
        throw SystemError(errno, fmt::format("locking {}", directory.path()));
    return Cleaner(directory).run();
}

} // namespace thinsnap::attach
