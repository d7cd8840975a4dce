#include "snapshotter/save.hpp"

#include <optional>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "oci/archive_writer.hpp"
#include "oci/config.hpp"
#include "oci/input_file.hpp"
#include "oci/spool.hpp"
#include "snapshotter/difference.hpp"
#include "snapshotter/digest_sink.hpp"
#include "snapshotter/images.hpp"
#include "snapshotter/layer_references.hpp"

namespace thinsnap::snapshotter {

namespace {

using journal::Image;
using journal::State;

struct LayerDevices {
    std::optional<DeviceId> lower;
    DeviceId upper;
};

/// Lowest first.
std::vector<LayerDevices> devices_of(const State& state, const Image& image) {
    std::vector<LayerDevices> devices;
    const auto layers = layers_of(state, image); // top first
    for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)
        devices.push_back({.lower = (*layer)->parent, .upper = (*layer)->device});
    if (devices.size() != image.diff_ids.size())
        throw Error(Errc::corrupt,
                    fmt::format("the image {} has {} layers, of which {} are there; import it "
                                "again",
                                image.name,
                                image.diff_ids.size(),
                                devices.size()));
    return devices;
}

/// A file without a name that is written once and then read.
class WorkFile final : public ByteSink {
public:
    explicit WorkFile(const std::string& directory)
        : fd_(oci::make_unnamed_file(directory)) {}

    void write(std::span<const std::byte> bytes) override {
        oci::write_all(fd_.get(), bytes, kName);
    }
    [[nodiscard]] oci::WindowSource read() && {
        return oci::WindowSource(
            oci::FileWindow::whole(std::make_shared<const oci::InputFile>(std::move(fd_), kName)));
    }

private:
    static constexpr const char* kName = "a layer's work file";
    Fd fd_;
};

oci::Layer
write_layer(const ReadContext& context, const LayerDevices& devices, oci::ArchiveWriter& archive) {
    WorkFile file(context.work_directory.string());
    DigestSink digest(&file);
    Difference(context.pool, devices.lower, devices.upper, context.check_interrupt)
        .write_tar(digest);
    const auto tar = digest.finish();
    auto source = std::move(file).read();
    return archive.add_layer(source, oci::KnownLayer{.size = tar.bytes, .diff_id = tar.digest});
}

} // namespace

void save_image(const ReadContext& context,
                std::string_view image,
                ByteSink& sink,
                SaveCompression compression) {
    const Image& found = get_image(context.state, image);
    oci::ArchiveWriter archive(sink,
                               {.compression = compression == SaveCompression::gzip
                                                   ? oci::Compression::gzip
                                                   : oci::Compression::none,
                                .work_directory = context.work_directory.string()});
    std::vector<oci::Layer> layers;
    std::vector<Digest> diff_ids;
    for (const LayerDevices& devices : devices_of(context.state, found)) {
        layers.push_back(write_layer(context, devices, archive));
        diff_ids.push_back(layers.back().diff_id);
    }
    archive.add_image({found.name}, oci::replace_diff_ids(found.config, diff_ids), layers);
    archive.finish();
}

} // namespace thinsnap::snapshotter
