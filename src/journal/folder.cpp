#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "journal/state.hpp"

namespace thinsnap::journal {

namespace {

[[noreturn]] void refuse(Errc kind, const std::string& why) {
    throw Error(kind, why);
}

void require_name(std::string_view what, const std::string& name) {
    if (name.empty() || name.size() > State::kMaxName)
        refuse(Errc::invalid_argument,
               fmt::format("the {} name has {} bytes, 1 to {} are allowed",
                           what,
                           name.size(),
                           State::kMaxName));
}

} // namespace

/// One record at a time: everything is checked, then one value is exchanged.
class Folder {
public:
    Folder(State& state, Undo* undo)
        : state_(state)
        , undo_(undo) {}

    void operator()(const PoolCreate& /*record*/) const {}
    void operator()(const PoolSnapshot& /*record*/) const {}
    void operator()(const PoolDelete& /*record*/) const {}
    void operator()(const Aborted& /*record*/) const {}

    void operator()(LayerAdded&& record) {
        require_new(record.device, record.parent);
        put(record.device,
            Layer{.device = record.device,
                  .parent = record.parent,
                  .kind = record.kind,
                  .stage = Stage::preparing,
                  .virtual_size = record.virtual_size,
                  .created = record.created,
                  .updated = record.created,
                  .labels = std::move(record.labels)});
        state_.last_device_ = record.device;
    }

    void operator()(LayerCommitted&& record) {
        Layer layer = need_layer(record.device, Stage::preparing);
        layer.stage = Stage::ready;
        layer.chain_id = record.chain_id;
        layer.diff_id = record.diff_id;
        layer.blobs = std::move(record.blobs);
        layer.size = record.size;
        layer.virtual_size = record.virtual_size;
        put(record.device, std::move(layer));
    }

    void operator()(LayerDigests&& record) {
        Layer layer = need_layer(record.device, Stage::ready);
        set_once(layer.chain_id, record.chain_id, "chain ID", record.device);
        set_once(layer.diff_id, record.diff_id, "diffID", record.device);
        for (const Digest& blob : record.blobs)
            if (std::ranges::find(layer.blobs, blob) == layer.blobs.end())
                layer.blobs.push_back(blob);
        put(record.device, std::move(layer));
    }

    void operator()(const LayerRemoved& record) {
        static_cast<void>(need_layer(record.device, Stage::condemned));
        erase<Layer>(record.device);
    }

    void operator()(ContainerAdded&& record) {
        require_name("container's", record.name);
        if (state_.find_container(record.name) != nullptr)
            refuse(Errc::already_exists, fmt::format("container '{}' exists", record.name));
        require_new(record.device, record.parent);
        put(record.device,
            Container{.device = record.device,
                      .name = std::move(record.name),
                      .parent = record.parent,
                      .image = std::move(record.image),
                      .stage = record.preparing ? Stage::preparing : Stage::ready,
                      .virtual_size = record.virtual_size,
                      .created = record.created,
                      .updated = record.created,
                      .labels = std::move(record.labels)});
        state_.last_device_ = record.device;
    }

    void operator()(const ContainerReady& record) {
        Container container = need_container(record.device);
        require_not_condemned(record.device, container.stage);
        container.stage = Stage::ready;
        container.virtual_size = record.virtual_size;
        put(record.device, std::move(container));
    }

    void operator()(const ContainerMoved& record) {
        Container old = need_container(record.device);
        require_not_condemned(record.device, old.stage);
        const Layer& layer = need_layer(record.new_device, Stage::preparing);
        if (layer.parent != old.parent)
            refuse(Errc::precondition,
                   fmt::format("the container on device {} cannot move to device {}, which has "
                               "another parent",
                               record.device.value(),
                               record.new_device.value()));
        Container moved = old;
        moved.device = record.new_device;
        moved.virtual_size = record.virtual_size;
        erase<Layer>(record.new_device);
        condemn(std::move(old));
        put(record.new_device, std::move(moved));
    }

    void operator()(const ContainerRemoved& record) {
        require_stage(
            "container", record.device, need_container(record.device).stage, Stage::condemned);
        erase<Container>(record.device);
    }

    void operator()(ImageSet&& record) {
        require_name("image's", record.image.name);
        const std::string name = record.image.name;
        put(name, std::move(record.image));
    }

    void operator()(const ImageRemoved& record) {
        if (state_.find_image(record.name) == nullptr)
            refuse(Errc::not_found, fmt::format("image '{}' does not exist", record.name));
        erase<Image>(record.name);
    }

