#include "tar/xattr_record.hpp"

#include <doctest/doctest.h>

#include "tar/pax.hpp"

#include "unit/tar/reading.hpp"

namespace thinsnap::test {

using tar::read_xattr_record;
using tar::XattrForm;

namespace {

std::string record_of(const Xattr& xattr) {
    std::string body;
    tar::append_xattr_record(body, xattr);
    return body;
}

Xattr read_back(const std::string& body, XattrForm form) {
    std::optional<tar::XattrRecord> record;
    tar::for_each_pax_record(body, [&](std::string_view key, std::string_view value) {
        record = read_xattr_record(key, value);
    });
    REQUIRE(record);
    CHECK(record->form == form);
    return record->xattr;
}

std::optional<Errc> kind_of(const std::string& key, const std::string& value) {
    return failure_of([&] { static_cast<void>(read_xattr_record(key, value)); });
}

} // namespace

TEST_SUITE("tar.xattr_record") {
    TEST_CASE("values are bytes and names are what they are") {
        for (const Xattr& xattr : {Xattr{"user.a", std::string("\0\n=\xff", 4)},
                                   Xattr{"user.e", ""},
                                   Xattr{"user.p%3D \n\xff", "x"}}) {
            CHECK(record_of(xattr).find("SCHILY.xattr." + xattr.name + "=") != std::string::npos);
            CHECK(read_back(record_of(xattr), XattrForm::schily) == xattr);
        }
    }

    TEST_CASE("a name with an equals sign goes in the form of bsdtar") {
        CHECK(record_of({"user.a=b", "va=l%"}) == "39 LIBARCHIVE.xattr.user.a%3Db=dmE9bCU\n");
        std::string value;
        for (int i = 0; i < 300; ++i) {
            const Xattr xattr{"user.=%3D% \n\x7f\xff", value};
            CAPTURE(i);
            REQUIRE(read_back(record_of(xattr), XattrForm::libarchive) == xattr);
            value += static_cast<char>(i * 7);
        }
    }

    TEST_CASE("base 64 may have its padding and nothing else") {
        const auto record = read_xattr_record("LIBARCHIVE.xattr.user.a%20b%3D", "AAEC/w==");
        REQUIRE(record);
        CHECK(record->xattr == Xattr{"user.a b=", std::string("\0\1\2\xff", 4)});
        CHECK(kind_of("LIBARCHIVE.xattr.user.a", "a b") == Errc::corrupt);
    }

    TEST_CASE("other records are not attributes") {
        CHECK_FALSE(read_xattr_record("path", "x"));
        CHECK_FALSE(read_xattr_record("SCHILY.acl.access", "x"));
    }

    TEST_CASE("attributes that Linux cannot hold are refused in both forms") {
        for (const std::string prefix : {"SCHILY.xattr.", "LIBARCHIVE.xattr."}) {
            CHECK(kind_of(prefix, "x") == Errc::corrupt);
            CHECK(kind_of(prefix + std::string(256, 'n'), "x") == Errc::corrupt);
            CHECK_FALSE(kind_of(prefix + std::string(255, 'n'), "x"));
        }
        CHECK(kind_of("LIBARCHIVE.xattr.user.%00", "x") == Errc::corrupt);
        CHECK(kind_of("SCHILY.xattr.user.a", std::string(65'537, 'x')) == Errc::corrupt);
        CHECK_FALSE(kind_of("SCHILY.xattr.user.a", std::string(65'536, 'x')));
        CHECK(kind_of("LIBARCHIVE.xattr.user.a", std::string(87'384, 'x')) == Errc::corrupt);
    }

    TEST_CASE("of one name in both forms the one that all know counts in either order") {
        const std::pair<std::string, std::string> schily{"SCHILY.xattr.user.b", "known"};
        const std::pair<std::string, std::string> libarchive{"LIBARCHIVE.xattr.user.b", "Mw"};
        for (const TarBuilder::Records& records :
             {TarBuilder::Records{schily, libarchive}, {libarchive, schily}})
            CHECK(read_one(TarBuilder().add({.name = "f", .pax = records})).entry.xattrs ==
                  std::vector<Xattr>{{"user.b", "known"}});
    }
}

} // namespace thinsnap::test
