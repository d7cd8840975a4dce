#include "snapshotter/new_layer.hpp"

#include <array>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "snapshotter/store.hpp"

namespace thinsnap::snapshotter {

namespace {

using journal::LayerKind;
using journal::State;

} // namespace

NewLayer::NewLayer(Context& context, const Made& made)
    : context_(&context)
    , id_(made.id)
    , parent_(made.parent) {}

NewLayer::NewLayer(NewLayer&& other) noexcept
    : context_(other.context_)
    , id_(other.id_)
    , parent_(other.parent_)
    , device_(std::move(other.device_))
    , is_pending_(std::exchange(other.is_pending_, false)) {}

NewLayer::NewLayer(Context& context, std::optional<DeviceId> parent)
    : context_(&context)
    , parent_(parent) {
    context.store.commit([&](Draft& draft) {
        id_ = draft.new_device();
        PoolOperation operation = CreateThin{id_};
        if (parent)
            operation = CreateSnapshot{id_, *parent};
        return Proposal{.operations = {operation},
                        .records = {journal::LayerAdded{.device = id_,
                                                        .parent = parent,
                                                        .kind = LayerKind::applied,
                                                        .created = context.now()}}};
    });
}

NewLayer NewLayer::frozen(Context& context, const journal::Container& container) {
    Made made{.id = {}, .parent = container.parent};
    const auto stillness = context.freeze ? context.freeze(container.device) : nullptr;
    context.store.commit([&](Draft& draft) {
        made.id = draft.new_device();
        return Proposal{.operations = {CreateSnapshot{made.id, container.device}},
                        .records = {journal::LayerAdded{.device = made.id,
                                                        .parent = container.parent,
                                                        .kind = LayerKind::committed,
                                                        .created = context.now(),
                                                        .virtual_size = container.virtual_size}}};
    });
    NewLayer layer(context, made);
    if (stillness)
        stillness->end();
    return layer;
}

NewLayer::~NewLayer() {
    if (!is_pending_)
        return;
    try {
        device_.reset();
        context_->store.condemn(std::array{id_});
        static_cast<void>(context_->store.sweep());
    } catch (...) { // NOLINT(bugprone-empty-catch) the next opening finds it preparing or condemned
    }
}

BlockDevice& NewLayer::device() {
    if (!device_)
        device_ = context_->pool.open_device(id_, {});
    return *device_;
}

std::uint64_t NewLayer::commit(const LayerFacts& facts) {
    if (device_)
        device_->flush();
    device_.reset();
    const std::uint64_t size = growth_over(context_->pool, parent_, id_);
    context_->store.commit([&](Draft&) {
        return Proposal{.records = {journal::LayerCommitted{.device = id_,
                                                            .chain_id = facts.chain_id,
                                                            .diff_id = facts.diff_id,
                                                            .blobs = facts.blobs,
                                                            .size = size,
                                                            .virtual_size = facts.virtual_size}}};
    });
    is_pending_ = false;
    return size;
}

void NewLayer::replace(const journal::Container& container, std::uint64_t virtual_size) {
    if (device_)
        device_->flush();
    device_.reset();
    context_->store.commit([&](Draft& draft) {
        const auto* now = draft.state().find_container(container.name);
        if (now == nullptr || now->device != container.device)
            throw Error(Errc::busy,
                        fmt::format("the container {} was changed by somebody else meanwhile; try "
                                    "again",
                                    container.name));
        return Proposal{.records = {journal::ContainerMoved{container.device, id_, virtual_size}}};
    });
    is_pending_ = false;
    static_cast<void>(context_->store.sweep());
}

std::uint64_t growth_over(ThinPool& pool, std::optional<DeviceId> parent, DeviceId layer) {
    const auto view = pool.read_view();
    std::uint64_t chunks = 0;
    if (parent)
        view->diff(*parent, layer, [&](const DiffRun& run) {
            if (run.kind != DiffKind::left_only)
                chunks += run.length;
        });
    else
        chunks = view->usage(layer).mapped_chunks;
    return chunks * pool.chunk_size();
}

} // namespace thinsnap::snapshotter
