#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "io/file_device.hpp"
#include "pdata/block_cache.hpp"
#include "thin/check.hpp"
#include "thin/dump.hpp"
#include "thin/metadata_view.hpp"
#include "thin/pool_metadata.hpp"

#include "support/random.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"
#include "support/tool.hpp"

#include "interop/pool_xml.hpp"

namespace thinsnap::test {

namespace {

bool tools_are_missing() {
    for (const char* tool : {"thin_restore", "thin_dump", "thin_check", "thin_ls", "thin_delta"})
        if (!have_tool(tool)) {
            skip(std::string(tool) + " is not installed");
            return true;
        }
    return false;
}

/// A metadata file that thin_restore filled.
class RestoredPool {
public:
    RestoredPool(const PoolShape& shape, Random& random)
        : path_(directory_ / "metadata") {
        const auto xml = directory_ / "pool.xml";
        std::ofstream(xml) << make_pool_xml(shape, random);
        std::ofstream(path_, std::ios::binary).close();
        std::filesystem::resize_file(path_, shape.metadata_blocks * pdata::kBlockSize);
        const auto run = run_tool({"thin_restore", "-q", "-i", xml, "-o", path_});
        REQUIRE_MESSAGE(run.status == 0, run.errors);
        std::filesystem::remove(xml);
    }

    [[nodiscard]] std::string path() const { return path_; }

private:
    TempDir directory_;
    std::filesystem::path path_;
};

void require_no_fault(const std::string& path, bool warnings_allowed) {
    io::FileDevice device(path, {.read_only = true, .direct = false});
    const auto result = thin::check_metadata(device, {}, [&](const thin::Finding& finding) {
        const bool is_derived =
            finding.severity == thin::Severity::warning && finding.structure.ends_with("space map");
        if (!warnings_allowed || !is_derived)
            FAIL_CHECK(thin::describe(finding));
    });
    CHECK(result.is_clean());
    const auto run = run_tool({"thin_check", "-q", path});
    CHECK_MESSAGE(run.status == 0, run.errors);
}

void require_same_dump(thin::MetadataView& view, const std::string& path) {
    std::string ours;
    thin::dump_xml(view, [&](std::string_view piece) { ours += piece; });
    const auto theirs = run_tool({"thin_dump", path});
    CHECK(theirs.status == 0);
    const auto at =
        std::mismatch(ours.begin(), ours.end(), theirs.output.begin(), theirs.output.end()).first;
    const auto length = std::min<std::ptrdiff_t>(80, ours.end() - at);
    CHECK_MESSAGE(ours == theirs.output,
                  "first difference at byte " << (at - ours.begin()) << ": "
                                              << std::string(at, at + length));
}

void require_same_usage(thin::MetadataView& view, const std::string& path) {
    std::ostringstream ours;
    view.for_each_device([&](const DeviceInfo& device) {
        const auto usage = view.usage(device.id);
        ours << device.id.value() << " " << usage.mapped_chunks << " " << usage.exclusive_chunks
             << " " << usage.shared_chunks() << "\n";
    });
    const auto run = run_tool({"thin_ls",
                               "--no-headers",
                               "-o",
                               "DEV,MAPPED_BLOCKS,EXCLUSIVE_BLOCKS,SHARED_BLOCKS",
                               path});
    CHECK(run.status == 0);
    std::string theirs = std::regex_replace(run.output, std::regex(" +"), " ");
    theirs = std::regex_replace(theirs, std::regex("^ | $", std::regex::multiline), "");
    CHECK(ours.str() == theirs);
    CHECK_FALSE(theirs.empty());
}

using Diff = std::vector<std::string>;

/// thin_delta's answer without what is the same, neighbouring runs of one kind joined.
Diff thin_delta(const std::string& path, std::uint32_t left, std::uint32_t right) {
    const auto run = run_tool(
        {"thin_delta", "--thin1", std::to_string(left), "--thin2", std::to_string(right), path});
    CHECK(run.status == 0);
    const std::regex pattern("<(left_only|right_only|different) begin=\"(\\d+)\" "
                             "length=\"(\\d+)\"/>");
    struct Run {
        std::string kind;
        std::uint64_t begin = 0;
        std::uint64_t length = 0;
    };
    std::vector<Run> runs;
    for (std::sregex_iterator i(run.output.begin(), run.output.end(), pattern), end; i != end;
         ++i) {
        const Run next{(*i)[1], std::stoull((*i)[2]), std::stoull((*i)[3])};
        if (!runs.empty() && runs.back().kind == next.kind &&
            runs.back().begin + runs.back().length == next.begin)
            runs.back().length += next.length;
        else
            runs.push_back(next);
    }
    Diff diff;
    for (const auto& each : runs)
        diff.push_back(each.kind + " " + std::to_string(each.begin) + "+" +
                       std::to_string(each.length));
    return diff;
}

void require_same_diffs(thin::MetadataView& view, const std::string& path, Random& random) {
    std::vector<std::uint32_t> ids;
    view.for_each_device([&](const DeviceInfo& device) { ids.push_back(device.id.value()); });
    for (int i = 0; i < 12; ++i) {
        const std::uint32_t left = ids[random.below(ids.size())];
        const std::uint32_t right = ids[random.below(ids.size())];
        CAPTURE(left);
        CAPTURE(right);
        Diff ours;
        view.diff(DeviceId(left), DeviceId(right), [&](const DiffRun& run) {
            ours.push_back(std::string(to_string(run.kind)) + " " +
                           std::to_string(run.begin.value()) + "+" + std::to_string(run.length));
        });
        CHECK(ours == thin_delta(path, left, right));
    }
}

/// Everything that we and the tools can both say of a pool.
void require_agreement(const std::string& path, Random& random, bool warnings_allowed) {
    require_no_fault(path, warnings_allowed);
    io::FileDevice device(path, {.read_only = true, .direct = false});
    pdata::BlockCache cache(device, 4096);
    thin::MetadataView view(cache, thin::read_superblock(device), {});
    require_same_dump(view, path);
    require_same_usage(view, path);
    require_same_diffs(view, path, random);
}

/// The engine's metadata, changed at random.
class ChangingPool {
public:
    ChangingPool(const std::string& path, Random& random)
        : device_(path, {.direct = false})
        , metadata_(device_, 4096)
        , random_(random) {
        io::FileDevice reader(path, {.read_only = true, .direct = false});
        pdata::BlockCache cache(reader, 256);
        thin::MetadataView view(cache, thin::read_superblock(reader), {});
        view.for_each_device([&](const DeviceInfo& info) { ids_.push_back(info.id); });
        next_id_ = ids_.back().value();
    }

