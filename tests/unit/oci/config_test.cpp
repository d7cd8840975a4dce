#include "oci/config.hpp"

#include <array>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "support/content.hpp"

namespace thinsnap::test {

namespace {

using oci::append_layer;
using oci::ImageConfig;
using oci::make_config;
using oci::parse_config;

const oci::Platform kPlatform{"linux", "arm64", "v9"};

std::string message_of_parsing(const std::string& text) {
    return message_of([&] { static_cast<void>(parse_config(text)); });
}

std::string with_diff_ids(const std::string& list) {
    return R"({"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":)" + list +
           "}}";
}

} // namespace

TEST_SUITE("oci.config") {
    TEST_CASE("a configuration says what is needed of it and keeps its bytes") {
        const Digest diff_id = Digest::of("layer");
        const std::string text = fmt::format(
            R"({{"created":"2024-05-01T10:00:00.5Z","architecture":"arm","os":"linux","variant":"v7",)"
            R"("config":{{"Env":["A=b"]}},"rootfs":{{"type":"layers","diff_ids":["{}"]}},)"
            R"("history":[{{"created":"2024-05-01T09:00:00Z","created_by":"ADD rootfs","comment":"c"}},)"
            R"({{"created_by":"CMD x","empty_layer":true,"author":"me"}}], "unknown":[null]}})",
            diff_id.to_string());
        const ImageConfig config = parse_config(text);
        CHECK(config.raw == text);
        CHECK(config.digest == Digest::of(text));
        CHECK(to_string(config.platform) == "linux/arm/v7");
        CHECK(config.created == "2024-05-01T10:00:00.5Z");
        REQUIRE(config.diff_ids.size() == 1);
        CHECK(config.diff_ids[0] == diff_id);
        REQUIRE(config.history.size() == 2);
        CHECK(config.history[0].created == "2024-05-01T09:00:00Z");
        CHECK(config.history[0].created_by == "ADD rootfs");
        CHECK(config.history[0].comment == "c");
        CHECK_FALSE(config.history[0].empty_layer);
        CHECK(config.history[1].empty_layer);
        CHECK(config.history[1].author == "me");
    }

    TEST_CASE("a configuration that is none says why") {
        CHECK(message_of_parsing("[]") == "the configuration: expected an object, found an array");
        CHECK(message_of_parsing("{}") == "os is missing");
        CHECK(message_of_parsing(R"({"os":"linux","architecture":"x"})") == "rootfs is missing");
        CHECK(message_of_parsing(R"({"os":"l","architecture":"x","rootfs":{"type":"zip"}})") ==
              "rootfs.type: expected 'layers', found 'zip'");
        CHECK(message_of_parsing(with_diff_ids(R"(["x"])")).find("rootfs.diff_ids[0]: 'x'") == 0);
        CHECK(message_of_parsing(with_diff_ids("[7]")).find("rootfs.diff_ids[0]: a diffID") == 0);
        CHECK(message_of_parsing(with_diff_ids("null")).empty());
    }

    TEST_CASE("a configuration is made the same way each time") {
        const std::string text = make_config(kPlatform,
                                             {.diff_id = Digest::of("a"),
                                              .created = "2026-01-02T03:04:05Z",
                                              .created_by = "import"});
        CHECK(text ==
              fmt::format(R"({{"architecture":"arm64","config":{{}},)"
                          R"("created":"2026-01-02T03:04:05Z",)"
                          R"("history":[{{"created":"2026-01-02T03:04:05Z",)"
                          R"("created_by":"import"}}],"os":"linux",)"
                          R"("rootfs":{{"diff_ids":["{}"],"type":"layers"}},"variant":"v9"}})",
                          Digest::of("a").to_string()));
        CHECK(parse_config(text).platform == kPlatform);
    }

    TEST_CASE("a layer is added and what is unknown stays") {
        const std::string parent = R"({"os":"linux","architecture":"amd64","created":"old",)"
                                   R"("config":{"Cmd":["sh"],"Memory":9007199254740993},)"
                                   R"("rootfs":{"type":"layers","diff_ids":null}})";
        const std::string child =
            append_layer(parent, {.diff_id = Digest::of("b"), .comment = "by \"hand\" \xFF"});
        const ImageConfig config = parse_config(child);
        REQUIRE(config.diff_ids.size() == 1);
        CHECK(config.diff_ids[0] == Digest::of("b"));
        CHECK(config.created.empty());
        REQUIRE(config.history.size() == 1);
        CHECK(config.history[0].comment == "by \"hand\" \xEF\xBF\xBD");
        CHECK(child.find(R"("config":{"Cmd":["sh"],"Memory":9007199254740993})") !=
              std::string::npos);
        const ImageConfig grandchild = parse_config(
            append_layer(child, {.diff_id = Digest::of("c"), .created = "2026-01-02T03:04:05Z"}));
        CHECK(grandchild.diff_ids.size() == 2);
        CHECK(grandchild.history.size() == 2);
        CHECK(grandchild.created == "2026-01-02T03:04:05Z");
        CHECK(failure_of([] { static_cast<void>(append_layer("{}", {Digest::of("b")})); }) ==
              Errc::corrupt);
    }

    TEST_CASE("diffIDs are replaced and nothing else") {
        const std::string text =
            make_config(kPlatform, {.diff_id = Digest::of("a"), .created_by = "x"});
        const std::array other{Digest::of("b"), Digest::of("c")};
        const ImageConfig changed = parse_config(oci::replace_diff_ids(text, other));
        CHECK(changed.diff_ids == std::vector<Digest>{other[0], other[1]});
        const std::array same{Digest::of("a")};
        CHECK(oci::replace_diff_ids(changed.raw, same) == text);
    }
}

} // namespace thinsnap::test
