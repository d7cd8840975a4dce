#include "snapshotter/commit.hpp"

#include <memory>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "base/fd.hpp"
#include "ext4/file_system.hpp"
#include "journal/reader.hpp"
#include "snapshotter/container_files.hpp"
#include "snapshotter/containers.hpp"
#include "snapshotter/copy.hpp"
#include "snapshotter/difference.hpp"
#include "snapshotter/digest_sink.hpp"
#include "snapshotter/store.hpp"

#include "support/content.hpp"
#include "support/embedded_pool_harness.hpp"
#include "support/journal_samples.hpp"
#include "support/temp_dir.hpp"
#include "support/volatile_directory.hpp"

namespace thinsnap::test {

using journal::Stage;
using journal::State;

namespace {

const journal::Layer* only_layer(const State& state) {
    return state.layers().empty() ? nullptr : &state.layers().begin()->second;
}

} // namespace

TEST_SUITE("snapshotter.commit") {
    TEST_CASE("a layer's digest and size are recorded when its content is still and not before") {
        EmbeddedPoolHarness<4096> harness;
        PowerSupply power;
        VolatileDirectory directory(power);
        const TempDir files;
        replace_text_file((files / "before").string(), "as it was when it was frozen");
        replace_text_file((files / "after").string(), "written while the digest was made");
        const auto store = snapshotter::open_store(harness.pool(), directory);
        bool is_frozen = false;
        bool has_gone_on = false;
        snapshotter::Context context{.store = *store,
                                     .pool = harness.pool(),
                                     .work_directory = files.path(),
                                     .now = [] { return at_second(5); },
                                     .check_interrupt = [] {}};
        const auto copy = [&](const char* name) {
            snapshotter::DeviceFiles container(
                harness.pool(),
                store->read([](const State& s) { return s.find_container("web")->device; }),
                ext4::FileSystemAccess::read_write);
            (void)snapshotter::copy_in(container.files(), (files / name).string(), "/", [] {});
            container.files().flush();
        };
        (void)snapshotter::create_container(context, {.name = "web", .size = 1U << 30U});
        copy("before");
        context.check_interrupt = [&] { // called while the digest is made
            if (has_gone_on)
                return;
            has_gone_on = true;
            const auto recorded = journal::read_journal(directory);
            const journal::Layer* layer = only_layer(recorded->state);
            REQUIRE(layer != nullptr);
            is_frozen = layer->stage == Stage::preparing && !layer->chain_id && !layer->diff_id &&
                        layer->size == 0;
            copy("after");
        };
        const auto image = snapshotter::commit_container(context, {.container = "web"});
        CHECK(is_frozen);
        snapshotter::DigestSink sink;
        snapshotter::Difference(harness.pool(), std::nullopt, image.layer, [] {}).write_tar(sink);
        CHECK(sink.finish().digest == image.diff_id);
        const snapshotter::DeviceFiles layer(
            harness.pool(), image.layer, ext4::FileSystemAccess::read_only);
        CHECK(layer.files().find(layer.files().root(), "before").has_value());
        CHECK_FALSE(layer.files().find(layer.files().root(), "after").has_value());
    }
}

} // namespace thinsnap::test
