#include "tar/pax.hpp"

#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "tar/pax_header.hpp"

#include "support/content.hpp"
#include "support/random.hpp"

namespace thinsnap::test {

using tar::append_pax_record;
using tar::for_each_pax_record;
using tar::format_pax_time;
using tar::pax_time;

namespace {

using Records = std::vector<std::pair<std::string, std::string>>;

Records records_of(std::string_view body) {
    Records records;
    for_each_pax_record(body, [&](std::string_view key, std::string_view value) {
        records.emplace_back(key, value);
    });
    return records;
}

bool is_refused(std::string_view body) {
    return failure_of([&] { static_cast<void>(records_of(body)); }) == Errc::corrupt;
}

tar::PaxHeader header_of(const Records& records) {
    std::string body;
    for (const auto& [key, value] : records)
        append_pax_record(body, key, value);
    tar::PaxHeader header;
    read_pax_header(body, header);
    return header;
}

} // namespace

TEST_SUITE("tar.pax") {
    TEST_CASE("records come back as they were put in") {
        const Records wanted{{"path", "a\nb=c"},
                             {"k", ""},
                             {"SCHILY.xattr.user.x", std::string("\0\n\xff", 3)},
                             {"long", std::string(100'000, 'y')}};
        std::string body;
        for (const auto& [key, value] : wanted)
            append_pax_record(body, key, value);
        CHECK(records_of(body) == wanted);
    }

    TEST_CASE("a record counts its own length whatever that length is") {
        for (std::size_t length = 0; length < 1200; ++length) {
            std::string body;
            append_pax_record(body, "k", std::string(length, 'v'));
            REQUIRE(std::to_string(body.size()) == body.substr(0, body.find(' ')));
        }
    }

    TEST_CASE("what is not made of whole records is refused") {
        for (const char* body : {"5 a=b",
                                 "6 a=b",
                                 "7 a=b\n",
                                 "5 a=b\n",
                                 "x a=b\n",
                                 " a=b\n",
                                 "-6 a=b\n",
                                 "+6 a=b\n",
                                 "6  a=b\n",
                                 "5 =b\n",
                                 "5 ab\n",
                                 "3 \n",
                                 "2 \n",
                                 "99999999999999999999 a=b\n",
                                 "6 a=b\n6 a"}) {
            CAPTURE(body);
            CHECK(is_refused(body));
        }
    }

    TEST_CASE("times before 1970 have their fraction counted backwards") {
        CHECK(pax_time("mtime", "-1.5") == Timestamp{-2, 500'000'000});
        CHECK(pax_time("mtime", "-0.5") == Timestamp{-1, 500'000'000});
        CHECK(pax_time("mtime", "-0.000000001") == Timestamp{-1, 999'999'999});
        CHECK(pax_time("mtime", "-1") == Timestamp{-1, 0});
        CHECK(pax_time("mtime", "1.5") == Timestamp{1, 500'000'000});
        CHECK(pax_time("mtime", "4294967296.123456789") == Timestamp{4294967296, 123'456'789});
        CHECK(pax_time("mtime", "1.1234567899") == Timestamp{1, 123'456'789});
        CHECK(pax_time("mtime", "1.") == Timestamp{1, 0});
    }

    TEST_CASE("a text that is no time is refused") {
        for (const char* text : {"",
                                 "-",
                                 "x",
                                 "1x",
                                 "1.x",
                                 "1.0000000001x",
                                 "--1",
                                 "+1",
                                 "1.-5",
                                 "99999999999999999999"}) {
            CAPTURE(text);
            CHECK(failure_of([&] { static_cast<void>(pax_time("mtime", text)); }) == Errc::corrupt);
        }
    }

    TEST_CASE("a time's text gives the time again") {
        Random random(test_seed());
        for (int i = 0; i < 2000; ++i) {
            const auto seconds =
                static_cast<std::int64_t>(random.below(1ULL << 36U)) - (1LL << 35U);
            const auto fraction = static_cast<std::uint32_t>(
                random.one_in(3) ? random.below(10) * 100'000'000 : random.below(1'000'000'000));
            const Timestamp time{random.one_in(5) ? seconds % 3 : seconds, fraction};
            CAPTURE(format_pax_time(time));
            REQUIRE(pax_time("mtime", format_pax_time(time)) == time);
        }
        CHECK(format_pax_time({-2, 500'000'000}) == "-1.5");
        CHECK(format_pax_time({-1, 500'000'000}) == "-0.5");
        CHECK(format_pax_time({7, 0}) == "7");
    }

    TEST_CASE("the last record of a key counts and an empty one takes it back") {
        CHECK(header_of({{"path", "a"}, {"path", "b"}}).path == "b");
        CHECK_FALSE(header_of({{"path", "a"}, {"path", ""}}).path);
        CHECK_FALSE(header_of({{"size", "5"}, {"size", ""}}).size);
        CHECK_FALSE(header_of({{"mtime", "5"}, {"mtime", ""}}).mtime);
    }

    TEST_CASE("records that nobody knows are passed over") {
        const auto header =
            header_of({{"comment", "x"}, {"VENDOR.what", "y"}, {"uid", "4000000000"}});
        CHECK(header.uid == 4'000'000'000);
    }

    TEST_CASE("numbers that are none are refused") {
        for (const char* value : {"-1", "x", "1x", " 1", "18446744073709551616", "0x10"}) {
            CAPTURE(value);
            CHECK(failure_of([&] {
                      static_cast<void>(header_of({{"uid", value}}));
                  }) == Errc::corrupt);
        }
    }

    TEST_CASE("a sparse version from the future is unsupported") {
        CHECK(failure_of([] {
                  static_cast<void>(
                      header_of({{"GNU.sparse.major", "2"}, {"GNU.sparse.minor", "0"}}));
              }) == Errc::unsupported);
    }
}

} // namespace thinsnap::test
