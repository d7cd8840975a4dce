#include "snapshotter/containers.hpp"

#include <utility>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "ext4/layout.hpp"
#include "snapshotter/commit.hpp"
#include "snapshotter/copy.hpp"
#include "snapshotter/difference.hpp"

#include "unit/snapshotter/pool_rig.hpp"

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30U;

/// A pool with the image demo:1 and the container "c" of it.
struct ContainerRig : PoolRig {
    ContainerRig() {
        import({image_of("demo:1", {layer_with("file", "old")})});
        snapshotter::create_container(context, {.name = "c", .image = "demo:1"});
    }
    /// Puts a file into "c".
    void put(const std::string& text, const std::string& path) {
        write_file(dir / "put", to_bytes(text));
        snapshotter::copy_into_container(context, "c", (dir / "put").string(), path);
    }
    [[nodiscard]] std::string changes() {
        const auto container =
            store->read([](const journal::State& state) { return *state.find_container("c"); });
        const snapshotter::Difference difference(
            harness.pool(), container.parent, container.device, {});
        std::string text;
        for (const layer::Change& change : difference.changes())
            if (change.kind != layer::ChangeKind::included)
                text += layer::change_letter(change.kind) + (" " + change.path) + "\n";
        return text;
    }
};

} // namespace

TEST_SUITE("snapshotter.containers") {
    TEST_CASE("a container is as large as its image or larger but never smaller") {
        ContainerRig rig;
        const auto larger = snapshotter::create_container(
            rig.context, {.name = "larger", .image = "demo:1", .size = 20 * kGiB});
        CHECK(larger.virtual_size == 20 * kGiB);
        CHECK(rig.content("larger", "/file") == "old");
        CHECK_THROWS_WITH_AS(snapshotter::create_container(
                                 rig.context, {.name = "smaller", .image = "demo:1", .size = kGiB}),
                             doctest::Contains("less than"),
                             Error);
        CHECK(rig.devices() == 3);
    }

    TEST_CASE("a name that is taken or no name makes nothing") {
        ContainerRig rig;
        CHECK_THROWS_WITH_AS(
            snapshotter::create_container(rig.context, {.name = "c", .image = "demo:1"}),
            doctest::Contains("there is a container c already"),
            Error);
        CHECK_THROWS_AS(
            snapshotter::create_container(rig.context, {.name = "a/b", .image = "demo:1"}), Error);
        CHECK_THROWS_AS(snapshotter::create_container(rig.context, {.name = "d", .image = "nix:1"}),
                        Error);
        CHECK(rig.devices() == 2);
    }

    TEST_CASE("containers are removed all or none and their layers stay") {
        ContainerRig rig;
        CHECK_THROWS_AS(snapshotter::remove_containers(rig.context, {"c", "nix"}), Error);
        CHECK(rig.devices() == 2);
        CHECK(snapshotter::remove_containers(rig.context, {"c"}).names ==
              std::vector<std::string>{"c"});
        CHECK(rig.devices() == 1);
        CHECK(rig.layers() == 1);
    }

    TEST_CASE("what is copied into one container is in no other") {
        ContainerRig rig;
        snapshotter::create_container(rig.context, {.name = "other", .image = "demo:1"});
        rig.put("new", "/file");
        CHECK(rig.content("c", "/file") == "new");
        CHECK(rig.content("other", "/file") == "old");
        CHECK(rig.changes() == "C /file\n");
    }

    TEST_CASE("a copy into a container that is interrupted leaves it as it was") {
        ContainerRig rig;
        rig.put("first", "/a");
        std::size_t calls = 0;
        rig.interrupt = [&calls] { ++calls; };
        rig.put("second", "/a");
        const std::size_t all = calls;
        REQUIRE(all > 0);
        for (std::size_t at = 1; at <= all; ++at) {
            calls = 0;
            rig.interrupt = [&calls, at] {
                if (++calls == at)
                    throw 42;
            };
            CHECK_THROWS_AS(rig.put("third", "/a"), int);
            rig.interrupt = {};
            CHECK(rig.content("c", "/a") == "second");
        }
    }

    TEST_CASE("a large copy that is interrupted leaves the container and its space as they were") {
        ContainerRig rig;
        rig.put("old", "/a");
        std::filesystem::create_directory(rig.dir / "tree");
        for (int i = 0; i < 20; ++i)
            write_file(rig.dir / "tree" / std::to_string(i), Bytes(1U << 20U, std::byte{7}));
        const auto copy_tree = [&] {
            snapshotter::copy_into_container(rig.context, "c", (rig.dir / "tree").string(), "/");
        };
        const auto before = rig.used_chunks();
        std::size_t calls = 0;
        rig.interrupt = [&calls] {
            if (++calls == 15)
                throw 42;
        };
        CHECK_THROWS_AS(copy_tree(), int);
        CHECK(rig.used_chunks() == before);
        CHECK(rig.changes() == "A /a\n");
        rig.interrupt = {};
        copy_tree();
        CHECK(rig.used_chunks() >= before + 20 * 16);
        CHECK(rig.content("c", "/a") == "old");
        CHECK(rig.content("c", "/tree/19").size() == 1U << 20U);
    }

    TEST_CASE("of two who change a container at once the second begins again") {
        ContainerRig rig;
        bool nested = false;
        rig.interrupt = [&] {
            if (!std::exchange(nested, true))
                rig.put("inner", "/inner");
        };
        CHECK_THROWS_WITH_AS(
            rig.put("outer", "/outer"), doctest::Contains("changed by somebody else"), Error);
        CHECK(rig.changes() == "A /inner\n");
        CHECK(rig.devices() == 2);
    }

    TEST_CASE("a container grows with its file system and never shrinks") {
        ContainerRig rig;
        rig.put("kept", "/a");
        const auto grown = snapshotter::resize_container(rig.context, "c", 20 * kGiB);
        CHECK(grown.virtual_size == 20 * kGiB);
        CHECK(rig.content("c", "/a") == "kept");
        CHECK(rig.changes() == "A /a\n");
        CHECK(rig.devices() == 2);
        CHECK_THROWS_WITH_AS(snapshotter::resize_container(rig.context, "c", 10 * kGiB),
                             doctest::Contains("cannot shrink"),
                             Error);
        CHECK_THROWS_AS(snapshotter::resize_container(rig.context, "nix", 20 * kGiB), Error);
    }

    TEST_CASE("what is mounted is held still for the snapshot and no longer") {
        ContainerRig rig;
        struct Held final : snapshotter::Stillness {
            explicit Held(bool& h)
                : held(h) {
                held = true;
            }
            ~Held() override { held = false; }
            void end() override { held = false; }
            bool& held;
        };
        bool held = false;
        std::vector<DeviceId> asked;
        rig.context.freeze = [&](DeviceId device) {
            asked.push_back(device);
            return std::make_unique<Held>(held);
        };
        rig.interrupt = [&held] { CHECK_FALSE(held); };
        const DeviceId device = rig.store->read(
            [](const journal::State& state) { return state.find_container("c")->device; });
        snapshotter::commit_container(rig.context, {.container = "c"});
        CHECK(asked == std::vector{device});
        CHECK_FALSE(held);
    }

    TEST_CASE("what did not hold still for all of its snapshot is no layer") {
        ContainerRig rig;
        struct Slipped final : snapshotter::Stillness {
            void end() override { throw Error(Errc::busy, "it went on"); }
        };
        rig.context.freeze = [](DeviceId) { return std::make_unique<Slipped>(); };
        CHECK_THROWS_WITH_AS(
            snapshotter::commit_container(rig.context, {.container = "c"}), "it went on", Error);
        CHECK(rig.devices() == 2);
        CHECK(rig.layers() == 1);
    }

    TEST_CASE("the root is copied to a directory that is there or is made") {
        ContainerRig rig;
        const auto copy_root = [&rig](const std::string& target) {
            const auto device = rig.store->read(
                [](const journal::State& state) { return state.find_container("c")->device; });
            const snapshotter::DeviceFiles opened(
                rig.harness.pool(), device, ext4::FileSystemAccess::read_only);
            snapshotter::copy_out(opened.files(), "/", target, {});
        };
        std::filesystem::create_directory(rig.dir / "there");
        copy_root((rig.dir / "there").string());
        CHECK(std::filesystem::is_regular_file(rig.dir / "there" / "file"));
        copy_root((rig.dir / "made").string());
        CHECK(std::filesystem::is_regular_file(rig.dir / "made" / "file"));
    }
}

