#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <random>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mount.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "app/interrupt.hpp"
#include "attach/loop_device.hpp"
#include "base/aligned_buffer.hpp"
#include "snapshotter/containers.hpp"

#include "active_pool.hpp"
#include "cases.hpp"
#include "image_pool.hpp"

namespace thinsnap::bench {

namespace {

constexpr std::uint64_t kBlock = 4096;
constexpr std::uint64_t kRoom = 512U << 20U; ///< on a file system, beside the files
constexpr const char* kImage = "image";
constexpr const char* kSmall = "small"; ///< a file of one block
constexpr const char* kLarge = "large";

/// The two files, all data, in a new directory.
void write_files(const fs::path& directory, std::uint64_t large) {
    fs::create_directories(directory);
    AlignedBuffer noise(1U << 20U);
    std::mt19937_64 random(1);
    for (auto& byte : noise.bytes())
        byte = static_cast<std::byte>(random());
    for (const auto& [name, size] : {std::pair(kSmall, kBlock), std::pair(kLarge, large)}) {
        const RawFile file(directory / name, 0, false);
        for (std::uint64_t at = 0; at < size; at += noise.size()) {
            app::check_interrupt();
            file.write(at, noise.bytes().first(std::min<std::uint64_t>(noise.size(), size - at)));
        }
        file.flush();
    }
}

enum class Memory {
    cold, ///< nothing of the file system is in memory
    warm, ///< all of the file is
};

void prepare(const fs::path& path, Memory memory) {
    if (memory == Memory::cold) {
        const Fd drop = open_file("/proc/sys/vm/drop_caches", O_WRONLY);
        if (::write(drop.get(), "3", 1) != 1)
            throw SystemError(errno, "dropping the system's caches");
        return;
    }
    AlignedBuffer piece(1U << 20U);
    const Fd file = open_file(path.string(), O_RDONLY);
    while (::read(file.get(), piece.bytes().data(), piece.size()) > 0)
        app::check_interrupt();
}

/// Microseconds from before the file is opened: that is when overlayfs copies it.
double write_first(const fs::path& path, Memory memory) {
    prepare(path, memory);
    AlignedBuffer block(kBlock);
    std::ranges::fill(block.bytes(), std::byte{0x5A});
    const auto middle = static_cast<off_t>(fs::file_size(path) / 2 / kBlock * kBlock);
    return 1e6 * seconds([&] {
               const Fd file = open_file(path.string(), O_WRONLY);
               if (::pwrite(file.get(), block.bytes().data(), kBlock, middle) != kBlock ||
                   ::fsync(file.get()) != 0)
                   throw SystemError(errno, fmt::format("writing {}", path.string()));
           });
}

/// Containers of one image that holds the two files; each is used once.
class Containers {
public:
    Containers(const fs::path& directory, std::uint64_t large)
        : directory_(directory)
        , pool_(directory / "pool", large + 2 * kRoom) {
        const fs::path tar = directory / "files.tar";
        write_files(directory / "files", large);
        run({"tar", "-cf", tar, "-C", directory / "files", "."});
        fs::remove_all(directory / "files");
        pool_.import(tar, kImage);
        fs::remove(tar);
        active_.emplace(pool_.context().pool, directory / "run");
    }

    double first_write(const char* file, Memory memory) {
        double taken = 0;
        with_container([&](const fs::path& root) { taken = write_first(root / file, memory); });
        return taken;
    }

