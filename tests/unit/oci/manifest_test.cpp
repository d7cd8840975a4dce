#include "oci/manifest.hpp"

#include <vector>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "support/content.hpp"

namespace thinsnap::test {

namespace {

using oci::Descriptor;
using oci::Index;
using oci::Manifest;
using oci::parse_manifest;

std::string descriptor(std::string_view type, std::string_view digest = "") {
    return fmt::format(R"({{"mediaType":"{}","digest":"{}","size":7}})",
                       type,
                       digest.empty() ? Digest::of("x").to_string() : digest);
}

std::string manifest_text(std::string_view config_type, std::string_view layer) {
    return fmt::format(
        R"({{"schemaVersion":2,"config":{},"layers":[{}]}})", descriptor(config_type), layer);
}

struct Outcome {
    std::optional<Errc> kind;
    std::string message;
};

Outcome refusal(const std::string& text, std::string_view media_type = "") {
    const auto parse = [&] { static_cast<void>(parse_manifest(text, media_type)); };
    return {failure_of(parse), message_of(parse)};
}

} // namespace

TEST_SUITE("oci.manifest") {
    TEST_CASE("a manifest lists config and layers") {
        const std::string text = manifest_text(oci::kConfigType, descriptor(oci::kGzipLayerType));
        const auto parsed = parse_manifest(text, oci::kManifestType);
        const auto& manifest = std::get<Manifest>(parsed);
        CHECK(manifest.config.digest == Digest::of("x"));
        CHECK(manifest.config.size == 7);
        REQUIRE(manifest.layers.size() == 1);
        CHECK(manifest.layers[0].media_type == oci::kGzipLayerType);
    }

    TEST_CASE("all media types of layers are known") {
        for (const char* type : {"application/vnd.oci.image.layer.v1.tar",
                                 "application/vnd.oci.image.layer.v1.tar+zstd",
                                 "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                                 "application/vnd.docker.image.rootfs.diff.tar",
                                 "application/vnd.docker.image.rootfs.diff.tar.gzip",
                                 "application/vnd.docker.image.rootfs.diff.tar.zstd",
                                 "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}) {
            CAPTURE(std::string(type));
            CHECK(refusal(manifest_text(oci::kConfigType, descriptor(type))).message.empty());
        }
    }

    TEST_CASE("an index lists manifests with platforms and annotations") {
        const std::string text = fmt::format(
            R"({{"schemaVersion":2,"manifests":[{{"digest":"{0}","size":1,"platform":)"
            R"({{"os":"linux","architecture":"arm","variant":"v7"}},"annotations":{{"a":"b"}}}},)"
            R"({{"digest":"{0}","size":2,"annotations":)"
            R"({{"vnd.docker.reference.type":"attestation-manifest"}}}},)"
            R"({{"digest":"{0}","size":2,"platform":{{"os":"unknown","architecture":"unknown"}}}}]}})",
            Digest::of("x").to_string());
        const auto parsed = parse_manifest(text, "");
        const auto& index = std::get<Index>(parsed);
        REQUIRE(index.manifests.size() == 3);
        CHECK(to_string(index.manifests[0].platform.value()) == "linux/arm/v7");
        CHECK(index.manifests[0].annotations.at("a") == "b");
        CHECK_FALSE(index.manifests[0].is_attestation());
        CHECK(index.manifests[1].is_attestation());
        CHECK(index.manifests[2].is_attestation());
    }

    TEST_CASE("schema 1 is refused with what to do") {
        for (const char* text : {R"({"schemaVersion":1,"fsLayers":[]})",
                                 R"({"schemaVersion":1,"manifests":[]})",
                                 R"({"fsLayers":[]})"}) {
            const auto [kind, message] = refusal(text);
            CHECK(kind == Errc::unsupported);
            CHECK(message.find("schema 1") != std::string::npos);
            CHECK(message.find("skopeo copy") != std::string::npos);
        }
        CHECK(refusal("{}", "application/vnd.docker.distribution.manifest.v1+prettyjws").kind ==
              Errc::unsupported);
        CHECK(refusal(R"({"schemaVersion":3})").kind == Errc::unsupported);
    }

    TEST_CASE("what is no container image is refused") {
        const std::string layer = descriptor(oci::kLayerType);
        CHECK(refusal(manifest_text("application/vnd.cncf.helm.config.v1+json", layer)).kind ==
              Errc::unsupported);
        CHECK(refusal(manifest_text(oci::kConfigType, descriptor("text/plain"))).kind ==
              Errc::unsupported);
        const auto encrypted = refusal(manifest_text(
            oci::kConfigType, descriptor("application/vnd.oci.image.layer.v1.tar+gzip+encrypted")));
        CHECK(encrypted.kind == Errc::unsupported);
        CHECK(encrypted.message.find("encrypted") != std::string::npos);
        CHECK(refusal("{}", "text/html").kind == Errc::unsupported);
    }

    TEST_CASE("what is two things at once is refused") {
        const std::string both = R"({"schemaVersion":2,"manifests":[],"layers":[]})";
        CHECK(refusal(both).kind == Errc::corrupt);
        const std::string manifest = manifest_text(oci::kConfigType, "");
        CHECK(refusal(manifest, oci::kIndexType).kind == Errc::corrupt);
        CHECK(refusal(R"({"manifests":[]})", oci::kManifestType).kind == Errc::corrupt);
        CHECK(refusal(R"({"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]})",
                      oci::kManifestType)
                  .kind == Errc::corrupt);
    }

    TEST_CASE("a wrong descriptor is named by its place") {
        const auto wrong = [](std::string_view layer) {
            return refusal(manifest_text(oci::kConfigType, layer)).message;
        };
        CHECK(wrong("{}") == "layers[0]: digest is missing");
        CHECK(wrong("7").find("layers[0]: ") == 0);
        CHECK(wrong(descriptor(oci::kLayerType, "sha256:../../etc/passwd")).find("layers[0]: ") ==
              0);
        CHECK(refusal(R"({"config":7,"layers":[]})").message.find("config: ") == 0);
        CHECK(refusal(R"({"layers":[]})").message == "config is missing");
    }

    TEST_CASE("what is written is read back") {
        const Descriptor config{
            .media_type = std::string(oci::kConfigType), .digest = Digest::of("config"), .size = 3};
        const std::vector<Descriptor> layers{{.media_type = std::string(oci::kLayerType),
                                              .digest = Digest::of("layer"),
                                              .size = std::uint64_t{1} << 40U}};
        const std::string text = oci::make_manifest(config, layers);
        CHECK(text == oci::make_manifest(config, layers));
        const auto parsed = parse_manifest(text, oci::kManifestType);
        const auto& manifest = std::get<Manifest>(parsed);
        CHECK(manifest.config.digest == config.digest);
        REQUIRE(manifest.layers.size() == 1);
        CHECK(manifest.layers[0].size == layers[0].size);
        const std::vector<Descriptor> entries{{.media_type = std::string(oci::kManifestType),
                                               .digest = Digest::of(text),
                                               .size = text.size(),
                                               .platform = oci::Platform{"linux", "arm", "v7"},
                                               .annotations = {{"name", "x"}}}};
        const Index index = oci::parse_index(oci::make_index(entries));
        REQUIRE(index.manifests.size() == 1);
        CHECK(index.manifests[0].platform == entries[0].platform);
        CHECK(index.manifests[0].annotations == entries[0].annotations);
    }
}

} // namespace thinsnap::test
