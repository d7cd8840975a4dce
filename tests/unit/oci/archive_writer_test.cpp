#include "oci/archive_writer.hpp"

#include <array>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "oci/gzip_sink.hpp"
#include "oci/reference.hpp"
#include "oci/source.hpp"

#include "support/content.hpp"
#include "support/image_builder.hpp"
#include "support/piece_source.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"
#include "support/text_sink.hpp"
#include "support/tool.hpp"

namespace thinsnap::test {

namespace {

using oci::ArchiveWriter;
using oci::Compression;
using oci::full_reference;
using oci::Layer;

constexpr std::size_t kStep = 777; // of a source

Bytes tar_of_size(std::size_t size) {
    return TarBuilder().file("file", std::string(size, 'x')).finished_bytes();
}

struct Written {
    Bytes archive;
    std::vector<Layer> layers;
};

Written write(const std::vector<Bytes>& tars,
              Compression compression,
              bool known,
              const std::vector<std::string>& names) {
    const TempDir work;
    TextSink sink;
    ArchiveWriter writer(sink,
                         {.compression = compression, .work_directory = work.path().string()});
    Written written;
    std::string config;
    for (const Bytes& tar : tars) {
        PieceSource source(tar, kStep);
        const oci::KnownLayer hint{tar.size(), Digest::of(tar)};
        written.layers.push_back(
            writer.add_layer(source, known ? std::optional(hint) : std::nullopt));
        const oci::NewLayer layer{.diff_id = Digest::of(tar), .created_by = "test"};
        config = config.empty() ? oci::make_config({"linux", "amd64", ""}, layer)
                                : oci::append_layer(config, layer);
    }
    static_cast<void>(writer.add_image(names, config, written.layers));
    writer.finish();
    written.archive = to_bytes(sink.text());
    return written;
}

} // namespace

TEST_SUITE("oci.archive_writer") {
    TEST_CASE("what is written is read back and is the same each time") {
        const std::vector<Bytes> tars{tar_of_size(100), tar_of_size(400'000), {}};
        const TempDir dir;
        for (const Compression compression : {Compression::none, Compression::gzip})
            for (const bool known : {false, true}) {
                CAPTURE(to_string(compression));
                CAPTURE(known);
                const auto written = write(tars, compression, known, {"demo:1", "other"});
                CHECK(written.archive ==
                      write(tars, compression, !known, {"demo:1", "other"}).archive);
                write_file(dir / "archive", written.archive);
                const auto source = oci::open_image_source((dir / "archive").string(), {});
                REQUIRE(source.images().size() == 1);
                const auto& image = source.images().front();
                CHECK(image.names == std::vector<std::string>{"docker.io/library/demo:1",
                                                              "docker.io/library/other:latest"});
                for (std::size_t i = 0; i < tars.size(); ++i) {
                    CHECK(image.layers.at(i).blob.digest == written.layers[i].blob.digest);
                    Bytes read(tars[i].size() + 1);
                    const auto stream = source.open_layer(image, i);
                    CHECK(read_full(*stream, read) == tars[i].size());
                    read.pop_back();
                    CHECK(read == tars[i]);
                    stream->finish();
                }
            }
    }

    TEST_CASE("a layer that was written is not read again") {
        const Bytes tar = tar_of_size(10'000);
        for (const Compression compression : {Compression::none, Compression::gzip}) {
            TextSink sink;
            ArchiveWriter writer(sink, {.compression = compression, .work_directory = "/tmp"});
            PieceSource first(tar, kStep);
            const Layer layer = writer.add_layer(first);
            const auto size = sink.text().size();
            PieceSource second(tar, kStep);
            const Layer again =
                writer.add_layer(second, oci::KnownLayer{tar.size(), layer.diff_id});
            CHECK(second.reads() == 0);
            CHECK(again.blob.digest == layer.blob.digest);
            PieceSource third(tar, kStep);
            static_cast<void>(writer.add_layer(third));
            CHECK(sink.text().size() == size);
        }
    }

    TEST_CASE("a layer that is not what was promised is refused") {
        const Bytes tar = tar_of_size(1000);
        const auto add = [&](std::uint64_t size, const Digest& diff_id, Compression compression) {
            TextSink sink;
            ArchiveWriter writer(sink, {.compression = compression, .work_directory = "/tmp"});
            PieceSource source(tar, kStep);
            return failure_of([&] {
                static_cast<void>(writer.add_layer(source, oci::KnownLayer{size, diff_id}));
            });
        };
        CHECK_FALSE(add(tar.size(), Digest::of(tar), Compression::none).has_value());
        CHECK(add(tar.size() - 1, Digest::of(tar), Compression::none) == Errc::internal);
        CHECK(add(tar.size() + 1, Digest::of(tar), Compression::none) == Errc::internal);
        CHECK(add(tar.size(), Digest::of("x"), Compression::none) == Errc::corrupt);
        CHECK(add(tar.size(), Digest::of("x"), Compression::gzip) == Errc::corrupt);
    }

    TEST_CASE("a config of other layers is refused") {
        TextSink sink;
        ArchiveWriter writer(sink, {.work_directory = "/tmp"});
        const Bytes tar = tar_of_size(10);
        PieceSource source(tar, kStep);
        const std::array layers{writer.add_layer(source)};
        const auto config =
            oci::make_config({"linux", "amd64", ""}, {.diff_id = Digest::of("other")});
        CHECK(failure_of([&] { static_cast<void>(writer.add_image({}, config, layers)); }) ==
              Errc::corrupt);
        CHECK(failure_of([&] {
                  const ArchiveWriter other(sink, {.compression = Compression::xz});
              }) == Errc::unsupported);
    }

    TEST_CASE("tar lists an archive") {
        if (!have_tool("tar"))
            return skip("tar is not installed");
        const TempDir dir;
        write_file(dir / "archive",
                   write({tar_of_size(5)}, Compression::none, true, {"a"}).archive);
        const auto run = run_tool({"tar", "-tvf", (dir / "archive").string()});
        CHECK(run.status == 0);
        CHECK(run.errors.empty());
        CHECK(run.output.find("-rw-r--r-- 0/0") == 0);
        CHECK(run.output.find("blobs/sha256/" + Digest::of(tar_of_size(5)).hex()) !=
              std::string::npos);
    }

    TEST_CASE("gzip comes out the same whatever is in the way") {
        const Bytes bytes = pattern(5, 0, 1'000'000);
        TextSink sink;
        oci::GzipSink gzip(sink);
        gzip.write(bytes);
        gzip.write({});
        gzip.finish();
        MemorySource in(std::as_bytes(std::span(sink.text())));
        const auto decoder = oci::make_decoder(Compression::gzip, in);
        Bytes read(bytes.size() + 1);
        CHECK(read_full(*decoder, read) == bytes.size());
        read.pop_back();
        CHECK(read == bytes);
    }

    TEST_CASE("names are completed as docker does") {
        CHECK(full_reference("debian") == "docker.io/library/debian:latest");
        CHECK(full_reference("debian:12") == "docker.io/library/debian:12");
        CHECK(full_reference("user/app:v1.0") == "docker.io/user/app:v1.0");
        CHECK(full_reference("index.docker.io/user/app") == "docker.io/user/app:latest");
        CHECK(full_reference("localhost/x") == "localhost/x:latest");
        CHECK(full_reference("reg.example:5000/a/b__c--d:T") == "reg.example:5000/a/b__c--d:T");
        CHECK(full_reference("localhost:5000/x") == "localhost:5000/x:latest");
        for (const char* name : {"",
                                 "Debian",
                                 "a:",
                                 "a b",
                                 "a@sha256:0",
                                 "a//b",
                                 "/a",
                                 "a/",
                                 "a..b",
                                 "-a",
                                 "a:b:c",
                                 "a:.x",
                                 "a___b"}) {
            CAPTURE(std::string(name));
            CHECK_FALSE(full_reference(name).has_value());
        }
    }
}

} // namespace thinsnap::test
