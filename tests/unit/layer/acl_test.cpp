#include "layer/acl.hpp"

#include <string>

#include <doctest/doctest.h>

namespace thinsnap::test {

using layer::acl_from_text;
using layer::check_acl;

namespace {

/// As `getfattr -e hex` shows the value that Linux keeps for
/// `setfacl -m u:1000:rw,g:50:r,m::rwx` on a file with mode 0640.
std::string kernel_value() {
    return {"\x02\0\0\0"
            "\x01\0\x06\0\xff\xff\xff\xff"
            "\x02\0\x06\0\xe8\x03\0\0"
            "\x04\0\x04\0\xff\xff\xff\xff"
            "\x08\0\x04\0\x32\0\0\0"
            "\x10\0\x07\0\xff\xff\xff\xff"
            "\x20\0\0\0\xff\xff\xff\xff",
            52};
}

} // namespace

TEST_SUITE("layer.acl") {
    TEST_CASE("the texts of GNU tar and star and getfacl make the kernel's value") {
        for (const char* text :
             {"user::rw-,user:1000:rw-,group::r--,group:50:r--,mask::rwx,other::---",
              "user::rw-,user:joe:rw-:1000,group::r--,group:staff:r--:50,mask::rwx,other::---",
              "user::rw-\nuser:1000:rw-\t#effective:rw-\ngroup::r--\ngroup:50:r--\nmask:rwx\n"
              "other:---\n",
              "o::---,m::rwx,g:50:r,g::r,u:1000:rw,u::rw"}) {
            CAPTURE(text);
            CHECK(acl_from_text(text) == kernel_value());
        }
    }

    TEST_CASE("an ACL of names alone cannot be kept") {
        CHECK_FALSE(acl_from_text("user::rw-,user:joe:rw-,group::r--,mask::rw-,other::---"));
    }

    TEST_CASE("what is no ACL is none") {
        for (const char* text : {"",
                                 "x",
                                 "user::rw-",
                                 "user::rw-,group::r--",
                                 "user::rwz,group::r--,other::r--",
                                 "user::rw-,user:5:r--,group::r--,other::r--",
                                 "user::rw-,user::rw-,group::r--,other::r--",
                                 "user::rw-,user:99999999999:r--,group::r--,mask::r,other::r--",
                                 "user::rw-,user:4294967295:r--,group::r--,mask::r,other::r--",
                                 ":::,::,,"}) {
            CAPTURE(text);
            CHECK_FALSE(acl_from_text(text));
        }
    }

    TEST_CASE("an ACL decides the mode with its mask as the group's part") {
        const auto mode = check_acl(kernel_value());
        REQUIRE(mode);
        CHECK(mode->permissions == 0670);
        CHECK(mode->stored);
    }

    TEST_CASE("an ACL that says what the mode says is not kept") {
        const auto value = acl_from_text("user::rwx,group::r-x,other::--x");
        REQUIRE(value);
        const auto mode = check_acl(*value);
        REQUIRE(mode);
        CHECK(mode->permissions == 0751);
        CHECK_FALSE(mode->stored);
    }

    TEST_CASE("a value that the kernel would refuse is refused") {
        CHECK_FALSE(check_acl(""));
        CHECK_FALSE(check_acl(kernel_value().substr(0, 50)));
        std::string changed = kernel_value();
        changed[0] = 1;
        CHECK_FALSE(check_acl(changed));
        changed = kernel_value();
        changed[4] = 0x40;
        CHECK_FALSE(check_acl(changed));
        changed = kernel_value();
        std::swap_ranges(changed.begin() + 4, changed.begin() + 12, changed.begin() + 12);
        CHECK_FALSE(check_acl(changed));
    }
}

} // namespace thinsnap::test
