#include "oci/source.hpp"

#include <algorithm>
#include <array>
#include <thread>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "oci/spool.hpp"

#include "support/content.hpp"
#include "support/image_builder.hpp"
#include "support/temp_dir.hpp"

namespace thinsnap::test {

namespace {

using oci::Compression;
using oci::Image;
using oci::ImageSource;
using oci::open_image_source;
using oci::SourceKind;
using oci::SourceOptions;

Bytes layer_tar(const std::string& what) {
    return TarBuilder().directory("etc").file("etc/" + what, "content of " + what).finished_bytes();
}

ImageSpec two_layers(std::vector<std::string> names = {"docker.io/library/demo:1"}) {
    return {std::move(names),
            {{layer_tar("base"), Compression::gzip}, {layer_tar("top"), Compression::zstd}}};
}

/// All of a layer, verified.
Bytes read_layer(const ImageSource& source, const Image& image, std::size_t layer) {
    const auto stream = source.open_layer(image, layer);
    Bytes all(1U << 20U);
    all.resize(read_full(*stream, all));
    stream->finish();
    return all;
}

void check_holds(const ImageSource& source, const ImageSpec& spec) {
    REQUIRE(source.images().size() == 1);
    const Image& image = source.images().front();
    CHECK(image.names == spec.names);
    CHECK(image.manifest_digest == Digest::of(image.manifest));
    REQUIRE(image.layers.size() == spec.layers.size());
    for (std::size_t i = 0; i < spec.layers.size(); ++i) {
        CHECK(image.layers[i].diff_id == Digest::of(spec.layers[i].tar));
        CHECK(read_layer(source, image, i) == spec.layers[i].tar);
    }
}

/// A directory with files to be opened, and their options.
struct Place {
    TempDir dir;
    SourceOptions options{.platform = oci::Platform{"linux", "amd64", ""},
                          .work_directory = dir.path().string()};

    [[nodiscard]] ImageSource open(const std::string& name) const {
        return open_image_source((dir / name).string(), options);
    }
    [[nodiscard]] ImageSource open(const Bytes& file) const {
        write_file(dir / "file", file);
        return open("file");
    }
    [[nodiscard]] ImageSource open(const ImageFiles& layout) const {
        std::filesystem::remove_all(dir / "layout");
        write_files(dir / "layout", layout);
        return open("layout");
    }
    template <class What>
    [[nodiscard]] std::string failure(const What& what) const {
        return message_of([&] { static_cast<void>(open(what)); });
    }
};

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

/// Opens the bytes as standard input, through a pipe.
ImageSource open_stdin(const Place& place, const Bytes& bytes) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const Fd in(ends[0]);
    std::thread writer([&bytes, out = ends[1]] {
        oci::write_all(out, bytes, "pipe");
        ::close(out);
    });
    SourceOptions options = place.options;
    options.standard_input = in.get();
    try {
        auto source = open_image_source("-", options);
        writer.join();
        return source;
    } catch (...) {
        writer.join();
        throw;
    }
}

/// A layout with one image for each platform behind one index, and what a builder adds.
ImageFiles multi_platform(const std::vector<const char*>& platforms) {
    ImageFiles files = oci_layout({});
    std::vector<std::string> manifests;
    for (const char* platform : platforms) {
        ImageSpec image = two_layers();
        image.layers[1].tar = layer_tar(platform);
        image.platform = oci::parse_platform(platform);
        manifests.push_back(add_image(files, image));
    }
    ImageSpec attestation = two_layers();
    attestation.platform = {"unknown", "unknown", ""};
    manifests.push_back(add_image(files, attestation));
    const auto inner = add_blob(files, oci::kIndexType, to_bytes(index_of(manifests)));
    const auto outer = add_blob(files,
                                oci::kIndexType,
                                to_bytes(index_of({inner})),
                                R"(,"annotations":{"org.opencontainers.image.ref.name":"multi"})");
    files["index.json"] = to_bytes(index_of({outer}));
    return files;
}

} // namespace

