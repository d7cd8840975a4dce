#include <fstream>
#include <iterator>
#include <string>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "journal/checkpoint.hpp"
#include "journal/reader.hpp"
#include "journal/record_codec.hpp"

#include "support/journal_samples.hpp"

namespace thinsnap::test {

using namespace journal; // NOLINT(google-build-using-namespace) every name here is one of its

namespace {

/// The example of thinsnap-journal(5).
std::vector<std::byte> example() {
    Header header{.pool = {}, .generation = 1};
    for (unsigned char i = 0; i < header.pool.size(); ++i)
        header.pool.at(i) = std::byte{i};
    auto file = make_checkpoint(header, State{}, TransactionId(0)).bytes;
    std::vector<std::byte> payload;
    encode(PoolCreate{DeviceId(1)}, payload);
    encode(ContainerAdded{.device = DeviceId(1),
                          .name = "web",
                          .image = "debian",
                          .created = at_second(1'700'000'000),
                          .virtual_size = 1U << 20U,
                          .labels = {{"a", "b"}}},
           payload);
    const auto frame =
        pack_frame({.transaction = TransactionId(1), .number = 2, .kind = FrameKind::change},
                   payload,
                   frame_seed(header));
    file.insert(file.end(), frame.begin(), frame.end());
    return file;
}

std::string dump(const std::vector<std::byte>& bytes) {
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i % 16 == 0)
            text += fmt::format("{}{:04x} ", i == 0 ? "" : "\n", i);
        text += fmt::format(" {:02x}", std::to_integer<unsigned>(bytes[i]));
    }
    return text + "\n";
}

} // namespace

TEST_SUITE("journal.man_page") {
    TEST_CASE("the example of the manual is what this program writes and reads") {
        std::ifstream file(THINSNAP_MAN_PAGE);
        REQUIRE(file);
        const std::string page{std::istreambuf_iterator<char>{file}, {}};
        const std::string expected = dump(example());
        const bool found = page.find(expected) != std::string::npos;
        if (!found)
            MESSAGE("expected in the page:\n", expected);
        CHECK(found);
        const Contents contents = parse_journal(example(), "example");
        REQUIRE(contents.state.find_container("web") != nullptr);
        CHECK(contents.state.find_container("web")->virtual_size == 1U << 20U);
        CHECK(contents.last->operations == std::vector<Record>{PoolCreate{DeviceId(1)}});
    }
}

} // namespace thinsnap::test
