#include "thin/metadata_view.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "thin/mapping.hpp"
#include "thin/sharing.hpp"
#include "thin/tree_cursor.hpp"

namespace thinsnap::thin {

namespace {

/// Joins mappings to maximal runs.
class MappingRuns {
public:
    explicit MappingRuns(const std::function<bool(const MappedRun&)>& visit)
        : visit_(visit) {}

    /// \return false when the visitor wants no more
    bool add(VirtualChunk chunk, Mapping mapping) {
        if (run_.length > 0 && chunk == run_.begin + run_.length &&
            mapping.chunk == run_.data_begin + run_.length && mapping.time == run_.time) {
            ++run_.length;
            return true;
        }
        const bool goes_on = finish();
        run_ = {.begin = chunk, .data_begin = mapping.chunk, .length = 1, .time = mapping.time};
        return goes_on;
    }

    bool finish() {
        const MappedRun run = std::exchange(run_, {});
        return run.length == 0 || visit_(run);
    }

private:
    const std::function<bool(const MappedRun&)>& visit_;
    MappedRun run_;
};

/// Joins single differences to maximal runs.
class DiffRuns {
public:
    explicit DiffRuns(const std::function<void(const DiffRun&)>& visit)
        : visit_(visit) {}

    void add(std::uint64_t chunk, DiffKind kind) {
        if (run_.length > 0 && kind == run_.kind &&
            run_.begin + run_.length == VirtualChunk(chunk)) {
            ++run_.length;
            return;
        }
        finish();
        run_ = {.begin = VirtualChunk(chunk), .length = 1, .kind = kind};
    }

