#include "ext4/tree/gathered_writes.hpp"

#include <cstring>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace thinsnap::test {

using ext4::tree::FsBlock;
using ext4::tree::GatheredWrites;
using ext4::tree::kBlockBytes;

namespace {

struct Seen {
    std::vector<std::pair<std::uint64_t, std::size_t>> writes;
    std::vector<std::byte> last;

    GatheredWrites gather() {
        return GatheredWrites([this](FsBlock start, std::span<const std::byte> content) {
            writes.emplace_back(start.value(), content.size() / kBlockBytes);
            last.assign(content.begin(), content.end());
        });
    }
};

constexpr std::size_t kMost = GatheredWrites::kMaxBytes / kBlockBytes;

void fill(GatheredWrites& gathered, std::uint64_t block, int value) {
    const auto memory = gathered.next_block(FsBlock(block));
    std::memset(memory.data(), value, memory.size());
}

} // namespace

TEST_SUITE("ext4.gathered_writes") {
    TEST_CASE("neighbours become one write") {
        Seen seen;
        auto gathered = seen.gather();
        fill(gathered, 7, 1);
        fill(gathered, 8, 2);
        fill(gathered, 10, 3);
        CHECK(seen.writes == std::vector<std::pair<std::uint64_t, std::size_t>>{{7, 2}});
        CHECK(seen.last[kBlockBytes] == std::byte{2});
        gathered.flush();
        gathered.flush();
        CHECK(seen.writes.size() == 2);
    }

    TEST_CASE("a write is no longer than the memory") {
        Seen seen;
        auto gathered = seen.gather();
        fill(gathered, 99, 1);
        gathered.append(FsBlock(100), std::vector<std::byte>(kBlockBytes * (kMost + 5)));
        gathered.flush();
        CHECK(seen.writes ==
              std::vector<std::pair<std::uint64_t, std::size_t>>{{99, kMost}, {99 + kMost, 6}});
    }

    TEST_CASE("blocks that are freed are written before they can come back") {
        Seen seen;
        auto gathered = seen.gather();
        fill(gathered, 20, 1);
        fill(gathered, 21, 1);
        gathered.settle({FsBlock(22), 5});
        gathered.settle({FsBlock(10), 10});
        CHECK(seen.writes.empty());
        gathered.settle({FsBlock(10), 11});
        CHECK(seen.writes.size() == 1);
    }
}

} // namespace thinsnap::test