TEST_SUITE("snapshotter.commit") {
    TEST_CASE("a commit keeps what the container held and the container goes on") {
        ContainerRig rig;
        rig.put("one", "/file");
        const auto image = snapshotter::commit_container(
            rig.context, {.container = "c", .image = "next", .comment = "why"});
        CHECK(image.name == "next:latest");
        CHECK(image.size > 0);
        rig.put("two", "/file");
        snapshotter::create_container(rig.context, {.name = "d", .image = "next"});
        CHECK(rig.content("d", "/file") == "one");
        CHECK(rig.content("c", "/file") == "two");
        CHECK(rig.changes() == "C /file\n");
    }

    TEST_CASE("a commit that fails leaves no layer behind") {
        ContainerRig rig;
        rig.put("one", "/file");
        const auto before = rig.used_chunks();
        rig.interrupt = [] { throw 42; };
        CHECK_THROWS_AS(snapshotter::commit_container(rig.context, {.container = "c"}), int);
        CHECK(rig.devices() == 2);
        CHECK(rig.layers() == 1);
        CHECK(rig.used_chunks() == before);
    }

    TEST_CASE("a container of nothing becomes an image of one layer") {
        PoolRig rig;
        snapshotter::create_container(rig.context, {.name = "c", .size = kGiB});
        const auto image =
            snapshotter::commit_container(rig.context, {.container = "c", .image = "empty"});
        rig.store->read([&](const journal::State& state) {
            CHECK(state.find_image("empty:latest")->diff_ids == std::vector{image.diff_id});
        });
    }
}

} // namespace thinsnap::test
