#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include <thinsnap/block_device.hpp>
#include <thinsnap/thin_pool.hpp>

#include "base/mutex.hpp"
#include "dm/control.hpp"
#include "dm/names.hpp"

namespace thinsnap::dm {

/// A thin device that is a mapped device for this program, as large as can be. Shared by its
/// handles and the list.
struct OpenThin {
    OpenThin(DeviceId device_id, std::unique_ptr<BlockDevice> device)
        : id(device_id)
        , node(std::move(device)) {}

    const DeviceId id;
    std::unique_ptr<BlockDevice> node; ///< gone when the last handle is
    /// Whole blocks are written under the shared lock; who changes part of one, and so reads it
    /// first, excludes all others.
    SharedMutex blocks;
    unsigned handles = 0; ///< guarded by who guards the list
};

/// The thin devices that are mapped devices for this program's own reading and writing.
///
/// Threads: one call at a time, but for unmap().
class InternalDevices {
public:
    struct Pool {
        Control& control;
        const Names& names;
        dev_t number = 0;
        std::uint64_t chunk_size = 0;
        bool read_only = false;
        std::function<std::unique_ptr<ReadView>()> view; ///< of the metadata now
    };
    explicit InternalDevices(Pool pool);

    /// Each acquire() is undone by a release(). \throws SystemError
    [[nodiscard]] std::shared_ptr<OpenThin> acquire(DeviceId id);
    /// With the last one the mapped device goes.
    /// \throws SystemError  somebody looks at it; it is taken away by the next acquire()
    void release(DeviceId id);
    [[nodiscard]] bool is_open(DeviceId id) const { return open_.contains(id); }

    /// Gives up the chunks in [begin, end), bytes, and their space beneath the pool.
    /// Cost: what is mapped there; for a range over 1 TiB two commits.
    void unmap(OpenThin& thin, std::uint64_t begin, std::uint64_t end);

    /// Bytes of each of these devices: of all that the kernel can number, half.
    static constexpr std::uint64_t kSize = std::uint64_t{1} << 62U;

private:
    [[nodiscard]] std::shared_ptr<OpenThin> start(DeviceId id);

    const Pool pool_;
    std::map<DeviceId, std::shared_ptr<OpenThin>> open_;
};

} // namespace thinsnap::dm