    void operator()(const Condemned& record) {
        if (const Layer* found = state_.find_layer(record.device)) {
            require_not_condemned(record.device, found->stage);
            if (const auto children = state_.children(record.device); children > 0)
                refuse(Errc::precondition,
                       fmt::format("the layer on device {} cannot be condemned: {} layers and "
                                   "containers are on it",
                                   record.device.value(),
                                   children));
            Layer layer = *found;
            layer.stage = Stage::condemned;
            layer.chain_id.reset();
            layer.parent.reset();
            put(record.device, std::move(layer));
            return;
        }
        Container container = need_container(record.device);
        require_not_condemned(record.device, container.stage);
        condemn(std::move(container));
    }

    void operator()(LabelsSet&& record) {
        if (const Layer* found = state_.find_layer(record.device)) {
            require_not_condemned(record.device, found->stage);
            Layer layer = *found;
            layer.labels = std::move(record.labels);
            layer.updated = record.updated;
            put(record.device, std::move(layer));
            return;
        }
        Container container = need_container(record.device);
        require_not_condemned(record.device, container.stage);
        container.labels = std::move(record.labels);
        container.updated = record.updated;
        put(record.device, std::move(container));
    }

    void operator()(ActivationSet&& record) {
        Container container = need_container(record.device);
        require_not_condemned(record.device, container.stage);
        if (record.mount_point.size() > State::kMaxPath)
            refuse(Errc::invalid_argument,
                   fmt::format("a mount point of {} bytes, {} are possible",
                               record.mount_point.size(),
                               State::kMaxPath));
        container.activation.reset();
        if (record.is_wanted)
            container.activation = {std::move(record.mount_point), record.read_only};
        put(record.device, std::move(container));
    }

    void operator()(const CheckpointEnd& record) {
        state_.require_counts(record);
        state_.last_device_ = record.last_device;
    }

private:
    void condemn(Container container) {
        container.stage = Stage::condemned;
        container.parent.reset();
        container.activation.reset();
        const DeviceId device = container.device;
        put(device, std::move(container));
    }

    template <class Key, class Object>
    void put(const Key& key, Object value) {
        exchange(key, std::optional<Object>(std::move(value)));
    }

    template <class Object, class Key>
    void erase(const Key& key) {
        exchange(key, std::optional<Object>());
    }

    template <class Key, class Object>
    void exchange(const Key& key, std::optional<Object> value) {
        std::optional<Object> old = state_.exchange(key, std::move(value));
        if (undo_ != nullptr)
            undo_->changes_.emplace_back(std::pair(key, std::move(old)));
    }

    void require_new(DeviceId device, const std::optional<DeviceId>& parent) const {
        if (device > kMaxDeviceId)
            refuse(Errc::invalid_argument,
                   fmt::format("device id {} is over {}", device.value(), kMaxDeviceId.value()));
        if (state_.knows(device))
            refuse(Errc::already_exists,
                   fmt::format("device {} is a layer or container already", device.value()));
        if (parent)
            static_cast<void>(need_layer(*parent, Stage::ready));
    }

    [[nodiscard]] const Container& need_container(DeviceId device) const {
        const Container* container = state_.find_container(device);
        if (container == nullptr)
            refuse(Errc::not_found,
                   fmt::format("there is no layer or container on device {}", device.value()));
        return *container;
    }

    [[nodiscard]] const Layer& need_layer(DeviceId device, Stage stage) const {
        const Layer* layer = state_.find_layer(device);
        if (layer == nullptr)
            refuse(Errc::not_found, fmt::format("there is no layer on device {}", device.value()));
        require_stage("layer", device, layer->stage, stage);
        return *layer;
    }

    static void require_stage(std::string_view what, DeviceId device, Stage stage, Stage expected) {
        if (stage != expected)
            refuse(Errc::precondition,
                   fmt::format("the {} on device {} is {}, expected {}",
                               what,
                               device.value(),
                               to_string(stage),
                               to_string(expected)));
    }

    static void require_not_condemned(DeviceId device, Stage stage) {
        if (stage == Stage::condemned)
            refuse(Errc::precondition, fmt::format("device {} is condemned", device.value()));
    }

    static void set_once(std::optional<Digest>& member,
                         const std::optional<Digest>& value,
                         std::string_view what,
                         DeviceId device) {
        if (member && value && *member != *value)
            refuse(Errc::precondition,
                   fmt::format("the {} of the layer on device {} is {}, and cannot become {}",
                               what,
                               device.value(),
                               member->to_string(),
                               value->to_string()));
        if (value)
            member = value;
    }

    State& state_;
    Undo* undo_;
};

void State::apply(Record record, Undo* undo) {
    std::visit(Folder(*this, undo), std::move(record));
}

} // namespace thinsnap::journal