    void finish() {
        if (run_.length > 0)
            visit_(run_);
        run_ = {};
    }

private:
    const std::function<void(const DiffRun&)>& visit_;
    DiffRun run_;
};

/// Takes an entry that the other side does not have, or looks into a subtree.
void take(TreeCursor& cursor, const TreeCursor::Head& head, DiffKind only, DiffRuns& runs) {
    if (!head.is_entry()) {
        cursor.open();
        return;
    }
    runs.add(head.key, only);
    cursor.skip();
}

void diff_heads(TreeCursor& left, TreeCursor& right, DiffRuns& runs) {
    const auto l = left.head();
    const auto r = right.head();
    const bool same_subtree = !l.is_entry() && !r.is_entry() && l.value == r.value;
    if (same_subtree || (l.is_entry() && r.is_entry() && l.key == r.key)) {
        if (!same_subtree && unpack_mapping(l.value).chunk != unpack_mapping(r.value).chunk)
            runs.add(l.key, DiffKind::different);
        left.skip();
        right.skip();
        return;
    }
    // The side that is behind catches up; at one place the higher one comes down. So a subtree that
    // both have is at both heads at once, wherever it hangs.
    if (l.key < r.key || (l.key == r.key && l.height >= r.height))
        take(left, l, DiffKind::left_only, runs);
    else
        take(right, r, DiffKind::right_only, runs);
}

} // namespace

MetadataView::MetadataView(pdata::BlockCache& cache,
                           Superblock superblock,
                           std::function<void()> release)
    : cache_(cache)
    , superblock_(superblock)
    , release_(std::move(release)) {}

MetadataView::~MetadataView() {
    if (release_)
        release_();
}

void MetadataView::for_each_device(const std::function<void(const DeviceInfo&)>& visit) {
    const pdata::BtreeReader details(cache_, sizeof(DeviceDetailsDisk));
    details.for_each(
        superblock_.details_root, 0, [&](std::uint64_t key, std::span<const std::byte> value) {
            if (key > kMaxDeviceId.value())
                throw CorruptionError("device details tree",
                                      superblock_.details_root.value(),
                                      fmt::format("{} is no device id", key));
            visit(unpack_details(DeviceId(static_cast<std::uint32_t>(key)), value));
            return true;
        });
}

std::optional<DeviceInfo> MetadataView::find_device(DeviceId id) {
    const pdata::BtreeReader details(cache_, sizeof(DeviceDetailsDisk));
    std::array<std::byte, sizeof(DeviceDetailsDisk)> value{};
    if (!details.find(superblock_.details_root, id.value(), value))
        return std::nullopt;
    return unpack_details(id, value);
}

DeviceInfo MetadataView::need_device(DeviceId id) {
    auto info = find_device(id);
    if (!info)
        throw Error(Errc::not_found, fmt::format("there is no device {}", id.value()));
    return *info;
}

MetaBlock MetadataView::root_of(DeviceId id) const {
    const pdata::BtreeReader tree(cache_, sizeof(std::uint64_t));
    const auto root = tree.find64(superblock_.mapping_root, id.value());
    if (!root)
        throw CorruptionError("top-level mapping tree",
                              superblock_.mapping_root.value(),
                              fmt::format("device {} has details and no mappings", id.value()));
    return MetaBlock(*root);
}

void MetadataView::for_each_mapping(DeviceId id,
                                    VirtualChunk from,
                                    const std::function<bool(const MappedRun&)>& visit) {
    (void)need_device(id);
    const pdata::BtreeReader tree(cache_, sizeof(std::uint64_t));
    MappingRuns runs(visit);
    bool goes_on = true;
    tree.for_each(
        root_of(id), from.value(), [&](std::uint64_t key, std::span<const std::byte> value) {
            goes_on = runs.add(VirtualChunk(key), unpack_mapping(load_le<std::uint64_t>(value, 0)));
            return goes_on;
        });
    if (goes_on)
        (void)runs.finish();
}

bool MetadataView::is_reached_alone(DeviceId id) const {
    const pdata::BtreeReader tree(cache_, sizeof(std::uint64_t));
    MetaBlock where = superblock_.mapping_root;
    for (int depth = 0; depth < pdata::kMaxDepth; ++depth) {
        if (sharing_->is_shared(where))
            return false;
        const auto ref = tree.node(where);
        const pdata::NodeView node(ref.bytes());
        if (node.is_leaf())
            return true;
        const auto i = node.floor_index(id.value());
        if (!i)
            break;
        where = node.child(*i);
    }
    throw CorruptionError(
        "top-level mapping tree", where.value(), fmt::format("no leaf for device {}", id.value()));
}

DeviceUsage MetadataView::usage(DeviceId id) {
    DeviceUsage usage{.mapped_chunks = need_device(id).mapped_chunks};
    const MetaBlock root = root_of(id);
    if (!sharing_)
        sharing_ = make_sharing(cache_, superblock_);
    if (!is_reached_alone(id))
        return usage;
    const pdata::BtreeReader tree(cache_, sizeof(std::uint64_t));
    for (TreeCursor cursor(tree, root); !cursor.at_end();) {
        const auto head = cursor.head();
        if (head.is_entry()) {
            if (!sharing_->is_shared(unpack_mapping(head.value).chunk))
                ++usage.exclusive_chunks;
            cursor.skip();
        } else if (sharing_->is_shared(head.block())) {
            cursor.skip();
        } else {
            cursor.open();
        }
    }
    return usage;
}

void MetadataView::diff(DeviceId left_id,
                        DeviceId right_id,
                        const std::function<void(const DiffRun&)>& visit) {
    (void)need_device(left_id);
    (void)need_device(right_id);
    const MetaBlock left_root = root_of(left_id);
    const MetaBlock right_root = root_of(right_id);
    if (left_root == right_root)
        return;
    const pdata::BtreeReader tree(cache_, sizeof(std::uint64_t));
    TreeCursor left(tree, left_root);
    TreeCursor right(tree, right_root);
    DiffRuns runs(visit);
    while (!left.at_end() && !right.at_end())
        diff_heads(left, right, runs);
    while (!left.at_end())
        take(left, left.head(), DiffKind::left_only, runs);
    while (!right.at_end())
        take(right, right.head(), DiffKind::right_only, runs);
    runs.finish();
}

} // namespace thinsnap::thin
