#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "unit/snapshotter/pool_rig.hpp"

namespace thinsnap::test {

namespace {

/// Every type, attributes of all sizes, and a directory that needs an index.
Bytes first_layer() {
    TarBuilder tar;
    tar.directory("bin").directory("etc", 0700).directory("many");
    tar.add({.name = "bin/tool", .content = std::string(300'000, 'x'), .mode = 04755, .uid = 1});
    tar.hard_link("bin/same", "bin/tool");
    tar.symlink("etc/short", "../bin/tool");
    tar.symlink("etc/long", std::string(200, 'l'));
    tar.add({.name = "etc/null", .type = '3', .mode = 0666, .major = 1, .minor = 3});
    tar.add({.name = "etc/disk", .type = '4', .mode = 0600, .major = 259, .minor = 300'000});
    tar.add({.name = "etc/pipe", .type = '6'});
    tar.add({.name = "etc/marked",
             .content = "content",
             .pax = {{"mtime", "-1.5"},
                     {"uid", "3000000000"},
                     {"SCHILY.xattr.user.small", "value"},
                     {"SCHILY.xattr.user.block", std::string(2000, 'b')},
                     {"SCHILY.xattr.user.large", std::string(20'000, 'v')}}});
    for (int i = 0; i < 2000; ++i)
        tar.file(fmt::format("many/name-{:05}", i), fmt::format("{}", i));
    return tar.finished_bytes();
}

/// Deletes, replaces, adds, and changes what is only said of a file.
Bytes second_layer() {
    TarBuilder tar;
    tar.file("bin/.wh.same").file("many/.wh.name-00007").file("many/name-new", "new");
    tar.directory("etc/short").file("etc/short/file", "was a link");
    tar.add({.name = "bin/", .type = '5', .mode = 0711, .mtime = 5'000'000'000});
    return tar.finished_bytes();
}

/// Of all chunks that are mapped, with where they are.
std::string digest_of(PoolRig& rig, DeviceId id) {
    Sha256 sum;
    ThinPool& pool = rig.harness.pool();
    const auto device = pool.open_device(id, {.read_only = true});
    Bytes chunk(pool.chunk_size());
    pool.read_view()->for_each_mapping(id, VirtualChunk(0), [&](const MappedRun& run) {
        for (std::uint64_t i = 0; i < run.length; ++i) {
            const std::uint64_t at = run.begin.value() + i;
            device->read(at * chunk.size(), chunk);
            sum.update(std::as_bytes(std::span(&at, 1)));
            sum.update(chunk);
        }
        return true;
    });
    return sum.finish().hex();
}

} // namespace

TEST_SUITE("snapshotter.golden") {
    // Layers are compared and sent between hosts by their bytes. Another digest here means another
    // layout version: see thinsnap-design(7).
    TEST_CASE("an image is the same bytes as ever") {
        PoolRig rig;
        const auto made = rig.import({image_of("golden:1", {first_layer(), second_layer()})});
        CHECK(made[0].layers[0].diff_id == Digest::of(first_layer()));
        CHECK(digest_of(rig, made[0].layers[0].device) ==
              "a9feb32c1807d56659f7e8cb2d759a3f58fb154c5e46610478f05e984b71b332");
        CHECK(digest_of(rig, made[0].layers[1].device) ==
              "1325016e74413a9ed4f31aea6c2d4f44a4d22c5f432287661bf79aca0dfab341");
    }
}

} // namespace thinsnap::test
