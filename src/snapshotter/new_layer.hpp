#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <thinsnap/block_device.hpp>

#include "base/digest.hpp"
#include "journal/objects.hpp"
#include "snapshotter/context.hpp"

namespace thinsnap::snapshotter {

/// What becomes known of a layer when its content is complete.
struct LayerFacts {
    std::optional<Digest> chain_id;
    std::optional<Digest> diff_id;
    std::vector<Digest> blobs;
    std::uint64_t virtual_size = 0;
};

/// A layer that is being made. Its device is there from the start, and the journal knows that it
/// belongs to nobody yet: a crash leaves nothing that the next opening does not remove.
///
/// Destroyed before commit(), it takes the device away again; if that fails, too, the next opening
/// of the pool does it.
/// Threads: one at a time.
class NewLayer {
public:
    /// An empty layer on `parent`, or on nothing.
    /// \throws Error(not_found)  there is no such layer
    /// \throws Error(no_space)   see ThinPool::apply()
    NewLayer(Context& context, std::optional<DeviceId> parent);

    /// What `container` holds now, to be a layer on the container's own parent. If it is mounted,
    /// it is held still for that moment, see Context::freeze.
    static NewLayer frozen(Context& context, const journal::Container& container);

    NewLayer(NewLayer&& other) noexcept;
    NewLayer& operator=(NewLayer&&) = delete;
    NewLayer(const NewLayer&) = delete;
    NewLayer& operator=(const NewLayer&) = delete;
    ~NewLayer();

    [[nodiscard]] DeviceId device_id() const { return id_; }
    /// As large as a device can be: the file system on it says what it takes.
    [[nodiscard]] BlockDevice& device();

    /// Makes the content durable, with its mappings, and then the record that it is a layer. From
    /// then on it never changes.
    /// \return  its size: growth_over() its parent
    std::uint64_t commit(const LayerFacts& facts);

    /// Makes the content durable, and then that of the container, at once and instead of a layer:
    /// the container has this device from then on, and its old one is deleted.
    /// \param virtual_size  bytes, of the container
    /// \throws Error(busy)  the container has changed since it was frozen; nothing is done
    void replace(const journal::Container& container, std::uint64_t virtual_size);

private:
    struct Made {
        DeviceId id;
        std::optional<DeviceId> parent;
    };
    NewLayer(Context& context, const Made& made);

    Context* context_;
    DeviceId id_;
    std::optional<DeviceId> parent_;
    std::unique_ptr<BlockDevice> device_;
    bool is_pending_ = true;
};

/// Bytes of the chunks that `layer` has and its parent does not: what a layer's size means.
[[nodiscard]] std::uint64_t
growth_over(ThinPool& pool, std::optional<DeviceId> parent, DeviceId layer);

} // namespace thinsnap::snapshotter
