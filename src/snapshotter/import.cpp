#include "snapshotter/import.hpp"

#include <algorithm>
#include <array>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/uuid.hpp"
#include "ext4/file_system.hpp"
#include "ext4/format.hpp"
#include "ext4/tree_writer.hpp"
#include "layer/apply.hpp"
#include "layer/writer_tree.hpp"
#include "snapshotter/layer_references.hpp"
#include "snapshotter/names.hpp"
#include "snapshotter/new_layer.hpp"
#include "snapshotter/store.hpp"

namespace thinsnap::snapshotter {

namespace {

using journal::Layer;
using journal::State;

/// A UUID that follows from bytes: version 8, "custom", of RFC 9562.
Uuid derived_uuid(const Digest& from, std::size_t offset) {
    Uuid uuid{};
    std::copy_n(
        from.bytes().begin() + static_cast<std::ptrdiff_t>(offset), uuid.size(), uuid.begin());
    uuid[6] = (uuid[6] & std::byte{0x0F}) | std::byte{0x80};
    uuid[8] = (uuid[8] & std::byte{0x3F}) | std::byte{0x80};
    return uuid;
}

/// One image on its way in.
class ImageImport {
public:
    ImageImport(Context& context,
                const oci::ImageSource& source,
                const oci::Image& image,
                const ImportOptions& options,
                std::vector<DeviceId>& made,
                std::vector<journal::Record>& records)
        : context_(context)
        , source_(source)
        , image_(image)
        , options_(options)
        , made_(made)
        , records_(records) {}

    ImportedImage run() {
        ImportedImage imported{.names = names(), .id = image_.config.digest, .layers = {}};
        std::optional<Digest> chain;
        std::optional<DeviceId> parent;
        for (std::size_t i = 0; i < image_.layers.size(); ++i) {
            chain = chain_id(chain, image_.layers[i].diff_id);
            imported.layers.push_back(import_layer(i, *chain, parent));
            parent = imported.layers.back().device;
        }
        record(imported, chain);
        return imported;
    }

private:
    [[nodiscard]] std::vector<std::string> names() const {
        if (options_.name)
            return {normalize_image_name(*options_.name)};
        std::vector<std::string> names;
        for (const std::string& name : image_.names)
            names.push_back(normalize_image_name(name));
        if (names.empty())
            names.push_back(image_.config.digest.to_string());
        return names;
    }

    void report(std::size_t index,
                ImportProgress::State state,
                std::uint64_t blob_bytes,
                std::uint64_t applied_bytes) {
        if (options_.on_progress)
            options_.on_progress({.image = image_,
                                  .layer = index,
                                  .blob_bytes = blob_bytes,
                                  .blob_size = image_.layers[index].blob.size,
                                  .applied_bytes = applied_bytes,
                                  .state = state});
    }

    ImportedLayer
    import_layer(std::size_t index, const Digest& chain, std::optional<DeviceId> parent) {
        const oci::Layer& layer = image_.layers[index];
        if (const auto existing = use_existing(layer, chain)) {
            report(index, ImportProgress::State::existed, layer.blob.size, 0);
            return *existing;
        }
        NewLayer made(context_, parent);
        const LayerFacts facts{.chain_id = chain,
                               .diff_id = layer.diff_id,
                               .blobs = {layer.blob.digest},
                               .virtual_size = fill(index, made.device(), !parent)};
        const std::uint64_t size = made.commit(facts);
        made_.push_back(made.device_id());
        report(index, ImportProgress::State::done, layer.blob.size, 0);
        return {.diff_id = layer.diff_id,
                .chain_id = chain,
                .device = made.device_id(),
                .existed = false,
                .size = size};
    }

    /// A layer that is there, after noting one more blob that it comes as.
    std::optional<ImportedLayer> use_existing(const oci::Layer& layer, const Digest& chain) {
        std::optional<ImportedLayer> found;
        bool is_new_blob = false;
        context_.store.read([&](const State& state) {
            if (const Layer* existing = state.find_layer(chain)) {
                found = {.diff_id = layer.diff_id,
                         .chain_id = chain,
                         .device = existing->device,
                         .existed = true,
                         .size = existing->size};
                is_new_blob =
                    std::ranges::find(existing->blobs, layer.blob.digest) == existing->blobs.end();
            }
        });
        if (is_new_blob)
            context_.store.commit([&](Draft&) {
                return Proposal{.records = {journal::LayerDigests{.device = found->device,
                                                                  .blobs = {layer.blob.digest}}}};
            });
        return found;
    }

