#include "dm/metadata_snapshots.hpp"

#include <unordered_set>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "dm/pool_status.hpp"
#include "io/forwarding_device.hpp"
#include "io/scratch_device.hpp"
#include "pdata/btree_reader.hpp"
#include "thin/format/superblock_disk.hpp"
#include "thin/metadata_view.hpp"

namespace thinsnap::dm {

namespace {

constexpr std::size_t kCachedBlocks = 4096; // 16 MiB

} // namespace

/// Reads the metadata device, and from some moment on a copy of what is needed of it.
class MetadataSnapshots::SwitchedDevice final : public io::ForwardingDevice {
public:
    explicit SwitchedDevice(BlockDevice& device)
        : ForwardingDevice(device) {}

    void read(std::uint64_t offset, std::span<std::byte> into) override {
        const SharedLock lock(mutex_);
        if (copy_)
            copy_->read(offset, into);
        else
            inner().read(offset, into);
    }

    void switch_to(std::unique_ptr<BlockDevice> copy) {
        const ExclusiveLock lock(mutex_);
        copy_ = std::move(copy);
    }

private:
    SharedMutex mutex_;
    std::unique_ptr<BlockDevice> copy_ TS_GUARDED_BY(mutex_);
};

namespace {

/// Copies the blocks of a superblock's trees, each once.
class TreeCopier {
public:
    TreeCopier(pdata::BlockCache& cache, BlockDevice& into)
        : cache_(cache)
        , into_(into) {}

    void copy(const thin::Superblock& superblock) {
        constexpr std::uint32_t size = sizeof(std::uint64_t);
        copy_tree(superblock.details_root, sizeof(thin::DeviceDetailsDisk), [](auto) {});
        copy_tree(superblock.mapping_root, size, [&](pdata::NodeView leaf) {
            for (std::uint32_t i = 0; i < leaf.size(); ++i)
                copy_tree(MetaBlock(leaf.value64(i)), size, [](auto) {});
        });
    }

private:
    void copy_tree(MetaBlock root, std::uint32_t value_size, auto&& visit_leaf) {
        if (!copied_.insert(root).second)
            return;
        const auto ref = pdata::BtreeReader(cache_, value_size).node(root);
        into_.write(root.value() * pdata::kBlockSize, ref.bytes());
        const pdata::NodeView node(ref.bytes());
        if (node.is_leaf()) {
            visit_leaf(node);
            return;
        }
        for (std::uint32_t i = 0; i < node.size(); ++i)
            copy_tree(node.child(i), value_size, visit_leaf);
    }

    pdata::BlockCache& cache_;
    BlockDevice& into_;
    std::unordered_set<MetaBlock> copied_;
};

} // namespace

/// What one view reads.
class MetadataSnapshots::Snapshot {
public:
    Snapshot(BlockDevice& metadata, MetaBlock where)
        : device_(metadata)
        , cache_(device_, kCachedBlocks)
        , superblock_(thin::unpack_superblock(
              cache_.read(where, pdata::BlockKind::superblock).bytes(), where)) {}

    [[nodiscard]] pdata::BlockCache& cache() { return cache_; }
    [[nodiscard]] const thin::Superblock& superblock() const { return superblock_; }

    void copy_to_memory() {
        auto copy = std::make_unique<io::ScratchDevice>(device_.size());
        TreeCopier(cache_, *copy).copy(superblock_);
        device_.switch_to(std::move(copy));
    }

private:
    SwitchedDevice device_;
    pdata::BlockCache cache_;
    thin::Superblock superblock_;
};

MetadataSnapshots::MetadataSnapshots(Control& control, std::string pool, BlockDevice& metadata)
    : control_(control)
    , pool_(std::move(pool))
    , metadata_(metadata) {}

MetadataSnapshots::~MetadataSnapshots() = default;

std::unique_ptr<ReadView> MetadataSnapshots::open() {
    const MutexLock lock(mutex_);
    if (current_ != nullptr) {
        current_->copy_to_memory();
        release();
    }
    control_.message(pool_, "reserve_metadata_snap");
    try {
        const Target status = control_.status(pool_, StatusFlush::no);
        const auto held = parse_pool_status(status.parameters).held_root;
        if (!held)
            throw Error(Errc::io,
                        fmt::format("the kernel made no metadata snapshot of {}: '{}'",
                                    pool_,
                                    status.parameters));
        const auto snapshot = std::make_shared<Snapshot>(metadata_, *held);
        auto view = view_of(snapshot);
        current_ = snapshot.get();
        return view;
    } catch (...) {
        control_.message(pool_, "release_metadata_snap");
        throw;
    }
}

std::unique_ptr<ReadView> MetadataSnapshots::view_of(const std::shared_ptr<Snapshot>& snapshot) {
    return std::make_unique<thin::MetadataView>(
        snapshot->cache(), snapshot->superblock(), [this, snapshot] { let_go(*snapshot); });
}

std::unique_ptr<ReadView> MetadataSnapshots::open_unchanging() {
    return view_of(std::make_shared<Snapshot>(metadata_, MetaBlock(0)));
}

void MetadataSnapshots::release() {
    current_ = nullptr;
    control_.message(pool_, "release_metadata_snap");
}

void MetadataSnapshots::let_go(Snapshot& snapshot) noexcept {
    const MutexLock lock(mutex_);
    if (current_ != &snapshot)
        return;
    try {
        release();
    } catch (const std::exception&) { // NOLINT(bugprone-empty-catch) the next open releases it
    }
}

void MetadataSnapshots::release_leftover() {
    const MutexLock lock(mutex_);
    const auto status = parse_pool_status(control_.status(pool_, StatusFlush::no).parameters);
    if (status.mode <= PoolMode::out_of_data_space && status.held_root && current_ == nullptr)
        control_.message(pool_, "release_metadata_snap");
}

} // namespace thinsnap::dm