    void change() {
        const std::uint64_t what = random_.below(100);
        if (what < 60)
            write();
        else if (what < 80)
            metadata_.unmap(any(), chunk(), VirtualChunk(1 << 20), random_.below(300));
        else if (what < 92)
            snapshot();
        else if (what < 95)
            create();
        else if (ids_.size() > 10)
            remove();
        if (random_.one_in(40))
            commit();
    }

    void commit() {
        metadata_.prepare_commit();
        metadata_.write_commit([] {}); // there is no data
        for (const auto& run : metadata_.finish_commit())
            metadata_.release_data(run);
    }

private:
    [[nodiscard]] DeviceId any() { return ids_[random_.below(ids_.size())]; }
    [[nodiscard]] VirtualChunk chunk() { return VirtualChunk(random_.below(4000)); }

    void write() {
        const DeviceId id = any();
        const VirtualChunk begin = chunk();
        const std::uint64_t length = 1 + random_.below(80);
        for (std::uint64_t i = 0; i < length; ++i) {
            const auto plan = metadata_.plan_write(id, begin + i);
            if (plan.kind != thin::WritePlan::Kind::provision &&
                plan.kind != thin::WritePlan::Kind::copy)
                continue;
            const auto room = metadata_.reserve_data(1);
            REQUIRE(room);
            (void)metadata_.map(id, begin + i, room->begin);
        }
    }
    void snapshot() {
        const DeviceId origin = any();
        ids_.push_back(new_id());
        metadata_.create_snapshot(ids_.back(), origin);
    }
    void create() {
        ids_.push_back(new_id());
        metadata_.create_thin(ids_.back());
    }
    void remove() {
        const std::size_t i = random_.below(ids_.size());
        metadata_.delete_device(ids_[i]);
        ids_.erase(ids_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    [[nodiscard]] DeviceId new_id() {
        return DeviceId(next_id_ += 1 + static_cast<std::uint32_t>(random_.below(5)));
    }

    io::FileDevice device_;
    thin::PoolMetadata metadata_;
    Random& random_;
    std::vector<DeviceId> ids_;
    std::uint32_t next_id_ = 0;
};

PoolShape shape() {
    if (!long_run())
        return {};
    return {
        .devices = 400, .mappings = 1'000'000, .data_chunks = 4'000'000, .metadata_blocks = 65'536};
}

} // namespace

TEST_SUITE("interop.metadata") {
    TEST_CASE("metadata made by thin_restore is the same to us and to the tools") {
        if (tools_are_missing())
            return;
        Random random(test_seed());
        const RestoredPool pool(shape(), random);
        require_agreement(pool.path(), random, true);
    }

    TEST_CASE("metadata made by thin_restore and changed by us is the same to the tools") {
        if (tools_are_missing())
            return;
        Random random(test_seed());
        const RestoredPool pool(shape(), random);
        const int changes = long_run() ? 20'000 : 1'000;
        for (int round = 0; round < 3; ++round) {
            {
                ChangingPool changing(pool.path(), random);
                for (int i = 0; i < changes; ++i)
                    changing.change();
                changing.commit();
            }
            // thin_restore's derived numbers stay where nothing has changed.
            require_agreement(pool.path(), random, true);
        }
    }
}

} // namespace thinsnap::test
