#include "app/pool_config.hpp"

#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "support/temp_dir.hpp"

namespace thinsnap::test {

namespace {

std::string error_of(const std::string& text) {
    try {
        (void)app::parse_pool_config(text, "conf");
    } catch (const Error& error) {
        CHECK(error.kind() == Errc::invalid_argument);
        return error.what();
    }
    return "no error";
}

} // namespace

TEST_SUITE("app.pool_config") {
    TEST_CASE("an empty configuration has the defaults") {
        const app::PoolConfig config = app::parse_pool_config("# nothing\n", "conf");
        const engine::EngineOptions defaults;
        CHECK(config.data.empty());
        CHECK(config.engine.metadata_cache == defaults.metadata_cache);
        CHECK(config.engine.mapping_cache == defaults.mapping_cache);
        CHECK(config.engine.no_space_wait == defaults.no_space_wait);
        CHECK(config.engine.low_water == defaults.low_water);
        CHECK(config.engine.reserve == defaults.reserve);
    }

    TEST_CASE("every key is read in its unit") {
        const app::PoolConfig config = app::parse_pool_config(R"(
[pool]
data = "/dev/sdz"
[cache]
metadata = "128M"
mappings = 1048576
[space]
no-space-wait = 2.5
low-water = 20
reserve = 0.5
)",
                                                              "conf");
        CHECK(config.data == "/dev/sdz");
        CHECK(config.engine.metadata_cache == std::size_t{128} << 20U);
        CHECK(config.engine.mapping_cache == std::size_t{1} << 20U);
        CHECK(config.engine.no_space_wait == std::chrono::milliseconds(2500));
        CHECK(config.engine.low_water == doctest::Approx(0.2));
        CHECK(config.engine.reserve == doctest::Approx(0.005));
    }

    TEST_CASE("an error names the file and the line and the key") {
        CHECK(error_of("[pool]\n\ndatum = 1\n") ==
              "conf:3: pool.datum: no such key, see thinsnap.conf(5)");
        CHECK(error_of("[cash]\n") == "conf:1: cash: no such table, see thinsnap.conf(5)");
        CHECK(error_of("cache = 1\n") == "conf:1: cache: a table is expected");
        CHECK(error_of("[pool]\ndata = 1\n") == "conf:2: pool.data: a text in quotes is expected");
        CHECK(error_of("[pool]\ndata = \"\"\n") == "conf:2: pool.data: a path is expected");
        CHECK(error_of("[cache]\nmetadata = true\n").starts_with("conf:2: cache.metadata: a size"));
        CHECK(error_of("[cache]\nmetadata = -1\n") ==
              "conf:2: cache.metadata: a size cannot be negative");
        CHECK(error_of("[cache]\nmetadata = \"64X\"\n").starts_with("conf:2: cache.metadata"));
        CHECK(error_of("[cache]\nmetadata = \"2T\"\n") ==
              "conf:2: cache.metadata: more than 1 TiB");
        CHECK(error_of("[space]\nlow-water = 101\n") ==
              "conf:2: space.low-water: a number from 0 to 100 is expected");
        CHECK(error_of("[space]\nreserve = nan\n") ==
              "conf:2: space.reserve: a number from 0 to 100 is expected");
        CHECK(error_of("[space]\nno-space-wait = \"1\"\n") ==
              "conf:2: space.no-space-wait: a number is expected");
        CHECK(error_of("\n[pool\n").starts_with("conf:2: "));
    }

    TEST_CASE("what is rendered is read back whatever the path") {
        for (const std::string path : {"/a b/\"c\"\\d", "relative", "/\xc3\xa9"})
            CHECK(app::parse_pool_config(app::render_pool_config(path), "conf").data == path);
        CHECK(app::parse_pool_config(app::render_pool_config(""), "conf").data.empty());
    }

    TEST_CASE("a missing file has the defaults and a directory is an error") {
        const TempDir dir;
        CHECK(app::read_pool_config((dir / "none").string()).data.empty());
        CHECK_THROWS_AS((void)app::read_pool_config(dir.path().string()), Error);
    }
}

} // namespace thinsnap::test