TEST_SUITE("oci.source") {
    TEST_CASE("an OCI layout is read from a directory") {
        const Place place;
        const auto source = place.open(oci_layout({two_layers()}));
        CHECK(source.kind() == SourceKind::oci_directory);
        check_holds(source, two_layers());
    }

    TEST_CASE("an OCI archive is read in place and compressed and from a pipe") {
        const Place place;
        const Bytes archive = tar_of(oci_layout({two_layers()}));
        CHECK(place.open(archive).kind() == SourceKind::oci_archive);
        for (const Compression compression :
             {Compression::none, Compression::gzip, Compression::xz}) {
            CAPTURE(to_string(compression));
            const Bytes file = compress(archive, compression);
            check_holds(place.open(file), two_layers());
            check_holds(open_stdin(place, file), two_layers());
        }
    }

    TEST_CASE("a docker archive is read whatever its layers' compression") {
        const Place place;
        ImageSpec image = two_layers({"demo:1", "demo:latest"});
        for (const Compression compression : {Compression::none, Compression::gzip}) {
            image.layers[0].compression = compression;
            image.layers[1].compression = Compression::none;
            const auto source = place.open(tar_of(docker_archive({image})));
            CHECK(source.kind() == SourceKind::docker_archive);
            check_holds(source, image);
            const Image& read = source.images().front();
            CHECK((read.layers[0].blob.digest == read.layers[0].diff_id) ==
                  (compression == Compression::none));
            CHECK(read.config.history.size() == 2);
        }
        check_holds(open_stdin(place, tar_of(docker_archive({image}))), image);
    }

    TEST_CASE("layers that a docker archive shares by links are read") {
        const Place place;
        ImageFiles files = docker_archive({two_layers()});
        const std::string shared = Digest::of(layer_tar("base")).hex() + "/layer.tar";
        const std::string place_of_it = std::string(64, 'a') + ".tar";
        files[place_of_it] = layer_tar("base");
        files.erase(shared);
        TarBuilder tar;
        tar.symlink(shared, "../" + place_of_it);
        for (const auto& [name, content] : files)
            tar.file(name, to_text(content));
        check_holds(place.open(tar.finished_bytes()), two_layers());
    }

    TEST_CASE("a plain root tar becomes an image of one layer") {
        const Place place;
        const Bytes tar = layer_tar("root");
        for (const Compression compression :
             {Compression::none, Compression::gzip, Compression::zstd, Compression::xz}) {
            CAPTURE(to_string(compression));
            const auto source = place.open(compress(tar, compression));
            CHECK(source.kind() == SourceKind::root_tar);
            check_holds(source, {{}, {{tar, Compression::none}}});
            CHECK(source.images().front().config.platform == place.options.platform);
        }
        const auto source = open_stdin(place, compress(tar, Compression::gzip));
        check_holds(source, {{}, {{tar, Compression::none}}});
        CHECK(source.images().front().manifest_digest ==
              place.open(tar).images().front().manifest_digest);
    }

    TEST_CASE("a named pipe is read like standard input") {
        const Place place;
        REQUIRE(::mkfifo((place.dir / "pipe").c_str(), 0600) == 0);
        const Bytes archive = tar_of(oci_layout({two_layers()}));
        std::thread writer([&] { write_file(place.dir / "pipe", archive); });
        check_holds(place.open("pipe"), two_layers());
        writer.join();
    }

    TEST_CASE("several images and names are told apart") {
        const Place place;
        ImageSpec other = two_layers({"other:1"});
        other.layers.pop_back();
        const auto source =
            place.open(oci_layout({two_layers({"demo:1", "demo:2"}), other, two_layers({})}));
        REQUIRE(source.images().size() == 2);
        CHECK(source.images()[0].names == std::vector<std::string>{"demo:1", "demo:2"});
        CHECK(source.images()[0].layers.size() == 2);
        CHECK(source.images()[1].names == std::vector<std::string>{"other:1"});
        CHECK(source.images()[1].layers.size() == 1);
    }

    TEST_CASE("of several images a damaged one is named and none is left out in silence") {
        const Place place;
        ImageSpec other = two_layers({"other:1"});
        other.layers.pop_back();
        auto files = oci_layout({two_layers({"demo:1"}), other});
        const std::string manifest =
            place.open(oci_layout({other})).images()[0].manifest_digest.hex();
        REQUIRE(files.erase("blobs/sha256/" + manifest) == 1);
        CHECK(contains(place.failure(files),
                       "image 'other:1': blob sha256:" + manifest + " is missing"));
    }

    TEST_CASE("what is missing of another platform is no obstacle") {
        Place place;
        place.options.platform = oci::parse_platform("linux/amd64");
        auto files = multi_platform({"linux/arm64", "linux/amd64"});
        const auto amd64 = place.open(files).images()[0].manifest_digest;
        place.options.platform = oci::parse_platform("linux/arm64");
        const auto arm64 = place.open(files).images()[0].manifest_digest;
        REQUIRE(files.erase("blobs/sha256/" + arm64.hex()) == 1);
        place.options.platform = oci::parse_platform("linux/amd64");
        CHECK(place.open(files).images()[0].manifest_digest == amd64);
    }

    TEST_CASE("the wanted platform is found through indexes in indexes") {
        Place place;
        const auto files = multi_platform({"linux/arm64", "linux/amd64", "linux/arm/v7"});
        for (const char* platform : {"linux/amd64", "linux/arm64", "linux/arm/v7"}) {
            CAPTURE(platform);
            place.options.platform = oci::parse_platform(platform);
            const auto source = place.open(files);
            REQUIRE(source.images().size() == 1);
            CHECK(source.images()[0].names == std::vector<std::string>{"multi"});
            CHECK(read_layer(source, source.images()[0], 1) == layer_tar(platform));
        }
        place.options.platform = oci::parse_platform("linux/s390x");
        const std::string message = place.failure(files);
        CHECK(contains(message,
                       "image 'multi': it is not there for the platform linux/s390x, only for "
                       "'linux/amd64, linux/arm/v7, linux/arm64'"));
        CHECK(contains(message, "--platform"));
        CHECK(failure_of([&] { static_cast<void>(place.open(files)); }) == Errc::not_found);
    }

    TEST_CASE("an image for one platform only is taken unless another was asked for") {
        Place place;
        ImageSpec image = two_layers();
        image.platform = {"linux", "s390x", ""};
        CHECK(contains(place.failure(oci_layout({image})), "only for 'linux/s390x'"));
        CHECK(contains(place.failure(tar_of(docker_archive({image}))), "only for 'linux/s390x'"));
        place.options.platform.reset();
        check_holds(place.open(oci_layout({image})), image);
        check_holds(place.open(tar_of(docker_archive({image}))), image);
    }

    TEST_CASE("entries without names are one image when only platforms tell them apart") {
        Place place;
        ImageSpec other = two_layers({});
        other.platform = {"linux", "arm64", ""};
        other.layers[0].tar = layer_tar("arm");
        const auto source = place.open(oci_layout({two_layers({}), other}));
        check_holds(source, two_layers({}));
        place.options.platform = other.platform;
        check_holds(place.open(oci_layout({two_layers({}), other})), other);
    }

    TEST_CASE("changed bytes are found wherever they are") {
        const Place place;
        const auto files = oci_layout({two_layers()});
        for (const auto& file : files) {
            const std::string& name = file.first; // no binding: Clang 14 captures none
            if (!name.starts_with("blobs/"))
                continue;
            CAPTURE(name);
            ImageFiles changed = files;
            changed[name].back() ^= std::byte{1};
            const auto use = [&] {
                const auto source = place.open(changed);
                static_cast<void>(read_layer(source, source.images().front(), 0));
                static_cast<void>(read_layer(source, source.images().front(), 1));
            };
            CHECK(failure_of(use) == Errc::corrupt);
            CHECK(contains(message_of(use), name.substr(name.rfind('/') + 1)));
            CHECK(contains(message_of(use), "docker.io/library/demo:1"));
        }
    }

    TEST_CASE("missing and cut blobs are named with their digests and sizes") {
        const Place place;
        const auto files = oci_layout({two_layers()});
        const auto use = [&](const ImageFiles& changed) {
            return message_of([&] {
                const auto source = place.open(changed);
                static_cast<void>(read_layer(source, source.images().front(), 0));
                static_cast<void>(read_layer(source, source.images().front(), 1));
            });
        };
        for (const auto& file : files) {
            const std::string& name = file.first; // no binding: Clang 14 captures none
            const Bytes& content = file.second;
            if (!name.starts_with("blobs/"))
                continue;
            CAPTURE(name);
            const std::string digest = "sha256:" + name.substr(name.rfind('/') + 1);
            ImageFiles changed = files;
            changed.erase(name);
            CHECK(contains(use(changed), "blob " + digest + " is missing; get the image again"));
            changed[name] = Bytes(content.begin(), content.end() - 1);
            CHECK(contains(use(changed),
                           "blob " + digest + " has " + std::to_string(content.size() - 1) +
                               " bytes instead of the " + std::to_string(content.size())));
        }
    }

    TEST_CASE("links and pipes below a layout's directory are not followed") {
        const Place place;
        const auto files = oci_layout({two_layers()});
        for (const auto& file : files) {
            const std::string& name = file.first; // no binding: Clang 14 captures none
            if (name == "oci-layout")
                continue;
            CAPTURE(name);
            static_cast<void>(place.open(files));
            const auto path = place.dir / "layout" / name;
            std::filesystem::rename(path, place.dir / "away");
            std::filesystem::create_symlink(place.dir / "away", path);
            const auto use = [&] {
                const auto source = place.open("layout");
                static_cast<void>(source.open_layer(source.images().front(), 0));
                static_cast<void>(source.open_layer(source.images().front(), 1));
            };
            CHECK(contains(message_of(use), "is a link"));
            std::filesystem::remove(path);
            REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
            CHECK(contains(message_of(use), "is no regular file"));
        }
        static_cast<void>(place.open(files));
        std::filesystem::rename(place.dir / "layout/blobs", place.dir / "blobs");
        std::filesystem::create_symlink("../blobs", place.dir / "layout/blobs");
        CHECK(contains(place.failure("layout"), "blobs in the layout is a link"));
    }

    TEST_CASE("a config and a manifest that disagree are refused") {
        const Place place;
        ImageFiles files = docker_archive({two_layers()});
        std::string text = to_text(files.at("manifest.json"));
        const auto second = text.find("\",\"", text.find("layer.tar"));
        text.erase(second + 1, text.find("]}", second) - second - 1);
        files["manifest.json"] = to_bytes(text);
        CHECK(contains(place.failure(tar_of(files)),
                       "image 'docker.io/library/demo:1': it has 1 layers in manifest.json and 2 "
                       "diffIDs"));
    }

    TEST_CASE("a docker archive's config has the digest that its name says") {
        const Place place;
        ImageFiles files = docker_archive({two_layers()});
        for (auto& [name, content] : files)
            if (name.ends_with(".json") && name != "manifest.json")
                content.push_back(std::byte{' '});
        CHECK(contains(place.failure(tar_of(files)), "its content has the digest sha256:"));
    }

    TEST_CASE("an archive of an old docker is refused with what to do") {
        const Place place;
        ImageFiles files = docker_archive({two_layers()});
        files.erase("manifest.json");
        CHECK(contains(place.failure(tar_of(files)), "before 1.10"));
    }

    TEST_CASE("what is no image is refused") {
        const Place place;
        CHECK(contains(place.failure(to_bytes("hello")), "it is neither"));
        CHECK(contains(place.failure(Bytes()), "it is neither"));
        CHECK(contains(place.failure(compress(pattern(1, 0, 5000), Compression::gzip)),
                       "it is neither"));
        CHECK(contains(place.failure(std::string("none")), "No such file"));
        CHECK(contains(place.failure(ImageFiles{{"file", {}}}), "no OCI layout"));
        CHECK(contains(place.failure(oci_layout({})), "holds no image"));
        CHECK(contains(place.failure(ImageFiles{{"index.json", to_bytes("x")}}), "index.json: "));
        CHECK(failure_of([&] { static_cast<void>(place.open(tar_of(docker_archive({})))); }) ==
              Errc::not_found);
    }

    TEST_CASE("names that could not be printed are refused") {
        const Place place;
        CHECK(contains(place.failure(oci_layout({two_layers({"a b"})})), "'a b' is no name"));
        CHECK(contains(place.failure(tar_of(docker_archive({two_layers({"\\u001b[2J"})}))),
                       "'\\x1b[2J' is no name"));
    }

    TEST_CASE("a bomb around or in an image goes off at the limit") {
        Place place;
        place.options.max_bytes = 100'000;
        const Bytes root = TarBuilder().file("zeros", std::string(200'000, '\0')).finished_bytes();
        CHECK(contains(place.failure(compress(root, Compression::gzip)),
                       "more than the 100000 bytes allowed"));
        ImageSpec image = two_layers();
        image.layers[0].tar = root;
        const auto source = place.open(oci_layout({image}));
        const std::string message =
            message_of([&] { static_cast<void>(read_layer(source, source.images().front(), 0)); });
        CHECK(contains(message, "image docker.io/library/demo:1: layer 1 (sha256:"));
        CHECK(contains(message, "more than the 100000 uncompressed bytes"));
    }

    TEST_CASE("a signal's handler can end the copying of standard input") {
        struct Stop {};
        Place place;
        place.options.interrupt = [] { throw Stop(); };
        CHECK_THROWS_AS(static_cast<void>(open_stdin(place, layer_tar("a"))), Stop);
        place.options.interrupt = nullptr;
        place.options.wait_readable = [](int) { throw Stop(); };
        CHECK_THROWS_AS(static_cast<void>(open_stdin(place, layer_tar("a"))), Stop);
    }

    TEST_CASE("work files have no names and none is left") {
        const Place place;
        std::filesystem::create_directory(place.dir / "work");
        SourceOptions options = place.options;
        options.work_directory = (place.dir / "work").string();
        write_file(place.dir / "file", compress(layer_tar("a"), Compression::gzip));
        const auto source = open_image_source((place.dir / "file").string(), options);
        CHECK(std::filesystem::is_empty(place.dir / "work"));
        options.work_directory = (place.dir / "none").string();
        CHECK(contains(message_of([&] {
                           static_cast<void>(
                               open_image_source((place.dir / "file").string(), options));
                       }),
                       "making a work file in"));
    }
}

} // namespace thinsnap::test
