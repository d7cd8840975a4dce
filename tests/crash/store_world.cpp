#include "crash/store_world.hpp"

#include <algorithm>
#include <array>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "engine/embedded_pool.hpp"
#include "snapshotter/repair.hpp"

#include "support/content.hpp"
#include "support/journal_samples.hpp"
#include "support/metadata_check.hpp"
#include "support/sparse_device.hpp"

namespace thinsnap::test {

using journal::Record;
using journal::Stage;
using journal::State;
using snapshotter::Draft;
using snapshotter::Proposal;
using Fate = Ledger::Fate;

namespace {

constexpr std::uint64_t kBytes = 80'000; // of a layer: two chunks

} // namespace

snapshotter::StoreOptions small_journal(std::uint64_t journal_limit) {
    return {
        .journal = {.headroom = 1024, .checkpoint_factor = 2, .checkpoint_minimum = journal_limit}};
}

StoreWorld::StoreWorld(const StoreImages& images, std::uint64_t journal_limit)
    : metadata_(power_, images.pool.metadata)
    , data_(power_, images.pool.data)
    , directory_(power_, images.journal)
    , journal_limit_(journal_limit) {}

void StoreWorld::open() {
    pool_ = engine::open_embedded_pool(metadata_, data_, kSmallCaches);
    store_ = snapshotter::open_store(*pool_, directory_, small_journal(journal_limit_));
}

void StoreWorld::kill() {
    store_.reset();
    pool_.reset();
    power_.restore();
}

DeviceId StoreWorld::layer_device(std::uint64_t chain) {
    return store_->read([&](const State& s) { return s.find_layer(digest(chain))->device; });
}

DeviceId StoreWorld::container_device(const std::string& name) {
    return store_->read([&](const State& s) { return s.find_container(name)->device; });
}

void StoreWorld::make_layer(std::uint64_t chain,
                            std::uint64_t pattern,
                            std::optional<std::uint64_t> on) {
    ledger_.layers[chain] = {Fate::either, pattern};
    DeviceId id{};
    store_->commit([&](Draft& draft) {
        id = draft.new_device();
        Proposal proposal;
        journal::LayerAdded added{.device = id};
        if (on) {
            added.parent = draft.state().find_layer(digest(*on))->device;
            proposal.operations.emplace_back(CreateSnapshot{id, *added.parent});
        } else {
            proposal.operations.emplace_back(CreateThin{id});
        }
        proposal.records.emplace_back(added);
        return proposal;
    });
    write_pattern(*pool_->open_device(id, {.size = kSeenBytes}), pattern, 0, kBytes);
    store_->commit([&](Draft&) {
        return Proposal{
            {}, {journal::LayerCommitted{.device = id, .chain_id = digest(chain), .size = kBytes}}};
    });
    ledger_.layers[chain].fate = Fate::there;
}

void StoreWorld::make_container(const std::string& name, std::uint64_t chain) {
    ledger_.containers[name] = Fate::either;
    store_->commit([&](Draft& draft) {
        const DeviceId id = draft.new_device();
        const DeviceId parent = draft.state().find_layer(digest(chain))->device;
        return Proposal{{CreateSnapshot{id, parent}}, {container(id.value(), name, parent)}};
    });
    ledger_.containers[name] = Fate::there;
}

void StoreWorld::write(const std::string& name, std::uint64_t pattern) {
    const auto device = pool_->open_device(container_device(name), {.size = kSeenBytes});
    write_pattern(*device, pattern, 0, kBytes);
}

void StoreWorld::commit_container(const std::string& name,
                                  std::uint64_t chain,
                                  std::uint64_t pattern,
                                  std::uint64_t next_pattern) {
    write(name, pattern);
    ledger_.layers[chain] = {Fate::either, pattern};
    DeviceId id{};
    store_->commit([&](Draft& draft) {
        id = draft.new_device();
        const DeviceId origin = draft.state().find_container(name)->device;
        return Proposal{{CreateSnapshot{id, origin}},
                        {journal::LayerAdded{.device = id, .kind = journal::LayerKind::committed}}};
    });
    write(name, next_pattern);
    store_->commit([&](Draft&) {
        return Proposal{{}, {journal::LayerCommitted{.device = id, .chain_id = digest(chain)}}};
    });
    ledger_.layers[chain].fate = Fate::there;
}

void StoreWorld::relabel(const std::string& name, std::uint64_t version) {
    ledger_.labels[name].most = version;
    store_->commit([&](Draft& draft) {
        return Proposal{{},
                        {journal::LabelsSet{draft.state().find_container(name)->device,
                                            at_second(9),
                                            {{"v", fmt::format("{}", version)}}}}};
    });
    ledger_.labels[name].least = version;
}

void StoreWorld::set_image(const std::string& name, std::uint64_t chain) {
    ledger_.images[name] = Fate::either;
    store_->commit([&](Draft&) { return Proposal{{}, {journal::ImageSet{image(name, chain)}}}; });
    ledger_.images[name] = Fate::there;
}

void StoreWorld::remove_image(const std::string& name) {
    ledger_.images[name] = Fate::either;
    store_->commit([&](Draft&) { return Proposal{{}, {journal::ImageRemoved{name}}}; });
    ledger_.images[name] = Fate::gone;
}

void StoreWorld::remove(DeviceId device) {
    store_->condemn({&device, 1});
    if (!store_->sweep().empty())
        throw Error(Errc::internal, "a device is in use that nobody uses");
}

void StoreWorld::remove_container(const std::string& name) {
    ledger_.containers[name] = Fate::either;
    ledger_.labels.erase(name);
    remove(container_device(name));
    ledger_.containers[name] = Fate::gone;
}

void StoreWorld::remove_layer(std::uint64_t chain) {
    ledger_.layers[chain].fate = Fate::either;
    remove(layer_device(chain));
    ledger_.layers[chain].fate = Fate::gone;
}

std::vector<std::uint64_t> unflushed_of(const StoreDisks& disks) {
    std::vector<std::uint64_t> numbers = disks.directory.unflushed();
    for (const VolatileDevice* device : {&disks.metadata, &disks.data})
        for (const auto& operation : device->unflushed())
            numbers.push_back(operation.number);
    std::ranges::sort(numbers);
    return numbers;
}

StoreImages images_of(const StoreDisks& disks, const Survivors& survivors) {
    const std::array devices{&disks.metadata, &disks.data};
    auto images = images_after_cut(devices, survivors, disks.directory.unflushed());
    return {{std::move(images.at(0)), std::move(images.at(1))},
            disks.directory.image_after_cut(survivors, devices.size(), unflushed_of(disks))};
}

std::vector<std::uint64_t> StoreWorld::unflushed() const {
    return unflushed_of({metadata_, data_, directory_});
}

StoreImages StoreWorld::after_cut(const Survivors& survivors) const {
    return images_of({metadata_, data_, directory_}, survivors);
}

StoreImages empty_store(const WorldShape& shape) {
    StoreWorld world({format_images(shape), {}});
    world.open();
    world.kill();
    return world.after_cut({});
}

// --- judging -----------------------------------------------------------------------------------

namespace {

class Judge {
public:
    Judge(const StoreImages& images, const Ledger& ledger)
        : ledger_(ledger)
        , metadata_(images.pool.metadata)
        , data_(images.pool.data)
        , directory_(power_, images.journal) {}

