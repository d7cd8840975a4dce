#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/metadata_mutations.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"
#include "support/tool.hpp"

namespace thinsnap::test {

namespace {

void save(MetadataImage& image, const std::filesystem::path& path) {
    std::vector<std::byte> bytes(image.device().size());
    image.device().read(0, bytes);
    std::string text(bytes.size(), '\0');
    std::memcpy(text.data(), bytes.data(), bytes.size());
    std::ofstream(path, std::ios::binary) << text;
}

} // namespace

// What the table says of thin_check is what makes our own check necessary: if a later version sees
// more, this tells.
TEST_SUITE("interop.mutations") {
    TEST_CASE("thin_check sees the faults that it is known to see and no others") {
        if (!have_tool("thin_check"))
            return skip("thin_check is not installed");
        const TempDir directory;
        const auto path = directory / "metadata";
        auto whole = make_rich_metadata();
        save(whole, path);
        const auto clean = run_tool({"thin_check", path});
        REQUIRE_MESSAGE(clean.status == 0, clean.errors);
        for (const auto& mutation : all_mutations()) {
            CAPTURE(mutation.name);
            auto image = make_rich_metadata();
            mutation.mutate(image);
            save(image, path);
            const auto run = run_tool({"thin_check", path});
            CAPTURE(run.errors);
            CHECK((run.status == 0) == mutation.thin_check_passes);
        }
    }
}

} // namespace thinsnap::test
