#pragma once

#include <functional>
#include <memory>

#include <thinsnap/thin_pool.hpp>

#include "pdata/btree_reader.hpp"
#include "thin/superblock.hpp"

namespace thinsnap::thin {

class Sharing;

/// Answers about committed metadata, from the superblock down, reading through a cache. Serves
/// every driver: the embedded engine gives it its own cache, the kernel drivers one over a held
/// root.
class MetadataView final : public ReadView {
public:
    /// \param cache    must outlive the view
    /// \param release  called once at the end, for what keeps the blocks alive
    MetadataView(pdata::BlockCache& cache, Superblock superblock, std::function<void()> release);
    MetadataView(const MetadataView&) = delete;
    MetadataView& operator=(const MetadataView&) = delete;
    ~MetadataView() override;

    [[nodiscard]] TransactionId transaction_id() override { return superblock_.transaction_id; }
    void for_each_device(const std::function<void(const DeviceInfo&)>& visit) override;
    [[nodiscard]] std::optional<DeviceInfo> find_device(DeviceId id) override;
    void for_each_mapping(DeviceId id,
                          VirtualChunk from,
                          const std::function<bool(const MappedRun&)>& visit) override;
    [[nodiscard]] DeviceUsage usage(DeviceId id) override;
    void
    diff(DeviceId left, DeviceId right, const std::function<void(const DiffRun&)>& visit) override;

    [[nodiscard]] const Superblock& superblock() const noexcept { return superblock_; }
    [[nodiscard]] pdata::BlockCache& cache() const noexcept { return cache_; }

private:
    [[nodiscard]] DeviceInfo need_device(DeviceId id);
    [[nodiscard]] MetaBlock root_of(DeviceId id) const;
    /// Whether nobody but the superblock reaches the leaf that names the device's root.
    [[nodiscard]] bool is_reached_alone(DeviceId id) const;

    pdata::BlockCache& cache_;
    Superblock superblock_;
    std::function<void()> release_;
    std::unique_ptr<Sharing> sharing_; ///< made by the first usage()
};

} // namespace thinsnap::thin