    std::vector<std::string> run() {
        try {
            {
                const auto pool = engine::open_embedded_pool(metadata_, data_, kSmallCaches);
                const auto store = snapshotter::open_store(*pool, directory_, small_journal());
                store->read([&](const State& state) { check(state, *pool); });
                use(*store);
            }
            const auto pool = engine::open_embedded_pool(metadata_, data_, kSmallCaches);
            for (const auto& finding : snapshotter::compare(*pool, directory_))
                complain("repair finds: " + finding.text);
            const auto store = snapshotter::open_store(*pool, directory_, small_journal());
            if (store->recovery().outcome != snapshotter::Recovery::Outcome::clean)
                complain("the second opening finds something to be done");
        } catch (const Error& error) {
            complain(fmt::format("opening or using the store: {}", error.what()));
        }
        if (const auto found = findings_of(metadata_, data_.size()); !found.empty())
            complain("check: " + found);
        return violations_;
    }

private:
    void complain(const std::string& what) { violations_.push_back(what); }

    void require(Fate fate, bool there, const std::string& what) {
        if (fate != Fate::either && there != (fate == Fate::there))
            complain(fmt::format("{} is {}", what, there ? "there" : "not there"));
    }

    void check(const State& state, ThinPool& pool) {
        for (const auto& [name, fate] : ledger_.containers)
            require(fate, state.find_container(name) != nullptr, "container " + name);
        for (const auto& [name, fate] : ledger_.images)
            require(fate, state.find_image(name) != nullptr, "image " + name);
        for (const auto& [name, versions] : ledger_.labels)
            check_label(state, name, versions);
        for (const auto& [chain, expected] : ledger_.layers) {
            const auto* layer = state.find_layer(digest(chain));
            require(expected.fate, layer != nullptr, fmt::format("layer {}", chain));
            if (layer == nullptr)
                continue;
            const auto device = pool.open_device(layer->device, {.size = kSeenBytes});
            if (!holds_pattern(*device, expected.pattern, 0, kBytes))
                complain(fmt::format("layer {} does not hold what was written", chain));
        }
        const std::size_t known = state.layers().size() + state.containers().size();
        if (device_ids(pool).size() != known)
            complain(fmt::format("{} devices, {} are known", device_ids(pool).size(), known));
    }

    void check_label(const State& state, const std::string& name, Ledger::Versions versions) {
        const auto* found = state.find_container(name);
        const std::uint64_t seen =
            found == nullptr || found->labels.empty() ? 0 : std::stoull(found->labels.at("v"));
        if (seen < versions.least || seen > versions.most)
            complain(fmt::format(
                "label of {} is {}, expected {} to {}", name, seen, versions.least, versions.most));
    }

    static void use(snapshotter::Store& store) {
        DeviceId id{};
        store.commit([&](Draft& draft) {
            id = draft.new_device();
            return Proposal{{CreateThin{id}}, {container(id.value(), "after the crash")}};
        });
    }

    const Ledger& ledger_;
    PowerSupply power_;
    SparseDevice metadata_;
    SparseDevice data_;
    VolatileDirectory directory_;
    std::vector<std::string> violations_;
};

} // namespace

std::vector<std::string> judge(const StoreImages& images, const Ledger& ledger) {
    return Judge(images, ledger).run();
}

} // namespace thinsnap::test
