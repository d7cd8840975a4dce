#include "snapshotter/import.hpp"

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "snapshotter/containers.hpp"

#include "unit/snapshotter/pool_rig.hpp"

namespace thinsnap::test {

namespace {

ImageSpec demo() {
    return image_of("demo:1", {layer_with("base", "of all"), layer_with("top", "of it")});
}

/// One byte of the layer's blob is another.
ImageFiles with_bad_layer(const ImageSpec& image, std::size_t layer) {
    ImageFiles files = oci_layout({image});
    const std::string digest = Digest::of(image.layers[layer].tar).to_string();
    Bytes& blob = files.at("blobs/sha256/" + digest.substr(digest.find(':') + 1));
    blob[600] ^= std::byte{1};
    return files;
}

} // namespace

TEST_SUITE("snapshotter.import") {
    TEST_CASE("a layer that is there is neither read nor made") {
        PoolRig rig;
        CHECK_FALSE(rig.import({demo()})[0].layers[0].existed);
        const auto used = rig.used_chunks();
        // its blob is no longer what it was, and nobody notices
        const auto again = snapshotter::import_images(
            rig.context, rig.source_of(with_bad_layer(demo(), 0)), {.name = "again"});
        CHECK(again[0].layers[0].existed);
        CHECK(again[0].layers[1].existed);
        CHECK(rig.used_chunks() == used);
        CHECK(rig.has_image("again:latest"));
    }

    TEST_CASE("images that share layers share devices") {
        PoolRig rig;
        const auto made = rig.import(
            {demo(), image_of("other:1", {layer_with("base", "of all"), layer_with("x", "y")})});
        CHECK(made[0].layers[0].device == made[1].layers[0].device);
        CHECK(made[0].layers[1].device != made[1].layers[1].device);
        CHECK(rig.devices() == 3);
    }

    TEST_CASE("a layer with other bytes than its digest says leaves nothing behind") {
        for (const std::size_t layer : {0U, 1U}) {
            PoolRig rig;
            CHECK_THROWS_WITH_AS(snapshotter::import_images(
                                     rig.context, rig.source_of(with_bad_layer(demo(), layer)), {}),
                                 doctest::Contains("sha256"),
                                 Error);
            CHECK(rig.devices() == 0);
            CHECK(rig.layers() == 0);
            CHECK(rig.used_chunks() == 0);
            CHECK_FALSE(rig.has_image("demo:1"));
        }
    }

    TEST_CASE("an import that fails keeps the layers that were there before") {
        PoolRig rig;
        rig.import({image_of("old:1", {layer_with("base", "of all")})});
        CHECK_THROWS_AS(
            snapshotter::import_images(rig.context, rig.source_of(with_bad_layer(demo(), 1)), {}),
            Error);
        CHECK(rig.layers() == 1);
        snapshotter::create_container(rig.context, {.name = "c", .image = "old:1"});
        CHECK(rig.content("c", "/base") == "of all");
    }

    TEST_CASE("an import can be interrupted anywhere and leaves nothing behind") {
        std::size_t all = 0;
        {
            PoolRig rig;
            rig.interrupt = [&all] { ++all; };
            rig.import({demo()});
        }
        REQUIRE(all > 0);
        for (std::size_t at = 1; at <= all; ++at) {
            PoolRig rig;
            std::size_t calls = 0;
            rig.interrupt = [&calls, at] {
                if (++calls == at)
                    throw 42;
            };
            CHECK_THROWS_AS(rig.import({demo()}), int);
            CHECK(rig.devices() == 0);
            CHECK(rig.layers() == 0);
            CHECK(rig.used_chunks() == 0);
        }
    }

    TEST_CASE("the same image is the same bytes in another pool") {
        const auto bytes_of_top = [] {
            PoolRig rig;
            // another id than in the other pool
            static std::size_t others = 0;
            for (std::size_t i = 0; i < others; ++i)
                snapshotter::create_container(rig.context, {.name = "c" + std::to_string(i)});
            ++others;
            const auto made = rig.import({demo()});
            const auto device =
                rig.harness.pool().open_device(made[0].layers[1].device, {.read_only = true});
            Bytes bytes(16U << 20U);
            device->read(0, bytes);
            return Digest::of(bytes);
        };
        const Digest first = bytes_of_top();
        CHECK(first == bytes_of_top());
    }

    TEST_CASE("one name for several images is refused before anything is made") {
        PoolRig rig;
        const auto source =
            rig.source_of(oci_layout({demo(), image_of("other:1", {layer_with("x", "y")})}));
        CHECK_THROWS_AS(snapshotter::import_images(rig.context, source, {.name = "one"}), Error);
        CHECK(rig.devices() == 0);
    }
}

} // namespace thinsnap::test
