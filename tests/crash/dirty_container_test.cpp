#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "ext4/file_system.hpp"
#include "ext4/layout.hpp"
#include "ext4/tree_writer.hpp"
#include "snapshotter/commit.hpp"
#include "snapshotter/container_files.hpp"
#include "snapshotter/containers.hpp"
#include "snapshotter/copy.hpp"
#include "snapshotter/difference.hpp"
#include "snapshotter/new_layer.hpp"

#include "support/ext4_image.hpp"
#include "support/log_writer.hpp"
#include "support/random.hpp"
#include "support/sparse_device.hpp"
#include "support/temp_dir.hpp"

#include "crash/store_world.hpp"

// Containers that were mounted when they were last written: what changes them or makes layers of
// them is to replay their journal first, whenever the power goes off.

namespace thinsnap::test {

namespace {

using ext4::FileSystem;
using ext4::FileSystemAccess;
using ext4::FileType;
using snapshotter::Context;
using snapshotter::DeviceFiles;

using Copy = std::function<void(Context&, const std::string& source)>;

Context context_of(StoreWorld& world) {
    return {.store = world.store(),
            .pool = world.pool(),
            .work_directory = {},
            .now = [] { return journal::Time{}; },
            .check_interrupt = {}};
}

journal::Container container_of(StoreWorld& world) {
    return world.store().read(
        [](const journal::State& state) { return snapshotter::get_container(state, "web"); });
}

/// Names and contents of files in the root.
std::map<std::string, std::string> files_of(const FileSystem& fs) {
    std::map<std::string, std::string> files;
    fs.for_each_in_tree(fs.root(), [&](const ext4::TreeEntry& entry) {
        std::string& text = files[std::string(entry.path)];
        text.resize(entry.inode.size);
        (void)fs.read(entry.inode.number, 0, std::as_writable_bytes(std::span(text)));
    });
    return files;
}

const std::map<std::string, std::string> kBefore = {{"base", "base"}, {"journaled", "journaled"}};
const std::map<std::string, std::string> kAfter = {
    {"base", "base"}, {"copied", std::string(9000, 'c')}, {"journaled", "journaled"}};

void add_file(BlockDevice& device, const std::string& name) {
    FileSystem fs(device, FileSystemAccess::read_write);
    ext4::TreeWriter writer(fs);
    const auto file = writer.create(fs.root(), name, {FileType::regular, {0644, 0, 0, {}}});
    auto content = writer.open_content(file);
    content.write(0, std::as_bytes(std::span(name)));
    content.close(name.size());
    writer.finish();
    fs.flush();
}

/// A pool with a container of which a file stands in the journal alone.
StoreImages dirty_container() {
    StoreWorld world(empty_store());
    world.open();
    Context context = context_of(world);
    snapshotter::create_container(context, {.name = "web", .size = ext4::kMinSize});
    {
        const auto device = world.pool().open_device(container_of(world).device, {});
        add_file(*device, "base");
        SparseDevice changed(ext4::kMinSize);
        std::vector<std::byte> chunk(64U << 10U);
        for (std::uint64_t at = 0; at < ext4::kMinSize; at += chunk.size()) {
            device->read(at, chunk);
            changed.write(at, chunk);
        }
        add_file(changed, "journaled");
        write_to_journal(*device, changed);
        device->flush();
    }
    world.kill();
    return world.after_cut({});
}

/// \return what is wrong
std::string judge_copy(const StoreImages& images, bool is_done) {
    StoreWorld world(images);
    try {
        world.open();
        const DeviceFiles device(
            world.pool(), container_of(world).device, FileSystemAccess::read_only);
        const auto files = files_of(device.files());
        if (files == kAfter || (files == kBefore && !is_done))
            return {};
        return fmt::format("{} files, or with other content", files.size());
    } catch (const Error& error) {
        return error.what();
    }
}

/// \return what is wrong after a cut, for each in which something is
std::vector<std::string> cut_everywhere(const Copy& copy) {
    const StoreImages start = dirty_container();
    const TempDir directory;
    std::ofstream(directory / "copied") << std::string(9000, 'c');
    const std::uint64_t seed = test_seed();
    std::vector<std::string> wrong;
    bool is_done = false;
    std::uint64_t cut = 0;
    while (!is_done) {
        StoreWorld world(start);
        world.power().cut_during(++cut);
        try {
            world.open();
            Context context = context_of(world);
            copy(context, directory / "copied");
            is_done = !world.power().is_off();
        } catch (const PowerCut&) {
        } catch (const Error&) { // of a change that the power cut broke off
            if (!world.power().is_off())
                throw;
        }
        if (is_done)
            world.power().cut_now();
        for (const Survivors& survivors :
             choose_survivors(world.unflushed().size(), 3, long_run() ? 12 : 2, mix(seed, cut))) {
            const std::string text = judge_copy(world.after_cut(survivors), is_done);
            if (!text.empty())
                wrong.push_back(fmt::format("cut {}, {}: {}", cut, survivors.text(), text));
        }
    }
    CHECK(cut > 20);
    return wrong;
}

} // namespace

TEST_SUITE("crash.dirty_container") {
    TEST_CASE("a power cut while files are copied in leaves all of them or none") {
        const auto wrong = cut_everywhere([](Context& context, const std::string& source) {
            snapshotter::copy_into_container(context, "web", source, "/");
        });
        for (const std::string& text : wrong)
            FAIL_CHECK(text);
    }

    TEST_CASE("a journal that is replayed when the copy has begun is noticed") {
        const auto wrong = cut_everywhere([](Context& context, const std::string& source) {
            const auto target = context.store.read([](const journal::State& state) {
                return snapshotter::get_container(state, "web");
            });
            const auto guard = snapshotter::NewLayer::frozen(context, target);
            DeviceFiles device(context.pool, target.device, FileSystemAccess::read_write);
            snapshotter::copy_in(device.files(), source, "/", {});
            device.files().flush();
            device.device().flush();
        });
        CHECK_FALSE(wrong.empty());
    }

    TEST_CASE("a layer made of it holds in place what its journal says") {
        StoreWorld world(dirty_container());
        world.open();
        Context context = context_of(world);
        const auto image =
            snapshotter::commit_container(context, {.container = "web", .image = "made"});
        const auto device = world.pool().open_device(image.layer, {.read_only = true});
        const FileSystem layer(*device, FileSystemAccess::read_only);
        CHECK(layer.replayed().empty());
        CHECK((files_of(layer) == kBefore));
        ImageFile dump(ext4::kMinSize);
        std::vector<std::byte> chunk(ImageFile::kChunk);
        for (std::uint64_t at = 0; at < dump.size(); at += chunk.size()) {
            device->read(at, chunk);
            dump.write(at, chunk);
        }
        CHECK(complaints_of_e2fsck(dump) == "");
        const DeviceFiles container(
            world.pool(), container_of(world).device, FileSystemAccess::read_only);
        CHECK_FALSE(container.files().replayed().empty());
        CHECK((files_of(container.files()) == kBefore));
        CHECK(snapshotter::Difference(world.pool(), image.layer, container_of(world).device, [] {})
                  .changes()
                  .empty());
    }
}

} // namespace thinsnap::test
