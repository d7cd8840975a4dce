#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "engine/embedded_pool.hpp"
#include "snapshotter/containers.hpp"
#include "snapshotter/context.hpp"
#include "snapshotter/repair.hpp"
#include "snapshotter/store.hpp"
#include "thin/format_pool.hpp"

#include "support/content.hpp"
#include "support/journal_samples.hpp"
#include "support/metadata_check.hpp"
#include "support/sparse_device.hpp"
#include "support/volatile_device.hpp"
#include "support/volatile_directory.hpp"

// Containers made and removed by many threads at once, on a real pool.

namespace thinsnap::test {

namespace {

constexpr std::size_t kThreads = 200;
constexpr std::uint64_t kChunkSize = 64U << 10U;

SparseBytes formatted() {
    SparseDevice metadata(std::uint64_t{4} << 20U);
    thin::format_pool(metadata, {.chunk_size = kChunkSize, .nr_data_chunks = 64});
    return metadata.content();
}

/// A pool with one image, whose metadata takes a while to flush: time in which others come.
struct Rig {
    Rig() {
        store->commit([&](snapshotter::Draft&) {
            return snapshotter::Proposal{{CreateThin{DeviceId(1)}},
                                         {journal::LayerAdded{.device = DeviceId(1)}}};
        });
        store->commit([&](snapshotter::Draft&) {
            return snapshotter::Proposal{{},
                                         {journal::LayerCommitted{.device = DeviceId(1),
                                                                  .chain_id = digest(1),
                                                                  .virtual_size = 1U << 30U},
                                          journal::ImageSet{image("base:latest", 1)}}};
        });
        metadata.set_flush_time(std::chrono::milliseconds(2));
    }

    /// Runs `body(number, name)` in that many threads at once. \return how many failed
    static std::size_t
    in_threads(const std::function<void(std::size_t, const std::string&)>& body) {
        std::atomic<std::size_t> failed = 0;
        {
            std::vector<std::jthread> threads;
            for (std::size_t i = 0; i < kThreads; ++i)
                threads.emplace_back([&, i] {
                    try {
                        body(i, fmt::format("c{}", i));
                    } catch (const Error&) {
                        ++failed;
                    }
                });
        }
        return failed;
    }
    void create(const std::string& name) {
        (void)snapshotter::create_container(context, {.name = name, .image = "base"});
    }
    void remove(const std::string& name) { (void)snapshotter::remove_containers(context, {name}); }
    [[nodiscard]] bool has(const std::string& name) const {
        return store->read([&](const journal::State& state) {
            const auto* found = state.find_container(name);
            return found != nullptr && found->stage == journal::Stage::ready;
        });
    }
    [[nodiscard]] std::uint64_t syncs() const {
        return directory.count(DirectoryOperation::sync_file);
    }
    [[nodiscard]] std::uint64_t transaction() const { return store->transaction().value(); }

    PowerSupply power;
    VolatileDevice metadata{power, formatted()};
    SparseDevice data{64 * kChunkSize};
    VolatileDirectory directory{power};
    std::unique_ptr<ThinPool> pool = engine::open_embedded_pool(metadata, data, {});
    std::unique_ptr<snapshotter::Store> store = snapshotter::open_store(*pool, directory);
    snapshotter::Context context{.store = *store,
                                 .pool = *pool,
                                 .work_directory = {},
                                 .now = [] { return at_second(5); },
                                 .check_interrupt = [] {}};
};

} // namespace

TEST_SUITE("conformance.containers_threads") {
    TEST_CASE("two hundred threads that make containers share commits and get one each") {
        Rig rig;
        const auto syncs = rig.syncs();
        const auto transaction = rig.transaction();
        CHECK(Rig::in_threads([&](std::size_t, const std::string& name) { rig.create(name); }) ==
              0);
        for (std::size_t i = 0; i < kThreads; ++i)
            CHECK(rig.has(fmt::format("c{}", i)));
        CHECK(device_ids(*rig.pool).size() == 1 + kThreads);
        MESSAGE(kThreads, " containers in ", rig.syncs() - syncs, " appends");
        CHECK(rig.syncs() - syncs < kThreads / 2);
        CHECK(rig.transaction() - transaction < kThreads / 2);
        CHECK(findings_of(rig.metadata, rig.data.size()).empty());
    }

    TEST_CASE("two hundred threads that remove containers share commits and leave nothing") {
        Rig rig;
        CHECK(Rig::in_threads([&](std::size_t, const std::string& name) { rig.create(name); }) ==
              0);
        const auto syncs = rig.syncs();
        CHECK(Rig::in_threads([&](std::size_t, const std::string& name) { rig.remove(name); }) ==
              0);
        MESSAGE(kThreads, " containers in ", rig.syncs() - syncs, " appends");
        CHECK(rig.syncs() - syncs < kThreads); // each is condemned and deleted: twice as many alone
        CHECK(device_ids(*rig.pool).size() == 1);
        rig.store.reset();
        CHECK(snapshotter::compare(*rig.pool, rig.directory).empty());
    }

    TEST_CASE("threads that make and remove containers leave exactly what they say") {
        Rig rig;
        std::atomic<std::size_t> made = 0;
        CHECK(Rig::in_threads([&](std::size_t i, const std::string& name) {
                  rig.create(name);
                  if (i % 4 != 0)
                      rig.remove(name);
                  else
                      ++made;
              }) == 0);
        for (std::size_t i = 0; i < kThreads; ++i)
            CHECK(rig.has(fmt::format("c{}", i)) == (i % 4 == 0));
        CHECK(device_ids(*rig.pool).size() == 1 + made);
        CHECK(findings_of(rig.metadata, rig.data.size()).empty());
    }

    TEST_CASE("of two hundred threads that want one name one gets it") {
        Rig rig;
        CHECK(Rig::in_threads([&](std::size_t, const std::string&) { rig.create("same"); }) ==
              kThreads - 1);
        CHECK(rig.has("same"));
        CHECK(device_ids(*rig.pool).size() == 2);
    }
}

} // namespace thinsnap::test
