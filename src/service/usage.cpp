#include "snapshotter/usage.hpp"

#include "service/json.hpp"
#include "service/method.hpp"

namespace thinsnap::service {

namespace {

Json json_of(const snapshotter::Usage& usage) {
    Json images = Json::array();
    for (const auto& image : usage.images)
        images.push_back({{"name", image.name},
                          {"size", image.size},
                          {"shared", image.shared},
                          {"unique", image.unique},
                          {"reclaimable", image.reclaimable},
                          {"containers", image.containers}});
    Json containers = Json::array();
    for (const auto& container : usage.containers)
        containers.push_back({{"name", container.name},
                              {"image", container.image},
                              {"exclusive", container.exclusive},
                              {"mapped", container.mapped}});
    return {{"layers_bytes", usage.layers_bytes},
            {"unused_layers_bytes", usage.unused_layers_bytes},
            {"containers_bytes", usage.containers_bytes},
            {"other_bytes", usage.other_bytes},
            {"used_bytes", usage.used},
            {"total_bytes", usage.total},
            {"images", images},
            {"containers", containers}};
}

Json measure(Session& session, const Params&, Streams&) {
    const snapshotter::ReadContext context = session.reading();
    const auto metadata = context.pool.read_view();
    return json_of(snapshotter::measure_usage(context.state, *metadata, context.pool.status()));
}

constexpr Method kUsageMethods[] = {{"pool.usage", measure}};

} // namespace

std::span<const Method> usage_methods() {
    return kUsageMethods;
}

} // namespace thinsnap::service
