#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ext4/file_system.hpp"
#include "ext4/tree_writer.hpp"
#include "layer/apply.hpp"
#include "layer/diff.hpp"

#include "support/sparse_device.hpp"

namespace thinsnap::test {

/// The device of a layer in memory: an ext4 file system of 64 MiB, to be changed and copied.
class LayerDevice {
public:
    static constexpr std::uint64_t kChunk = 64U << 10U;

    /// Empty.
    LayerDevice();
    explicit LayerDevice(SparseBytes content)
        : device_(std::make_unique<SparseDevice>(std::move(content))) {}

    /// A snapshot: a copy that goes its own way.
    [[nodiscard]] LayerDevice snapshot() const { return LayerDevice(device_->content()); }

    layer::ApplyStatistics apply(const std::string& tar, const layer::ApplyOptions& options = {});
    void change(const std::function<void(ext4::TreeWriter&)>& action);

    [[nodiscard]] SparseDevice& device() { return *device_; }

    /// See Listing.
    [[nodiscard]] std::string listing();

private:
    std::unique_ptr<SparseDevice> device_;
};

/// The chunks that differ, as the pool's mappings say it.
[[nodiscard]] std::vector<layer::ByteRange> changed_ranges(LayerDevice& lower, LayerDevice& upper);

/// See layer::find_changes().
[[nodiscard]] std::vector<layer::Change> changes_between(LayerDevice& lower, LayerDevice& upper);
/// A line for each, "A /path"; those that are only included begin with a dot.
[[nodiscard]] std::string diff_text(LayerDevice& lower, LayerDevice& upper);
/// The layer's tar. See layer::export_layer().
[[nodiscard]] std::string exported(LayerDevice& lower, LayerDevice& upper);

} // namespace thinsnap::test
