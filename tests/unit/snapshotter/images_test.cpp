#include "snapshotter/images.hpp"

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "snapshotter/containers.hpp"

#include "unit/snapshotter/pool_rig.hpp"

namespace thinsnap::test {

using snapshotter::InUse;

namespace {

const std::string kDemo = "demo:1";

Bytes base() {
    return layer_with("base", "of all");
}

} // namespace

TEST_SUITE("snapshotter.images") {
    TEST_CASE("a prune that finds nothing changes nothing and is no error") {
        PoolRig rig;
        rig.import({image_of(kDemo, {base()})});
        const auto before = rig.directory.image();
        const auto removed = snapshotter::prune_layers(rig.context);
        CHECK(removed.layers == 0);
        CHECK(removed.bytes == 0);
        CHECK(rig.directory.image() == before);
        CHECK(rig.layers() == 1);
    }

    TEST_CASE("an image goes with the layers that only it needs") {
        PoolRig rig;
        rig.import({image_of(kDemo, {base(), layer_with("one", "1")}),
                    image_of("other:1", {base(), layer_with("two", "2")})});
        CHECK(rig.layers() == 3);
        const auto removed = snapshotter::remove_images(rig.context, {kDemo}, InUse::refuse);
        CHECK(removed.names == std::vector<std::string>{kDemo});
        CHECK(removed.layers == 1);
        CHECK(removed.bytes > 0);
        CHECK(rig.devices() == 2);
        CHECK(snapshotter::remove_images(rig.context, {"other:1"}, InUse::refuse).layers == 2);
        CHECK(rig.devices() == 0);
        CHECK(rig.used_chunks() == 0);
    }

    TEST_CASE("the last name of an image in use goes only when it is asked for") {
        PoolRig rig;
        rig.import({image_of(kDemo, {base()})});
        snapshotter::create_container(rig.context, {.name = "c", .image = kDemo});
        CHECK_THROWS_WITH_AS(snapshotter::remove_images(rig.context, {kDemo}, InUse::refuse),
                             doctest::Contains("the container c was made from the image demo:1"),
                             Error);
        CHECK(rig.has_image(kDemo));
        CHECK(snapshotter::remove_images(rig.context, {kDemo}, InUse::allow).layers == 0);
        CHECK(rig.content("c", "/base") == "of all");
        snapshotter::remove_containers(rig.context, {"c"});
        CHECK(snapshotter::prune_layers(rig.context).layers == 1);
        CHECK(rig.used_chunks() == 0);
    }

    TEST_CASE("one of two names can go while a container is there") {
        PoolRig rig;
        rig.import({image_of(kDemo, {base()})});
        snapshotter::tag_image(rig.context, kDemo, "second");
        snapshotter::create_container(rig.context, {.name = "c", .image = kDemo});
        CHECK(snapshotter::remove_images(rig.context, {kDemo}, InUse::refuse).layers == 0);
        CHECK(rig.has_image("second:latest"));
    }

    TEST_CASE("several images go all or none") {
        PoolRig rig;
        rig.import({image_of(kDemo, {base()})});
        CHECK_THROWS_AS(snapshotter::remove_images(rig.context, {kDemo, "nix:1"}, InUse::refuse),
                        Error);
        CHECK(rig.has_image(kDemo));
        CHECK(rig.layers() == 1);
    }

    TEST_CASE("a name that another image had moves over") {
        PoolRig rig;
        rig.import({image_of(kDemo, {base()}), image_of("other:1", {layer_with("two", "2")})});
        snapshotter::tag_image(rig.context, "other:1", kDemo);
        snapshotter::create_container(rig.context, {.name = "c", .image = kDemo});
        CHECK(rig.content("c", "/two") == "2");
    }

    TEST_CASE("an image is found by the beginning of its digest if that is enough") {
        PoolRig rig;
        const auto made =
            rig.import({image_of(kDemo, {base()}), image_of("other:1", {layer_with("two", "2")})});
        const std::string digest = made[0].id.to_string();
        rig.store->read([&](const journal::State& state) {
            CHECK(snapshotter::get_image(state, digest.substr(0, 20)).name == kDemo);
            CHECK(snapshotter::get_image(state, digest.substr(7, 12)).name == kDemo);
            CHECK_THROWS_WITH_AS(
                static_cast<void>(snapshotter::get_image(state, digest.substr(7, 3))),
                doctest::Contains("there is no image"),
                Error);
        });
    }
}

} // namespace thinsnap::test
