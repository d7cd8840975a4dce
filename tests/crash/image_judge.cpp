#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "engine/embedded_pool.hpp"
#include "snapshotter/containers.hpp"
#include "snapshotter/difference.hpp"
#include "snapshotter/digest_sink.hpp"
#include "snapshotter/images.hpp"
#include "snapshotter/import.hpp"
#include "snapshotter/layer_references.hpp"
#include "snapshotter/repair.hpp"

#include "support/content.hpp"
#include "support/journal_samples.hpp"
#include "support/metadata_check.hpp"
#include "support/sparse_device.hpp"

#include "crash/image_world.hpp"

namespace thinsnap::test {

using journal::State;

std::string content_of(ThinPool& pool, DeviceId device) {
    snapshotter::DigestSink sink;
    snapshotter::Difference(pool, std::nullopt, device, [] {}).write_tar(sink);
    return sink.finish().digest.to_string();
}

std::optional<DeviceId> find_container_device(const State& state, const std::string& name) {
    const auto* container = state.find_container(name);
    return container == nullptr ? std::nullopt : std::optional(container->device);
}

std::optional<DeviceId> find_image_device(const State& state, const std::string& name) {
    const auto* image = state.find_image(name);
    if (image == nullptr)
        return std::nullopt;
    const auto layers = snapshotter::layers_of(state, *image);
    if (layers.empty() || layers.size() != image->diff_ids.size())
        throw Error(Errc::corrupt, fmt::format("the image {} lacks layers", name));
    return layers.front()->device;
}

namespace {

class Judge {
public:
    Judge(const StoreImages& images, const ImageLedger& ledger, const HostFiles& files)
        : ledger_(ledger)
        , files_(files)
        , metadata_(images.pool.metadata)
        , data_(images.pool.data)
        , directory_(power_, images.journal) {}

    std::vector<std::string> run() {
        try {
            with_store([&](snapshotter::Context& context) {
                context.store.read([&](const State& state) { check(state, context.pool); });
                use(context);
            });
            require_agreement();
            with_store([&](snapshotter::Context& context) { remove_all(context); });
            require_agreement();
        } catch (const Error& error) {
            complain(fmt::format("opening or using the store: {}", error.what()));
        }
        if (const auto found = findings_of(metadata_, data_.size()); !found.empty())
            complain("check: " + found);
        return violations_;
    }

private:
    void complain(const std::string& what) { violations_.push_back(what); }

    template <class Action>
    void with_store(const Action& action) {
        const auto pool = engine::open_embedded_pool(metadata_, data_, kSmallCaches);
        const auto store = snapshotter::open_store(*pool, directory_, small_journal());
        snapshotter::Context context{.store = *store,
                                     .pool = *pool,
                                     .work_directory = files_.work_directory(),
                                     .now = [] { return at_second(99); },
                                     .check_interrupt = [] {}};
        action(context);
    }

    void require_agreement() {
        const auto pool = engine::open_embedded_pool(metadata_, data_, kSmallCaches);
        for (const auto& finding : snapshotter::compare(*pool, directory_))
            complain("repair finds: " + finding.text);
    }

    template <class Find>
    void check_each(const std::map<std::string, ImageLedger::Expected>& entries,
                    const char* what,
                    ThinPool& pool,
                    const Find& find) {
        for (const auto& [name, expected] : entries) {
            const std::optional<DeviceId> device = find(name);
            if (!device) {
                if (!expected.may_be_missing)
                    complain(fmt::format("the {} {} is not there", what, name));
            } else if (!expected.contents.contains(content_of(pool, *device))) {
                complain(fmt::format("the {} {} does not hold what it should", what, name));
            }
        }
    }

    void check(const State& state, ThinPool& pool) {
        check_each(ledger_.containers, "container", pool, [&](const std::string& name) {
            return find_container_device(state, name);
        });
        check_each(ledger_.images, "image", pool, [&](const std::string& name) {
            return find_image_device(state, name);
        });
        for (const auto& [name, image] : state.images())
            if (!ledger_.images.contains(name))
                complain("an image from nowhere: " + name);
        for (const auto& [device, container] : state.containers())
            if (!ledger_.containers.contains(container.name))
                complain("a container from nowhere: " + container.name);
        const std::size_t known = state.layers().size() + state.containers().size();
        if (device_ids(pool).size() != known)
            complain(fmt::format("{} devices, {} are known", device_ids(pool).size(), known));
    }

    /// The next commands work: they make the image that the crash may have broken off.
    void use(snapshotter::Context& context) const {
        (void)snapshotter::import_images(context, files_.second(), {});
        (void)snapshotter::create_container(context, {.name = "after", .image = "second:latest"});
    }

    /// No space leaks: with all its users gone it is free.
    void remove_all(snapshotter::Context& context) {
        std::vector<std::string> containers;
        std::vector<std::string> images;
        context.store.read([&](const State& state) {
            for (const auto& [device, container] : state.containers())
                containers.push_back(container.name);
            for (const auto& [name, image] : state.images())
                images.push_back(name);
        });
        (void)snapshotter::remove_containers(context, containers);
        (void)snapshotter::remove_images(context, images, snapshotter::InUse::refuse);
        (void)snapshotter::prune_layers(context);
        const PoolStatus status = context.pool.status();
        if (status.data.used != 0 || !device_ids(context.pool).empty())
            complain(fmt::format("{} devices and {} chunks are left of nothing",
                                 device_ids(context.pool).size(),
                                 status.data.used));
    }

    const ImageLedger& ledger_;
    const HostFiles& files_;
    PowerSupply power_;
    SparseDevice metadata_;
    SparseDevice data_;
    VolatileDirectory directory_;
    std::vector<std::string> violations_;
};

} // namespace

std::vector<std::string>
judge(const StoreImages& images, const ImageLedger& ledger, const HostFiles& files) {
    return Judge(images, ledger, files).run();
}

} // namespace thinsnap::test
