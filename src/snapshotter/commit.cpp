#include "snapshotter/commit.hpp"

#include <utility>
#include <variant>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/timestamp.hpp"
#include "ext4/file_system.hpp"
#include "oci/config.hpp"
#include "oci/manifest.hpp"
#include "snapshotter/containers.hpp"
#include "snapshotter/difference.hpp"
#include "snapshotter/digest_sink.hpp"
#include "snapshotter/images.hpp"
#include "snapshotter/layer_references.hpp"
#include "snapshotter/names.hpp"
#include "snapshotter/new_layer.hpp"
#include "snapshotter/store.hpp"

namespace thinsnap::snapshotter {

namespace {

using journal::Container;
using journal::Image;
using journal::Layer;
using journal::State;

/// What a container stands on, as its image tells it.
struct Base {
    std::optional<Digest> chain_id;
    std::string config; ///< empty: it stands on nothing
    std::vector<oci::Descriptor> blobs;
};

/// An image whose top layer is the container's: its own, or any other.
const Image* find_base_image(const State& state, const Container& container, const Layer& parent) {
    const auto fits = [&](const Image& image) { return image.top_chain == parent.chain_id; };
    if (const Image* own = state.find_image(container.image); own != nullptr && fits(*own))
        return own;
    for (const auto& [name, image] : state.images())
        if (fits(image))
            return &image;
    return nullptr;
}

Base base_of(const State& state, const Container& container) {
    if (!container.parent)
        return {};
    const Layer* parent = state.find_layer(*container.parent);
    const Image* image = parent == nullptr ? nullptr : find_base_image(state, container, *parent);
    if (image == nullptr)
        throw Error(Errc::precondition,
                    fmt::format("the image {} of the container {} is gone; import it again",
                                container.image,
                                container.name));
    const auto manifest = oci::parse_manifest(image->manifest, "");
    return {.chain_id = parent->chain_id,
            .config = image->config,
            .blobs = std::get<oci::Manifest>(manifest).layers};
}

/// Puts in place what only the journal of a mounted container says: nobody can replay it to a layer
/// that is mounted read-only.
void settle_journal(BlockDevice& device) {
    const ext4::FileSystem files(device, ext4::FileSystemAccess::read_write);
}

/// The digest and the size of the layer's tar.
DigestSink::Result measure_tar(Context& context, std::optional<DeviceId> lower, DeviceId upper) {
    DigestSink sink;
    Difference(context.pool, lower, upper, context.check_interrupt).write_tar(sink);
    return sink.finish();
}

Image image_of(Context& context,
               const CommitContainer& request,
               Base base,
               const DigestSink::Result& tar,
               const Digest& chain) {
    const auto now = context.now();
    const oci::NewLayer layer{.diff_id = tar.digest,
                              .created = format_rfc3339(timestamp_of(now), Fraction::unless_zero),
                              .created_by = "thinsnap commit " + request.container,
                              .comment = request.comment};
    Image image;
    image.config = base.config.empty() ? oci::make_config(oci::host_platform(), layer)
                                       : oci::append_layer(base.config, layer);
    image.config_digest = Digest::of(image.config);
    base.blobs.push_back(
        {.media_type = std::string(oci::kLayerType), .digest = tar.digest, .size = tar.bytes});
    image.manifest = oci::make_manifest({.media_type = std::string(oci::kConfigType),
                                         .digest = image.config_digest,
                                         .size = image.config.size()},
                                        base.blobs);
    image.manifest_digest = Digest::of(image.manifest);
    image.diff_ids = oci::parse_config(image.config).diff_ids;
    image.top_chain = chain;
    image.created = now;
    image.name =
        request.image ? normalize_image_name(*request.image) : image.config_digest.to_string();
    return image;
}

} // namespace

CommittedImage commit_container(Context& context, const CommitContainer& request) {
    Base base;
    const Container container = context.store.read([&](const State& state) {
        Container found = get_container(state, request.container);
        base = base_of(state, found);
        return found;
    });
    NewLayer layer = NewLayer::frozen(context, container);
    settle_journal(layer.device());
    const auto tar = measure_tar(context, container.parent, layer.device_id());
    const Digest chain = chain_id(base.chain_id, tar.digest);
    const Image image = image_of(context, request, std::move(base), tar, chain);
    const std::uint64_t size = layer.commit({.chain_id = chain,
                                             .diff_id = tar.digest,
                                             .blobs = {tar.digest},
                                             .virtual_size = container.virtual_size});
    context.store.commit([&](Draft&) { return Proposal{.records = {journal::ImageSet{image}}}; });
    return {.name = image.name,
            .id = image.config_digest,
            .diff_id = tar.digest,
            .layer = layer.device_id(),
            .size = size};
}

} // namespace thinsnap::snapshotter
