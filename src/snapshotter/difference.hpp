#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <thinsnap/thin_pool.hpp>

#include "base/byte_sink.hpp"
#include "layer/diff.hpp"
#include "snapshotter/container_files.hpp"

namespace thinsnap::snapshotter {

/// What the file system of one device has that differs from that of another, which it began as a
/// snapshot of; found from the chunks in which the two devices differ.
///
/// Nobody writes to either device meanwhile. Threads: one at a time.
class Difference {
public:
    /// \param lower  none: an empty file system, so that all of `upper` is new
    /// \param check_interrupt  called often; throws to end the work
    /// \throws see ext4::FileSystem and layer::find_changes()
    /// Cost: follows the difference; see layer::find_changes().
    Difference(ThinPool& pool,
               std::optional<DeviceId> lower,
               DeviceId upper,
               std::function<void()> check_interrupt);
    ~Difference();
    Difference(const Difference&) = delete;
    Difference& operator=(const Difference&) = delete;

    [[nodiscard]] const std::vector<layer::Change>& changes() const { return changes_; }

    /// Writes it as the tar of an OCI layer, the same bytes each time.
    /// \throws see layer::export_layer()
    void write_tar(ByteSink& sink) const;

private:
    struct EmptyLower;

    std::function<void()> check_interrupt_;
    std::unique_ptr<EmptyLower> empty_;
    std::optional<DeviceFiles> lower_;
    DeviceFiles upper_;
    std::vector<layer::Change> changes_;
};

} // namespace thinsnap::snapshotter
