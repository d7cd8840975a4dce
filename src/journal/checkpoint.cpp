#include "journal/checkpoint.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "journal/record_codec.hpp"

namespace thinsnap::journal {

namespace {

/// Payload at which a frame is full; a record that goes beyond is not split.
constexpr std::size_t kFullFrame = 4U << 20U;

template <class Objects>
std::vector<DeviceId> sorted_ids(const Objects& objects) {
    std::vector<DeviceId> ids;
    ids.reserve(objects.size());
    for (const auto& [id, object] : objects)
        ids.push_back(id);
    std::ranges::sort(ids);
    return ids;
}

std::vector<const Layer*> parents_first(const State& state) {
    std::vector<const Layer*> ordered;
    ordered.reserve(state.layers().size());
    std::unordered_set<DeviceId> done;
    std::vector<const Layer*> chain;
    for (const DeviceId id : sorted_ids(state.layers())) {
        for (const Layer* layer = state.find_layer(id); layer != nullptr;) {
            if (!done.insert(layer->device).second)
                break;
            chain.push_back(layer);
            layer = layer->parent ? state.find_layer(*layer->parent) : nullptr;
        }
        ordered.insert(ordered.end(), chain.rbegin(), chain.rend());
        chain.clear();
    }
    return ordered;
}

using Visit = std::function<void(const Record&)>;

template <class Object>
void finish(const Object& object, const Visit& visit) {
    if (object.updated != object.created)
        visit(LabelsSet{object.device, object.updated, object.labels});
    if (object.stage == Stage::condemned)
        visit(Condemned{object.device});
}

void put_layer(const Layer& layer, const Visit& visit) {
    visit(LayerAdded{
        layer.device, layer.parent, layer.kind, layer.created, layer.virtual_size, layer.labels});
    // A condemned one may have been committed or not: that makes no difference any more.
    if (layer.stage != Stage::preparing)
        visit(LayerCommitted{layer.device,
                             layer.chain_id,
                             layer.diff_id,
                             layer.blobs,
                             layer.size,
                             layer.virtual_size});
    finish(layer, visit);
}

void put_container(const Container& container, const Visit& visit) {
    visit(ContainerAdded{container.device,
                         container.name,
                         container.parent,
                         container.image,
                         container.created,
                         container.virtual_size,
                         container.labels,
                         container.stage == Stage::preparing});
    if (const auto& wanted = container.activation)
        visit(ActivationSet{container.device, true, wanted->mount_point, wanted->read_only});
    finish(container, visit);
}

} // namespace

void for_each_record_of(const State& state, const Visit& visit) {
    for (const Layer* layer : parents_first(state))
        put_layer(*layer, visit);
    // Condemned containers first: their names may be somebody else's by now.
    const auto ids = sorted_ids(state.containers());
    for (const bool condemned : {true, false})
        for (const DeviceId id : ids)
            if (const Container& container = *state.find_container(id);
                (container.stage == Stage::condemned) == condemned)
                put_container(container, visit);
    for (const auto& [name, image] : state.images())
        visit(ImageSet{image});
    visit(CheckpointEnd{state.layers().size(),
                        state.containers().size(),
                        state.images().size(),
                        state.last_device()});
}

Checkpoint make_checkpoint(const Header& header, const State& state, TransactionId transaction) {
    Checkpoint made{.header = header, .bytes = {}, .frames = 0};
    const HeaderBytes packed = pack(header);
    made.bytes.assign(packed.begin(), packed.end());
    const std::uint32_t seed = frame_seed(header);
    std::vector<std::byte> payload;
    const auto put_frame = [&] {
        const auto frame = pack_frame(
            {.transaction = transaction, .number = ++made.frames, .kind = FrameKind::checkpoint},
            payload,
            seed);
        made.bytes.insert(made.bytes.end(), frame.begin(), frame.end());
        payload.clear();
    };
    for_each_record_of(state, [&](const Record& record) {
        encode(record, payload);
        if (payload.size() >= kFullFrame)
            put_frame();
    });
    if (!payload.empty())
        put_frame();
    return made;
}

} // namespace thinsnap::journal
