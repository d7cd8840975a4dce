#include "thin/check/device_check.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "thin/mapping.hpp"

namespace thinsnap::thin::check {

namespace {

bool is_within(const std::vector<TreeFault>& faults, std::uint64_t key) {
    return std::ranges::any_of(faults, [&](const TreeFault& fault) {
        return key >= fault.begin && (!fault.past || key < *fault.past);
    });
}

std::string describe_keys(const TreeFault& fault) {
    if (!fault.past)
        return fmt::format("devices from {} on", fault.begin);
    if (*fault.past == fault.begin + 1)
        return fmt::format("device {}", fault.begin);
    return fmt::format("devices {} to {}", fault.begin, *fault.past - 1);
}

} // namespace

void DeviceCheck::run() {
    walk();
    collect();
    lost_roots_ = tell_tree(trees_.top_level, superblock_.mapping_root, Use::top_level);
    lost_details_ = tell_tree(trees_.details, superblock_.details_root, Use::details);
    check_pairs();
}

void DeviceCheck::walk() {
    const std::size_t known = trees_.root_leaves.roots.size();
    trees_.top_level.walk(std::array{superblock_.mapping_root});
    trees_.details.walk(std::array{superblock_.details_root});
    if (!options_.skip_mappings)
        trees_.mapping.walk(std::span(trees_.root_leaves.roots).subspan(known));
}

void DeviceCheck::collect() {
    trees_.top_level.for_each_leaf(superblock_.mapping_root, [&](pdata::NodeView leaf) {
        for (std::uint32_t i = 0; i < leaf.size(); ++i)
            roots_.push_back({leaf.key(i), MetaBlock(leaf.value64(i))});
    });
    trees_.details.for_each_leaf(superblock_.details_root, [&](pdata::NodeView leaf) {
        for (std::uint32_t i = 0; i < leaf.size(); ++i) {
            const DeviceId id(static_cast<std::uint32_t>(leaf.key(i)));
            details_.push_back({leaf.key(i), unpack_details(id, leaf.value(i))});
        }
    });
}

std::vector<TreeFault> DeviceCheck::tell_tree(TreeCheck& tree, MetaBlock root, Use use) {
    std::vector<TreeFault> faults;
    if (!tree.is_damaged(root))
        return faults;
    tree.tell_faults(root, [&](const TreeFault& fault) {
        faults.push_back(fault);
        findings_.add(Severity::damage,
                      options_.prefix + name_of(use),
                      fault.block,
                      fmt::format("{}: {}", describe_keys(fault), fault.message));
    });
    return faults;
}

void DeviceCheck::check_pairs() {
    auto root = roots_.begin();
    auto details = details_.begin();
    while (root != roots_.end() || details != details_.end()) {
        const bool takes_root =
            root != roots_.end() && (details == details_.end() || root->id <= details->id);
        const bool takes_details =
            details != details_.end() && (root == roots_.end() || details->id <= root->id);
        check_device(takes_root ? root->id : details->id,
                     takes_root ? &*root : nullptr,
                     takes_details ? &*details : nullptr);
        root += takes_root ? 1 : 0;
        details += takes_details ? 1 : 0;
    }
}

void DeviceCheck::check_device(std::uint64_t id, const Root* root, const Details* details) {
    if (details == nullptr && !is_within(lost_details_, id))
        add(Use::details, id, std::nullopt, "has mappings and no details");
    if (root == nullptr && !is_within(lost_roots_, id))
        add(Use::top_level, id, std::nullopt, "has details and no mappings");
    if (details != nullptr)
        check_times(details->info);
    if (root == nullptr || options_.skip_mappings)
        return;
    nr_mappings_ += trees_.mapping.entries(root->block);
    if (trees_.mapping.is_damaged(root->block))
        tell_mapping_faults(*root);
    else if (details != nullptr &&
             details->info.mapped_chunks != trees_.mapping.entries(root->block))
        add(Use::details,
            id,
            std::nullopt,
            fmt::format("details say that {} chunks are mapped, {} are",
                        details->info.mapped_chunks,
                        trees_.mapping.entries(root->block)));
}

void DeviceCheck::check_times(const DeviceInfo& info) {
    if (info.creation_time > superblock_.time || info.snapshotted_time > superblock_.time)
        add(Use::details,
            info.id.value(),
            std::nullopt,
            fmt::format("was created at time {} and snapshotted at {}, the pool's time is {}",
                        info.creation_time,
                        info.snapshotted_time,
                        superblock_.time));
}

void DeviceCheck::tell_mapping_faults(const Root& root) {
    std::optional<TreeFault> run;
    std::uint64_t nr = 0;
    trees_.mapping.tell_faults(root.block, [&](const TreeFault& fault) {
        if (run && run->past == fault.begin) {
            run->past = fault.past;
            ++nr;
            return;
        }
        if (run)
            add_range(root, *run, nr);
        run = fault;
        nr = 0;
    });
    if (run)
        add_range(root, *run, nr);
}

void DeviceCheck::add_range(const Root& root, const TreeFault& fault, std::uint64_t nr) {
    Finding finding;
    finding.structure = options_.prefix + name_of(Use::mapping);
    finding.block = fault.block;
    if (root.id <= kMaxDeviceId.value())
        finding.device = DeviceId(static_cast<std::uint32_t>(root.id));
    finding.begin = VirtualChunk(fault.begin);
    if (fault.past)
        finding.length = *fault.past - fault.begin;
    finding.message = fault.message;
    if (nr > 0)
        finding.message += fmt::format("; and {} more places in this range", nr);
    findings_.add(finding);
}

void DeviceCheck::add(Use use,
                      std::uint64_t id,
                      std::optional<MetaBlock> block,
                      std::string message) {
    Finding finding;
    finding.structure = options_.prefix + name_of(use);
    finding.block = block;
    if (id <= kMaxDeviceId.value())
        finding.device = DeviceId(static_cast<std::uint32_t>(id));
    finding.message = std::move(message);
    findings_.add(finding);
}

} // namespace thinsnap::thin::check