    /// Bytes that only a container has that was mounted and did nothing.
    double idle_bytes(std::chrono::milliseconds idle) {
        ThinPool& pool = pool_.context().pool;
        std::uint64_t chunks = 0;
        with_container(
            [&](const fs::path& root) {
                app::interruptible_sleep(idle);
                sync_file_system(root);
            },
            [&](DeviceId id) { chunks = pool.read_view()->usage(id).exclusive_chunks; });
        return static_cast<double>(chunks * pool.chunk_size());
    }

private:
    void with_container(
        const std::function<void(const fs::path&)>& mounted,
        const std::function<void(DeviceId)>& after = [](DeviceId) {}) {
        const std::string name = container_name(0);
        const auto container =
            snapshotter::create_container(pool_.context(), {.name = name, .image = kImage});
        {
            Mounted mount = mount_device(active_->activate(container), directory_ / "mnt");
            mounted(mount.path());
            mount.unmount();
        }
        active_->deactivate(container.device);
        after(container.device);
        snapshotter::remove_containers(pool_.context(), {name});
    }

    fs::path directory_;
    ImagePool pool_;
    std::optional<ActivePool> active_;
};

/// overlayfs on ext4 on a loop device of the same disk; the large file lies in the lower layer.
class Overlay {
public:
    Overlay(const fs::path& directory, std::uint64_t large)
        : directory_(directory)
        , image_(make_image(directory, large))
        , loop_(image_.string(), {})
        , ext4_((run({"mkfs.ext4", "-q", "-E", "lazy_itable_init=0,nodiscard", loop_.path()}),
                 mount_device(loop_.path(), directory / "ext4"))) {
        write_files(ext4_.path() / "lower", large);
        sync_file_system(ext4_.path());
    }

    double first_write(Memory memory) {
        double taken = 0;
        {
            Mounted mount = mount_overlay(ext4_.path(), directory_ / "merged");
            taken = write_first(mount.path() / kLarge, memory);
            mount.unmount();
        }
        for (const char* name : {"upper", "work"})
            fs::remove_all(ext4_.path() / name);
        sync_file_system(ext4_.path());
        return taken;
    }

private:
    static fs::path make_image(const fs::path& directory, std::uint64_t large) {
        fs::create_directories(directory);
        fs::path path = directory / "image";
        const RawFile file(path, 2 * large + kRoom, false);
        return path;
    }

    fs::path directory_;
    fs::path image_;
    attach::LoopDevice loop_;
    Mounted ext4_;
};

Figure at_most(Figure figure, double bound) {
    figure.bound = bound;
    figure.at_least = false;
    return figure;
}

} // namespace

std::vector<Figure> first_writes(const fs::path& directory, const Scale& scale) {
    if (const std::string why = why_not_active(); !why.empty())
        return {not_measured("first write to a mounted container", why)};
    const std::uint64_t large = scale.working_set / 2;
    std::vector<Figure> figures;
    {
        Containers containers(directory / "containers", large);
        Overlay overlay(directory / "overlay", large);
        AppendedFile journal(directory / "journal");
        for (const auto& [memory, how] :
             {std::pair(Memory::cold, "cold"), std::pair(Memory::warm, "warm")}) {
            const auto what =
                fmt::format("first 4k write + fsync to {} MiB, {}", large >> 20U, how);
            const auto ours = [&, m = memory] { return containers.first_write(kLarge, m); };
            figures.push_back(at_most(compare(what + ", against append + fdatasync",
                                              "us",
                                              scale.rounds,
                                              ours,
                                              [&] { return journal.append_and_sync(20); }),
                                      12));
            figures.push_back(
                at_most(compare(what + ", against 4 KiB",
                                "us",
                                scale.rounds,
                                ours,
                                [&, m = memory] { return containers.first_write(kSmall, m); }),
                        1.5));
            figures.push_back(at_most(compare(what + ", against overlayfs",
                                              "us",
                                              scale.slow_rounds,
                                              ours,
                                              [&, m = memory] { return overlay.first_write(m); }),
                                      1.0 / 500));
        }
        constexpr std::chrono::seconds idle{7}; // longer than ext4 waits for anything
        figures.push_back(absolute("pool space of a mounted container that does nothing",
                                   "MB",
                                   1e-6 * containers.idle_bytes(idle),
                                   0.5,
                                   false));
    }
    fs::remove_all(directory);
    return figures;
}

} // namespace thinsnap::bench
