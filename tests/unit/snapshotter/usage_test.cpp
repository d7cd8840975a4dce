#include "snapshotter/usage.hpp"

#include <set>

#include <doctest/doctest.h>

#include "support/content.hpp"
#include "support/embedded_pool_harness.hpp"
#include "support/random.hpp"

#include "unit/snapshotter/image_states.hpp"

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kChunk = 64U << 10U;

void write_chunks(ThinPool& pool, std::uint32_t device, std::uint64_t first, std::uint64_t count) {
    const auto opened = pool.open_device(DeviceId(device), {});
    opened->write(first * kChunk, std::vector<std::byte>(count * kChunk, std::byte{1}));
    opened->flush();
}

void apply(ThinPool& pool, const PoolOperation& operation) {
    const TransactionId id = pool.status().transaction_id;
    pool.apply(std::span(&operation, 1), id, id);
}

} // namespace

TEST_SUITE("snapshotter.usage") {
    TEST_CASE("what is used adds up and is what a full count gives") {
        EmbeddedPoolHarness<4096> harness;
        ThinPool& pool = harness.pool();
        journal::State state;
        apply(pool, CreateThin{DeviceId(1)});
        write_chunks(pool, 1, 0, 10);
        add_layer(state, 1, {}, 10 * kChunk);
        apply(pool, CreateSnapshot{DeviceId(2), DeviceId(1)});
        write_chunks(pool, 2, 5, 7); // 5 of its own in place of the parent's, 2 new
        add_layer(state, 2, 1, 7 * kChunk);
        apply(pool, CreateSnapshot{DeviceId(3), DeviceId(2)});
        write_chunks(pool, 3, 0, 3);
        add_container(state, "written", 3, 2, "top:latest");
        apply(pool, CreateSnapshot{DeviceId(4), DeviceId(2)});
        add_container(state, "fresh", 4, 2, "top:latest");
        apply(pool, CreateThin{DeviceId(5)}); // nobody's
        write_chunks(pool, 5, 0, 4);
        add_image(state, "base:latest", 1, "base");
        add_image(state, "top:latest", 2, "top");

        const auto view = pool.read_view();
        const auto usage = snapshotter::measure_usage(state, *view, pool.status());
        std::set<std::uint64_t> chunks;
        view->for_each_device([&](const DeviceInfo& info) {
            view->for_each_mapping(info.id, VirtualChunk(0), [&](const MappedRun& run) {
                for (std::uint64_t i = 0; i < run.length; ++i)
                    chunks.insert(run.data_begin.value() + i);
                return true;
            });
        });
        CHECK(usage.used == chunks.size() * kChunk);
        CHECK(usage.containers_bytes + usage.layers_bytes + usage.other_bytes == usage.used);
        CHECK(usage.containers_bytes == 3 * kChunk);
        CHECK(usage.other_bytes == 4 * kChunk);
        CHECK(usage.layers_bytes == 17 * kChunk);
        CHECK(usage.unused_layers_bytes == 0);

        REQUIRE(usage.containers.size() == 2);
        CHECK(usage.containers[0].name == "fresh");
        CHECK(usage.containers[0].exclusive == 0);
        CHECK(usage.containers[0].mapped == 12 * kChunk);
        CHECK(usage.containers[1].exclusive == 3 * kChunk);

        REQUIRE(usage.images.size() == 2);
        CHECK(usage.images[0].name == "base:latest");
        CHECK(usage.images[0].shared == 10 * kChunk);
        CHECK(usage.images[0].unique == 0);
        CHECK(usage.images[1].size == 17 * kChunk);
        CHECK(usage.images[1].unique == 7 * kChunk);
        CHECK(usage.images[1].reclaimable == 0); // containers stand on it
        CHECK(usage.images[1].containers == 2);
    }

    TEST_CASE("a status that is younger than the view still adds up") {
        EmbeddedPoolHarness<4096> harness;
        ThinPool& pool = harness.pool();
        journal::State state;
        apply(pool, CreateThin{DeviceId(1)});
        write_chunks(pool, 1, 0, 4);
        add_layer(state, 2, {}, 0);
        add_container(state, "one", 1, 2);
        const auto view = pool.read_view();
        PoolStatus status = pool.status();
        status.data.used = 1; // something was deleted meanwhile
        const auto usage = snapshotter::measure_usage(state, *view, status);
        CHECK(usage.containers_bytes == 4 * kChunk);
        CHECK(usage.layers_bytes == 0);
        CHECK(usage.used == 4 * kChunk);
    }

    TEST_CASE("an image gives back what only it needs and two names are one image") {
        EmbeddedPoolHarness<4096> harness;
        journal::State state;
        add_layer(state, 1, {}, 1000);
        add_layer(state, 2, 1, 200);
        add_layer(state, 3, {}, 30);
        add_image(state, "one:latest", 2, "same");
        const auto usage_of_first = [&] {
            const auto view = harness.pool().read_view();
            return snapshotter::measure_usage(state, *view, harness.pool().status());
        };
        CHECK(usage_of_first().images[0].reclaimable == 1200);
        CHECK(usage_of_first().images[0].shared == 0);
        CHECK(usage_of_first().unused_layers_bytes == 30);
        add_image(state, "two:latest", 2, "same");
        CHECK(usage_of_first().images[0].reclaimable == 0);
        CHECK(usage_of_first().images[0].shared == 0);
        add_image(state, "two:latest", 1, "base");
        CHECK(usage_of_first().images[0].reclaimable == 200);
        CHECK(usage_of_first().images[0].shared == 1000);
    }
}

} // namespace thinsnap::test
