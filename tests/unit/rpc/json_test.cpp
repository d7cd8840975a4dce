#include "rpc/json.hpp"

#include <string>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

namespace thinsnap::test {

namespace {

using rpc::from_line;
using rpc::Json;
using rpc::to_line;

std::string nested(std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
}

std::string object_of(std::size_t keys) {
    std::string text = "{";
    for (std::size_t i = 0; i < keys; ++i)
        text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
    return text + "}";
}

} // namespace

TEST_SUITE("rpc.json") {
    TEST_CASE("every byte of a name survives the way over the socket") {
        std::string bytes;
        for (int byte = 1; byte < 256; ++byte)
            bytes += static_cast<char>(byte);
        const Json value{{"path", bytes}, {bytes, {"caf\xC3\xA9", "\xF4\x8F\xBA\x80", "\xF4\x8F"}}};
        const std::string line = to_line(value);
        CHECK(line.find('\n') == std::string::npos);
        CHECK(Json::accept(line)); // others can read it, too
        CHECK(from_line(line) == value);
    }

    TEST_CASE("what is UTF-8 stands as it is") {
        CHECK(to_line("caf\xC3\xA9") == "\"caf\xC3\xA9\"");
        CHECK(to_line("\xFF") == "\"\xF4\x8F\xBB\xBF\"");
    }

    TEST_CASE("text that is no JSON is refused") {
        for (const char* text : {"", "{", "{}x", "[1,]", "\"\xFF\"", "nul"})
            CHECK_THROWS_AS(static_cast<void>(from_line(text)), Error);
    }

    TEST_CASE("JSON that is deep or has many keys is refused and no less") {
        CHECK_NOTHROW(static_cast<void>(from_line(nested(rpc::kMaxDepth))));
        CHECK_THROWS_AS(static_cast<void>(from_line(nested(rpc::kMaxDepth + 1))), Error);
        CHECK_NOTHROW(static_cast<void>(from_line(object_of(rpc::kMaxKeys))));
        CHECK_THROWS_AS(static_cast<void>(from_line(object_of(rpc::kMaxKeys + 1))), Error);
        CHECK_NOTHROW(static_cast<void>(
            from_line("[" + object_of(rpc::kMaxKeys) + "," + object_of(rpc::kMaxKeys) + "]")));
    }
}

} // namespace thinsnap::test
