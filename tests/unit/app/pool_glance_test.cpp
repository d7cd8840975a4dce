#include "app/pool_glance.hpp"

#include <fstream>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "app/pool_directory.hpp"

#include "support/temp_dir.hpp"

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kMiB = 1U << 20U;

} // namespace

TEST_SUITE("app.pool_glance") {
    TEST_CASE("a glance tells what the pool tells") {
        const TempDir dir;
        const auto made = app::create_pool(dir.path(), {.data_bytes = 64 * kMiB});
        const auto seen = app::glance_at_pool(dir.path());
        REQUIRE(seen);
        CHECK(seen->uuid == made.uuid);
        CHECK(app::warnings_of(*seen).empty());
        app::PoolHandle handle(dir.path(), {.access = app::Access::shared});
        const PoolStatus status = handle.status();
        CHECK(seen->chunk_size == status.chunk_size);
        CHECK(seen->data.total == status.data.total);
        CHECK(seen->data.used == status.data.used);
        CHECK(seen->data.low_water == status.data.low_water);
        CHECK(seen->metadata.total == status.metadata.total);
        CHECK(seen->metadata.used == status.metadata.used);
    }

    TEST_CASE("it needs no lock") {
        const TempDir dir;
        static_cast<void>(app::create_pool(dir.path(), {.data_bytes = 64 * kMiB}));
        const app::PoolHandle held(dir.path(), {});
        CHECK(app::glance_at_pool(dir.path()));
    }

    TEST_CASE("no pool and one that cannot be read are not seen") {
        const TempDir dir;
        CHECK_FALSE(app::glance_at_pool(dir.path()));
        static_cast<void>(app::create_pool(dir.path(), {.data_bytes = 64 * kMiB}));
        std::fstream(dir.path() / "metadata", std::ios::in | std::ios::out) << "damage";
        CHECK_FALSE(app::glance_at_pool(dir.path()));
    }

    TEST_CASE("a pool warns below the low-water mark and not at it") {
        app::PoolGlance pool{.chunk_size = 65536,
                             .data = {.used = 90, .total = 100, .low_water = 10},
                             .metadata = {.used = 0, .total = 100, .low_water = 10}};
        CHECK(app::warnings_of(pool).empty());
        ++pool.data.used;
        REQUIRE(app::warnings_of(pool).size() == 1);
        CHECK(app::warnings_of(pool).front().find("576.0 KiB left for data") != std::string::npos);
        pool.needs_check = true;
        CHECK(app::warnings_of(pool).size() == 2);
    }
}

} // namespace thinsnap::test
