#include "layer/file_metadata.hpp"

#include <doctest/doctest.h>

#include "layer/acl.hpp"

namespace thinsnap::test {

using layer::metadata_of;
using layer::OverlayMarks;

namespace {

const std::string kText = "user::rw-,user:5:r--,group::r--,mask::r--,other::r--";

tar::Entry directory() {
    tar::Entry entry;
    entry.type = tar::Type::directory;
    return entry;
}

} // namespace

TEST_SUITE("layer.file_metadata") {
    TEST_CASE("the text of an ACL becomes an attribute in the order of their names") {
        tar::Entry entry = directory();
        entry.xattrs = {{"security.a", "1"}, {"user.z", "2"}};
        entry.access_acl = kText;
        entry.default_acl = kText;
        const auto metadata = metadata_of(entry, OverlayMarks::keep);
        std::vector<std::string> names;
        for (const auto& [name, value] : metadata.xattrs)
            names.push_back(name);
        CHECK(names ==
              std::vector<std::string>{
                  "security.a", "system.posix_acl_access", "system.posix_acl_default", "user.z"});
        CHECK(metadata.xattrs[1].value == layer::acl_from_text(kText));
        CHECK(metadata.left_out == 0);
    }

    TEST_CASE("an ACL that is there as an attribute goes before its text") {
        const auto value =
            layer::acl_from_text("user::rwx,user:7:r--,group::---,mask::r--,other::---");
        tar::Entry entry = directory();
        entry.xattrs = {{"system.posix_acl_access", value.value()}};
        entry.access_acl = kText;
        const auto metadata = metadata_of(entry, OverlayMarks::keep);
        CHECK(metadata.xattrs == entry.xattrs);
        CHECK(metadata.left_out == 0);
    }

    TEST_CASE("an ACL of someone without a number is left out and counted") {
        tar::Entry entry = directory();
        entry.access_acl = "user:joe:r--";
        entry.default_acl = "user:joe:r--";
        const auto metadata = metadata_of(entry, OverlayMarks::keep);
        CHECK(metadata.xattrs.empty());
        CHECK(metadata.left_out == 2);
    }
}

} // namespace thinsnap::test
