#include "snapshotter/difference.hpp"

#include <utility>

#include "ext4/format.hpp"
#include "io/scratch_device.hpp"
#include "layer/export.hpp"

namespace thinsnap::snapshotter {

namespace {

using ext4::FileSystem;
using ext4::FileSystemAccess;

/// The parts of `upper` that may differ from `lower`.
std::vector<layer::ByteRange>
changed_ranges(ThinPool& pool, const std::optional<DeviceId>& lower, DeviceId upper) {
    const auto view = pool.read_view();
    const std::uint64_t chunk = pool.chunk_size();
    std::vector<layer::ByteRange> ranges;
    const auto add = [&](std::uint64_t begin, std::uint64_t length) {
        if (!ranges.empty() && ranges.back().offset + ranges.back().length == begin * chunk)
            ranges.back().length += length * chunk;
        else
            ranges.push_back({begin * chunk, length * chunk});
    };
    if (lower)
        view->diff(*lower, upper, [&](const DiffRun& run) { add(run.begin.value(), run.length); });
    else
        view->for_each_mapping(upper, VirtualChunk(0), [&](const MappedRun& run) {
            add(run.begin.value(), run.length);
            return true;
        });
    return ranges;
}

} // namespace

/// What a file system is compared with that began empty.
struct Difference::EmptyLower {
    explicit EmptyLower(const FileSystem& upper)
        : device(upper.statistics().size) {
        ext4::format(
            device,
            {.size = upper.statistics().size, .uuid = upper.uuid(), .hash_seed = upper.uuid()});
        files.emplace(device, FileSystemAccess::read_only);
    }
    io::ScratchDevice device;
    std::optional<FileSystem> files;
};

Difference::Difference(ThinPool& pool,
                       std::optional<DeviceId> lower,
                       DeviceId upper,
                       std::function<void()> check_interrupt)
    : check_interrupt_(std::move(check_interrupt))
    , upper_(pool, upper, FileSystemAccess::read_only) {
    if (lower)
        lower_.emplace(pool, *lower, FileSystemAccess::read_only);
    else
        empty_ = std::make_unique<EmptyLower>(upper_.files());
    const FileSystem& lower_files = lower_ ? lower_->files() : *empty_->files;
    changes_ = layer::find_changes(lower_files,
                                   upper_.files(),
                                   changed_ranges(pool, lower, upper),
                                   {.check_cancelled = check_interrupt_});
}

Difference::~Difference() = default;

void Difference::write_tar(ByteSink& sink) const {
    layer::export_layer(
        upper_.files(), changes_, sink, {.on_progress = [&](const layer::ExportStatistics&) {
            if (check_interrupt_)
                check_interrupt_();
        }});
}

} // namespace thinsnap::snapshotter
