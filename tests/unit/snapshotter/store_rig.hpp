#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "journal/reader.hpp"
#include "snapshotter/store.hpp"

#include "support/journal_samples.hpp"
#include "support/volatile_directory.hpp"

#include "unit/snapshotter/fake_pool.hpp"

namespace thinsnap::test {

/// A builder that makes an empty container. \param device  filled in when not null
[[nodiscard]] inline snapshotter::Builder new_container(const std::string& name,
                                                        DeviceId* device = nullptr) {
    return [name, device](snapshotter::Draft& draft) {
        const DeviceId id = draft.new_device();
        if (device != nullptr)
            *device = id;
        return snapshotter::Proposal{{CreateThin{id}}, {container(id.value(), name)}};
    };
}

/// A builder that makes a container on a layer or, being a snapshot of a container, an unfinished
/// layer.
[[nodiscard]] inline snapshotter::Builder on_layer(const std::string& name, DeviceId origin) {
    return [name, origin](snapshotter::Draft& draft) {
        const DeviceId id = draft.new_device();
        return snapshotter::Proposal{{CreateSnapshot{id, origin}},
                                     {container(id.value(), name, origin)}};
    };
}
[[nodiscard]] inline snapshotter::Builder freeze(DeviceId origin, DeviceId* device) {
    return [origin, device](snapshotter::Draft& draft) {
        *device = draft.new_device();
        return snapshotter::Proposal{
            {CreateSnapshot{*device, origin}},
            {journal::LayerAdded{.device = *device, .kind = journal::LayerKind::committed}}};
    };
}

[[nodiscard]] inline snapshotter::Builder proposing(snapshotter::Proposal proposal) {
    return [proposal = std::move(proposal)](snapshotter::Draft&) { return proposal; };
}

/// A store on a fake pool and a fake directory. Small journals: no headroom to copy around.
struct StoreRig {
    explicit StoreRig(bool opened = true) {
        if (opened)
            open();
    }

    snapshotter::Store& open() {
        store.reset();
        store = snapshotter::open_store(
            pool,
            directory,
            {.journal = {.headroom = 512, .checkpoint_factor = 4, .checkpoint_minimum = minimum}});
        return *store;
    }
    /// Makes a ready layer. \return its device
    DeviceId make_layer(std::uint64_t chain) {
        DeviceId id{};
        store->commit([&](snapshotter::Draft& draft) {
            id = draft.new_device();
            return snapshotter::Proposal{{CreateThin{id}}, {journal::LayerAdded{.device = id}}};
        });
        store->commit(
            proposing({{}, {journal::LayerCommitted{.device = id, .chain_id = digest(chain)}}}));
        return id;
    }
    [[nodiscard]] journal::Contents contents() { return journal::read_journal(directory).value(); }
    [[nodiscard]] std::optional<DeviceId> device_of(const std::string& name) const {
        return store->read([&](const journal::State& state) {
            const auto* found = state.find_container(name);
            return found == nullptr ? std::nullopt : std::optional(found->device);
        });
    }

    PowerSupply power;
    VolatileDirectory directory{power};
    FakePool pool;
    std::uint64_t minimum = 1U << 20U;
    std::unique_ptr<snapshotter::Store> store;
};

} // namespace thinsnap::test
