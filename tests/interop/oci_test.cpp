#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "oci/archive_writer.hpp"
#include "oci/source.hpp"

#include "support/image_builder.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"
#include "support/tool.hpp"

namespace thinsnap::test {

namespace {

using oci::Compression;
using oci::ImageSource;

ToolRun skopeo_copy(const std::string& from, const std::string& to) {
    return run_tool({"skopeo", "--insecure-policy", "copy", from, to});
}

void check_ran(const ToolRun& run) {
    CAPTURE(run.errors);
    CHECK(run.status == 0);
}

bool tool_is_missing(const char* tool) {
    if (have_tool(tool))
        return false;
    skip(std::string(tool) + " is not installed");
    return true;
}

ImageSpec demo(Compression second = Compression::zstd) {
    return {
        {"docker.io/library/demo:1"},
        {{TarBuilder().directory("etc").file("etc/one", "1").finished_bytes(), Compression::gzip},
         {TarBuilder().file("etc/two", "2").file("etc/.wh.one", "").finished_bytes(), second}}};
}

/// Reads and verifies every layer of the only image. \return the diffIDs
std::vector<Digest> verify(const std::filesystem::path& path) {
    const auto source = oci::open_image_source(path.string(), {});
    REQUIRE(source.images().size() == 1);
    const auto& image = source.images().front();
    std::vector<Digest> diff_ids;
    for (std::size_t i = 0; i < image.layers.size(); ++i) {
        source.open_layer(image, i)->finish();
        diff_ids.push_back(image.layers[i].diff_id);
    }
    return diff_ids;
}

class FileSink final : public ByteSink {
public:
    explicit FileSink(const std::filesystem::path& path)
        : file_(path, std::ios::binary) {}
    void write(std::span<const std::byte> bytes) override {
        const std::string text = to_text(bytes);
        file_.write(text.data(), static_cast<std::streamsize>(text.size()));
    }

private:
    std::ofstream file_;
};

void save(const ImageSource& source, const std::filesystem::path& path, Compression compression) {
    FileSink sink(path);
    oci::ArchiveWriter writer(sink, {.compression = compression, .work_directory = "/tmp"});
    for (const auto& image : source.images()) {
        std::vector<oci::Layer> layers;
        for (std::size_t i = 0; i < image.layers.size(); ++i) {
            const auto stream = source.open_layer(image, i);
            layers.push_back(writer.add_layer(*stream));
        }
        static_cast<void>(writer.add_image(image.names, image.config.raw, layers));
    }
    writer.finish();
}

} // namespace

TEST_SUITE("interop.oci") {
    TEST_CASE("what skopeo makes of an image is read back") {
        if (tool_is_missing("skopeo"))
            return;
        const TempDir dir;
        write_files(dir / "layout", oci_layout({demo()}));
        write_files(dir / "gzip", oci_layout({demo(Compression::gzip)}));
        const auto diff_ids = verify(dir / "layout");
        CHECK(diff_ids.size() == 2);
        for (const std::string kind : {"docker-archive", "oci-archive", "oci"}) {
            CAPTURE(kind);
            // Docker's manifests know no zstd.
            const auto layout = dir / (kind == "docker-archive" ? "gzip" : "layout");
            const std::string from = "oci:" + layout.string();
            const auto to = dir / kind;
            check_ran(skopeo_copy(from, kind + ":" + to.string() + ":demo:2"));
            CHECK(verify(to) == diff_ids);
        }
    }

    TEST_CASE("skopeo takes the archives that are written") {
        if (tool_is_missing("skopeo"))
            return;
        const TempDir dir;
        write_files(dir / "layout", oci_layout({demo()}));
        const auto source = oci::open_image_source((dir / "layout").string(), {});
        for (const Compression compression : {Compression::none, Compression::gzip}) {
            const std::string name(to_string(compression));
            CAPTURE(name);
            const std::string archive = (dir / name).string();
            save(source, archive, compression);
            CHECK(verify(archive) == source.images().front().config.diff_ids);
            for (const char* kind : {"oci-archive:", "docker-archive:"}) {
                CAPTURE(std::string(kind));
                const std::string to = archive + "-" + kind + "layout";
                check_ran(skopeo_copy(kind + archive + ":docker.io/library/demo:1",
                                      "dir:" + to.substr(0, to.rfind(':'))));
            }
        }
    }

    TEST_CASE("an image that umoci made is read") {
        if (tool_is_missing("umoci"))
            return;
        const TempDir dir;
        const std::string image = (dir / "layout").string() + ":v1";
        const std::string bundle = (dir / "bundle").string();
        check_ran(run_tool({"umoci", "init", "--layout", (dir / "layout").string()}));
        check_ran(run_tool({"umoci", "new", "--image", image}));
        check_ran(run_tool({"umoci", "unpack", "--rootless", "--image", image, bundle}));
        write_file(dir / "bundle/rootfs/etc/file", to_bytes("content"));
        check_ran(run_tool({"umoci", "repack", "--image", image, bundle}));
        CHECK(verify(dir / "layout").size() == 1);
        const auto source = oci::open_image_source((dir / "layout").string(), {});
        CHECK(source.images().front().names == std::vector<std::string>{"v1"});
        CHECK(source.images().front().config.history.size() == 1);
    }
}

} // namespace thinsnap::test