    /// Applies the layer's tar. \return the size of its file system
    std::uint64_t fill(std::size_t index, BlockDevice& device, bool is_bottom) {
        const Digest& bottom = image_.layers.front().diff_id;
        const auto stream = source_.open_layer(image_, index);
        if (is_bottom)
            ext4::format(device,
                         {.uuid = derived_uuid(bottom, 0), .hash_seed = derived_uuid(bottom, 16)});
        ext4::FileSystem files(device, ext4::FileSystemAccess::read_write);
        // Always for chunks of 64 KiB, whatever the pool's: the same image, the same bytes.
        ext4::TreeWriter writer(files, {.grow_device = [](std::uint64_t) {}});
        layer::WriterTree tree(writer);
        apply(index, *stream, tree);
        stream->finish();
        writer.finish();
        files.flush();
        return files.statistics().size;
    }

    void apply(std::size_t index, oci::LayerStream& stream, layer::Tree& tree) {
        const auto on_progress = [&](const layer::ApplyStatistics& so_far) {
            context_.check_interrupt();
            report(
                index, ImportProgress::State::applying, stream.blob_bytes_read(), so_far.tar_bytes);
        };
        try {
            layer::apply_tar(
                stream,
                tree,
                {.overlay_whiteouts = options_.overlay_whiteouts, .on_progress = on_progress});
        } catch (Error& error) {
            error.add_context(fmt::format(
                "layer {} of {} of the image {}", index + 1, image_.layers.size(), image_.label()));
            throw;
        }
    }

    void record(const ImportedImage& imported, const std::optional<Digest>& top) {
        for (const std::string& name : imported.names)
            records_.emplace_back(journal::ImageSet{{.name = name,
                                                     .manifest_digest = image_.manifest_digest,
                                                     .manifest = image_.manifest,
                                                     .config_digest = image_.config.digest,
                                                     .config = image_.config.raw,
                                                     .diff_ids = image_.config.diff_ids,
                                                     .top_chain = top,
                                                     .created = context_.now()}});
    }

    Context& context_;
    const oci::ImageSource& source_;
    const oci::Image& image_;
    const ImportOptions& options_;
    std::vector<DeviceId>& made_;
    std::vector<journal::Record>& records_;
};

/// Takes back the layers of an import that failed, except those that somebody uses by now.
void take_back(Context& context, const std::vector<DeviceId>& made) noexcept {
    try {
        context.store.commit([&](Draft& draft) {
            Proposal proposal;
            for (const Layer* layer : unneeded_layers(draft.state(), needed_layers(draft.state())))
                if (std::ranges::find(made, layer->device) != made.end())
                    proposal.records.emplace_back(journal::Condemned{layer->device});
            return proposal;
        });
        static_cast<void>(context.store.sweep());
    } catch (...) { // NOLINT(bugprone-empty-catch) whole layers that prune_layers() finds
    }
}

} // namespace

std::vector<ImportedImage>
import_images(Context& context, const oci::ImageSource& source, const ImportOptions& options) {
    if (options.name && source.images().size() > 1)
        throw Error(Errc::invalid_argument,
                    fmt::format("the source holds {} images; one name is not enough for them",
                                source.images().size()));
    std::vector<ImportedImage> imported;
    std::vector<DeviceId> made;
    std::vector<journal::Record> records; // of all images: none has a name before all are whole
    try {
        for (const oci::Image& image : source.images())
            imported.push_back(ImageImport(context, source, image, options, made, records).run());
        context.store.commit([&](Draft&) { return Proposal{.records = records}; });
    } catch (...) {
        take_back(context, made);
        throw;
    }
    return imported;
}

} // namespace thinsnap::snapshotter
