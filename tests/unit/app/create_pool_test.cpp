#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <thinsnap/error.hpp>

#include "app/pool_directory.hpp"
#include "base/fd.hpp"
#include "io/file_device.hpp"
#include "thin/superblock.hpp"

#include "support/temp_dir.hpp"

namespace thinsnap::test {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMiB = 1U << 20U;

Errc kind_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const Error& error) {
        CAPTURE(error.what());
        return error.kind();
    }
    return Errc::internal;
}

std::uint64_t allocated_bytes(const fs::path& path) {
    struct stat st {};
    REQUIRE(::stat(path.c_str(), &st) == 0);
    return static_cast<std::uint64_t>(st.st_blocks) * 512;
}

} // namespace

TEST_SUITE("app.create_pool") {
    TEST_CASE("a new pool has allocated metadata and a sparse data file") {
        const TempDir dir;
        const fs::path pool = dir / "a/b/pool";
        const app::CreatedPool made =
            app::create_pool(pool, {.data_bytes = 100 * kMiB + 1, .chunk_size = 128U << 10U});
        CHECK(made.data_bytes == 100 * kMiB);
        CHECK(made.metadata_bytes == 2 * kMiB);
        CHECK(fs::file_size(pool / "metadata") == 2 * kMiB);
        CHECK(allocated_bytes(pool / "metadata") >= 2 * kMiB);
        CHECK(fs::file_size(pool / "data") == 100 * kMiB);
        CHECK(allocated_bytes(pool / "data") == 0);
        CHECK(fs::exists(pool / "thinsnap.toml"));
        CHECK((fs::status(pool / "metadata").permissions() & fs::perms::others_all) ==
              fs::perms::none);

        io::FileDevice metadata((pool / "metadata").string(), {.read_only = true});
        const thin::Superblock superblock = thin::read_superblock(metadata);
        CHECK(to_string(superblock.uuid) == made.uuid);
        CHECK(superblock.chunk_size() == 128U << 10U);
        CHECK(superblock.data_space_map.nr_blocks == 800);
    }

    TEST_CASE("sizes that make no pool are refused and leave nothing") {
        const TempDir dir;
        const fs::path pool = dir / "pool";
        const auto refused = [&](const app::CreatePool& options) {
            CHECK(kind_of([&] { app::create_pool(pool, options); }) == Errc::invalid_argument);
            CHECK_FALSE(fs::exists(pool));
        };
        refused({.data_bytes = 0});
        refused({.data_bytes = 65535});
        refused({.data_bytes = kMiB, .chunk_size = 0});
        refused({.data_bytes = kMiB, .chunk_size = 96U << 10U});
        refused({.data_bytes = kMiB, .chunk_size = 32U << 10U});
        refused({.data_bytes = 1U << 31U, .chunk_size = 1U << 31U});
        refused({.data_bytes = kMiB, .metadata_bytes = kMiB});
        refused({.data_bytes = kMiB, .metadata_bytes = 0});
    }

    TEST_CASE("what was there before is never touched") {
        const TempDir dir;
        const fs::path pool = dir / "pool";
        fs::create_directory(pool);
        SUBCASE("a pool") {
            app::create_pool(pool, {.data_bytes = kMiB});
            const auto before = fs::last_write_time(pool / "metadata");
            CHECK(kind_of([&] { app::create_pool(pool, {.data_bytes = kMiB}); }) ==
                  Errc::already_exists);
            CHECK(fs::last_write_time(pool / "metadata") == before);
        }
        SUBCASE("a data file") {
            std::ofstream(pool / "data") << "precious";
            CHECK(kind_of([&] { app::create_pool(pool, {.data_bytes = kMiB}); }) ==
                  Errc::already_exists);
            CHECK(read_text_file((pool / "data").string()) == "precious");
            CHECK_FALSE(fs::exists(pool / "metadata"));
            CHECK_FALSE(fs::exists(pool / "lock"));
        }
        SUBCASE("a configuration that names the data") {
            std::ofstream(pool / "thinsnap.toml") << "[pool]\ndata = \"elsewhere\"\n";
            const app::CreatedPool made = app::create_pool(pool, {.data_bytes = kMiB});
            CHECK(made.paths.data == pool / "elsewhere");
            CHECK(fs::file_size(pool / "elsewhere") == kMiB);
            CHECK(read_text_file((pool / "thinsnap.toml").string()) ==
                  "[pool]\ndata = \"elsewhere\"\n");
        }
        SUBCASE("a configuration that the option would contradict") {
            std::ofstream(pool / "thinsnap.toml") << "";
            CHECK(kind_of([&] {
                      app::create_pool(pool,
                                       {.data_bytes = kMiB, .data = (dir / "other").string()});
                  }) == Errc::already_exists);
            CHECK_FALSE(fs::exists(dir / "other"));
        }
    }

    TEST_CASE("a data file elsewhere is recorded") {
        const TempDir dir;
        const fs::path pool = dir / "pool";
        app::create_pool(pool, {.data_bytes = kMiB, .data = (dir / "chunks").string()});
        CHECK(fs::file_size(dir / "chunks") == kMiB);
        CHECK_FALSE(fs::exists(pool / "data"));
        CHECK(app::read_pool_config((pool / "thinsnap.toml").string()).data ==
              (dir / "chunks").string());
    }

    TEST_CASE("metadata that a crash left half made is replaced") {
        const TempDir dir;
        const fs::path pool = dir / "pool";
        fs::create_directory(pool);
        std::ofstream(pool / "metadata.new") << "half";
        app::create_pool(pool, {.data_bytes = kMiB});
        CHECK_FALSE(fs::exists(pool / "metadata.new"));
        CHECK(fs::exists(pool / "metadata"));
    }
}

} // namespace thinsnap::test
