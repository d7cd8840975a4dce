#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "thin/check.hpp"

#include "support/metadata_mutations.hpp"

namespace thinsnap::test {

namespace {

struct Checked {
    thin::CheckResult result;
    std::vector<thin::Finding> findings;
    std::string text;
};

Checked check(MetadataImage& image) {
    Checked checked;
    checked.result = thin::check_metadata(image.device(), {}, [&](const thin::Finding& finding) {
        checked.findings.push_back(finding);
        checked.text += thin::describe(finding) + "\n";
    });
    return checked;
}

void require_found(const Mutation& mutation) {
    CAPTURE(mutation.name);
    auto image = make_rich_metadata();
    const auto before = check(image);
    CHECK_MESSAGE(before.findings.empty(), before.text);
    mutation.mutate(image);
    const auto after = check(image);
    CAPTURE(after.text);
    if (!mutation.severity) {
        CHECK(after.findings.empty());
        return;
    }
    CHECK(std::ranges::any_of(after.findings, [&](const thin::Finding& finding) {
        return finding.severity == *mutation.severity && finding.structure == mutation.structure &&
               finding.message.find(mutation.text) != std::string::npos;
    }));
    CHECK(after.result.is_clean() == (*mutation.severity == thin::Severity::warning));
    CHECK(after.findings.size() < 1000);
}

void require_all_found(const std::vector<Mutation>& mutations) {
    for (const auto& mutation : mutations)
        require_found(mutation);
}

} // namespace

TEST_SUITE("thin.check.mutations") {
    TEST_CASE("every fault of a superblock is found") {
        require_all_found(mutation::superblock_mutations());
    }
    TEST_CASE("every fault of a space map is found") {
        require_all_found(mutation::space_map_mutations());
    }
    TEST_CASE("every fault of a node is found") {
        require_all_found(mutation::node_mutations());
    }
    TEST_CASE("every fault of a device is found") {
        require_all_found(mutation::device_mutations());
    }
    TEST_CASE("needs_check is told and is no fault") {
        auto image = make_rich_metadata();
        CHECK_FALSE(check(image).result.needs_check);
        image.edit_superblock([](thin::Superblock& sb) { sb.flags = 1; });
        CHECK(check(image).result.needs_check);
    }
}

} // namespace thinsnap::test
