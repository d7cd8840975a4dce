#include "snapshotter/images.hpp"

#include <chrono>

#include "app/interrupt.hpp"
#include "oci/platform.hpp"
#include "oci/source.hpp"
#include "snapshotter/import.hpp"
#include "snapshotter/layer_references.hpp"
#include "snapshotter/store.hpp"

#include "service/json.hpp"
#include "service/method.hpp"

namespace thinsnap::service {

namespace {

using snapshotter::ImportProgress;

constexpr std::chrono::milliseconds kProgressInterval{100};

Json json_of(const snapshotter::ImportedImage& image) {
    Json layers = Json::array();
    for (const auto& layer : image.layers)
        layers.push_back({{"diff_id", layer.diff_id.to_string()},
                          {"chain_id", layer.chain_id.to_string()},
                          {"device", layer.device.value()},
                          {"existed", layer.existed},
                          {"size", layer.size}});
    return {{"names", image.names}, {"id", image.id.to_string()}, {"layers", layers}};
}

const char* state_word(ImportProgress::State state) {
    switch (state) {
    case ImportProgress::State::existed:
        return "existed";
    case ImportProgress::State::done:
        return "done";
    case ImportProgress::State::applying:
        break;
    }
    return "applying";
}

/// Tells of an import's progress: every layer's end, and between them now and then.
class ProgressTeller {
public:
    explicit ProgressTeller(Streams& streams)
        : streams_(streams) {}

    /// Cost: a clock's reading, most of the time.
    void tell(const ImportProgress& progress) {
        if (progress.state == ImportProgress::State::applying && !is_due())
            return;
        streams_.progress({{"layer", progress.layer},
                           {"layers", progress.image.layers.size()},
                           {"diff_id", progress.image.layers[progress.layer].diff_id.to_string()},
                           {"state", state_word(progress.state)},
                           {"blob_bytes", progress.blob_bytes},
                           {"blob_size", progress.blob_size}});
    }

private:
    bool is_due() {
        const auto now = std::chrono::steady_clock::now();
        if (now < next_)
            return false;
        next_ = now + kProgressInterval;
        return true;
    }

    Streams& streams_;
    std::chrono::steady_clock::time_point next_{};
};

Json import_source(Session& session, const Params& params, Streams& streams) {
    const std::string source = params.text("source");
    oci::SourceOptions how{.work_directory = session.paths().directory.string(),
                           .interrupt = app::check_interrupt,
                           .wait_readable = app::wait_readable};
    if (source == "-")
        how.standard_input = streams.input();
    if (const auto platform = params.find_text("platform"))
        how.platform = oci::parse_platform(*platform);
    const oci::ImageSource images = oci::open_image_source(source, how);

    snapshotter::Context& context = session.changing();
    session.claim(kImportClaim, Claims::Use::write);
    session.claim(kLayersClaim, Claims::Use::read);
    ProgressTeller teller(streams);
    const auto imported = snapshotter::import_images(
        context,
        images,
        {.name = params.find_text("name"),
         .overlay_whiteouts = params.flag("overlay_whiteouts"),
         .on_progress = [&](const ImportProgress& progress) { teller.tell(progress); }});
    Json list = Json::array();
    for (const auto& image : imported)
        list.push_back(json_of(image));
    return {{"images", list}};
}

Json tag(Session& session, const Params& params, Streams&) {
    snapshotter::tag_image(session.changing(), params.text("image"), params.text("name"));
    return Json::object();
}

Json json_of(const snapshotter::Removed& removed) {
    return {{"removed", removed.names}, {"layers", removed.layers}, {"bytes", removed.bytes}};
}

/// Sees that no layer is active that only the images need.
void require_inactive_layers(Session& session,
                             const snapshotter::Context& context,
                             const std::vector<std::string>& names) {
    Activations* activations = session.activations();
    const auto active =
        activations != nullptr ? activations->list() : std::vector<attach::ActiveDevice>();
    if (active.empty())
        return;
    const auto staying = context.store.read([&](const journal::State& state) {
        snapshotter::ImageNames leaving;
        for (const std::string& name : names)
            leaving.insert(snapshotter::get_image(state, name).name);
        auto devices = snapshotter::needed_layers(state, leaving);
        for (const auto& [device, container] : state.containers())
            devices.insert(device);
        return devices;
    });
    for (const attach::ActiveDevice& device : active)
        if (!staying.contains(device.id))
            require_inactive(session, device.id, "unmount and deactivate it before");
}

Json remove_images(Session& session, const Params& params, Streams&) {
    snapshotter::Context& context = session.changing();
    session.claim(kLayersClaim, Claims::Use::write);
    require_inactive_layers(session, context, params.texts("images"));
    return json_of(snapshotter::remove_images(context,
                                              params.texts("images"),
                                              params.flag("force") ? snapshotter::InUse::allow
                                                                   : snapshotter::InUse::refuse));
}

Json prune(Session& session, const Params&, Streams&) {
    snapshotter::Context& context = session.changing();
    session.claim(kLayersClaim, Claims::Use::write);
    return json_of(snapshotter::prune_layers(context));
}

constexpr Method kImageMethods[] = {
    {"image.import", import_source},
    {"image.tag", tag},
    {"image.remove", remove_images},
    {"image.prune", prune},
};

} // namespace

std::span<const Method> image_methods() {
    return kImageMethods;
}

} // namespace thinsnap::service
