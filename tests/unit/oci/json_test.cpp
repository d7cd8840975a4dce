#include "oci/json.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "support/content.hpp"

namespace thinsnap::test {

namespace {

using oci::Json;

std::string message_of_parsing(const std::string& text) {
    return message_of([&] { static_cast<void>(Json::parse(text)); });
}

} // namespace

TEST_SUITE("oci.json") {
    TEST_CASE("members are found by name and null counts as absent") {
        const Json json =
            Json::parse(R"({"t":"text","n":18446744073709551615,"a":[1,"two"],"z":null,"b":true})");
        CHECK(json.text("t") == "text");
        CHECK(json.number("n") == 18446744073709551615U);
        CHECK(json.array("a").size() == 2);
        CHECK(json.array("a")[1].as_text("a[1]") == "two");
        CHECK(json.flag("b"));
        CHECK_FALSE(json.flag("z"));
        CHECK(json.find("z") == nullptr);
        CHECK(json.text_or_empty("none").empty());
        CHECK(json.array_or_empty("none").empty());
    }

    TEST_CASE("an error names the member and what was found") {
        const Json json = Json::parse(R"({"t":"text","n":-1,"f":1.5,"o":{}})");
        CHECK(message_of([&] { static_cast<void>(json.number("t")); }) ==
              "t: expected a whole number, found text");
        CHECK(message_of([&] { static_cast<void>(json.number("n")); }) ==
              "n: expected a whole number, found a number");
        CHECK(message_of([&] { static_cast<void>(json.number("f")); }) ==
              "f: expected a whole number, found a number");
        CHECK(message_of([&] { static_cast<void>(json.array("o")); }) ==
              "o: expected an array, found an object");
        CHECK(message_of([&] { static_cast<void>(json.text("x")); }) == "x is missing");
        CHECK(message_of([&] { static_cast<void>(json.flag("t")); }) ==
              "t: expected true or false, found text");
        CHECK(failure_of([&] { static_cast<void>(json.member("t").find("x")); }) == Errc::corrupt);
    }

    TEST_CASE("what is no JSON is refused with its offset") {
        CHECK(message_of_parsing("{\"a\":}").find("at byte 6") != std::string::npos);
        for (const char* text : {"", "{", "[1,]", "{} x", "nul", "\"\xFF\"", "{\"a\" 1}"}) {
            CAPTURE(text);
            CHECK(message_of_parsing(text).find("it is no JSON at byte") == 0);
        }
    }

    TEST_CASE("depth and length and number of values are limited") {
        const auto nested = [](std::size_t depth) {
            return std::string(depth, '[') + std::string(depth, ']');
        };
        CHECK(message_of_parsing(nested(oci::kMaxJsonDepth)).empty());
        CHECK(message_of_parsing(nested(oci::kMaxJsonDepth + 1)).find("nested deeper") !=
              std::string::npos);
        CHECK(message_of_parsing(std::string(1'000'000, '[')).find("nested deeper") !=
              std::string::npos);
        CHECK(message_of_parsing(std::string(oci::kMaxJsonBytes + 1, ' ')).find("bytes") !=
              std::string::npos);
        std::string many = "[0";
        for (std::size_t i = 0; i < oci::kMaxJsonValues; ++i)
            many += ",0";
        CHECK(message_of_parsing(many + "]").find("more than 1000000 values") != std::string::npos);
    }

    TEST_CASE("a name that is there twice is refused") {
        CHECK(message_of_parsing(R"({"a":1,"b":2,"a":3})") ==
              "its JSON has 'a' twice in one object");
    }
}

} // namespace thinsnap::test
