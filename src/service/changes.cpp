#include <string>

#include "app/interrupt.hpp"
#include "app/stream_io.hpp"
#include "snapshotter/commit.hpp"
#include "snapshotter/difference.hpp"
#include "snapshotter/save.hpp"

#include "service/json.hpp"
#include "service/method.hpp"

namespace thinsnap::service {

namespace {

/// What a container changed.
snapshotter::Difference changes_of(Session& session, const std::string& name) {
    session.claim(container_claim(name), Claims::Use::read);
    const journal::Container container = session.container(name);
    return {session.readable_pool().pool(),
            container.parent,
            session.still_device(container),
            app::check_interrupt};
}

Json diff_container(Session& session, const Params& params, Streams& streams) {
    const std::string name = params.text("name");
    const snapshotter::Difference difference = changes_of(session, name);
    streams.head({{"container", name}});
    for (const layer::Change& change : difference.changes())
        if (change.kind != layer::ChangeKind::included)
            streams.item({{"change", std::string(1, layer::change_letter(change.kind))},
                          {"path", change.path}});
    return Json::object();
}

Json commit(Session& session, const Params& params, Streams&) {
    const std::string name = params.text("name");
    snapshotter::Context& context = session.changing();
    session.claim(container_claim(name), Claims::Use::read);
    session.claim(kLayersClaim, Claims::Use::read);
    const auto image =
        snapshotter::commit_container(context,
                                      {.container = name,
                                       .image = params.find_text("image"),
                                       .comment = params.find_text("message").value_or("")});
    return {{"image", image.name},
            {"id", image.id.to_string()},
            {"diff_id", image.diff_id.to_string()},
            {"device", image.layer.value()},
            {"size", image.size}};
}

Json export_changes(Session& session, const Params& params, Streams& streams) {
    app::DescriptorSink sink(streams.output(), params.output_name());
    changes_of(session, params.text("name")).write_tar(sink);
    sink.flush();
    return Json::object();
}

Json save(Session& session, const Params& params, Streams& streams) {
    app::DescriptorSink sink(streams.output(), params.output_name());
    session.claim(kLayersClaim, Claims::Use::read);
    snapshotter::save_image(session.reading(),
                            params.text("image"),
                            sink,
                            params.flag("gzip") ? snapshotter::SaveCompression::gzip
                                                : snapshotter::SaveCompression::none);
    sink.flush();
    return Json::object();
}

constexpr Method kChangeMethods[] = {
    {"container.diff", diff_container},
    {"container.commit", commit},
    {"container.export", export_changes},
    {"image.save", save},
};

} // namespace

std::span<const Method> change_methods() {
    return kChangeMethods;
}

} // namespace thinsnap::service
