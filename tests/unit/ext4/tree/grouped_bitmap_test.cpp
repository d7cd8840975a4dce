#include "ext4/tree/grouped_bitmap.hpp"

#include <map>
#include <set>
#include <vector>

#include <doctest/doctest.h>

#include "ext4/tree/bit_range.hpp"

#include "support/content.hpp"
#include "support/random.hpp"

namespace thinsnap::test {

using ext4::tree::BitmapSource;
using ext4::tree::fill_bits;
using ext4::tree::GroupedBitmap;
using ext4::tree::UnitRun;

namespace {

constexpr std::uint32_t kPerGroup = 256;
constexpr std::uint32_t kChunk = 16;

/// Groups in memory; counts how many were read.
class Groups final : public BitmapSource {
public:
    explicit Groups(std::uint64_t units)
        : units_(units) {}

    void use(std::uint64_t from, std::uint64_t to) {
        for (; from < to; ++from)
            used_.insert(from);
    }
    void apply(const GroupedBitmap::Changes& changes) {
        for (const UnitRun& run : changes.taken)
            for (std::uint32_t i = 0; i < run.count; ++i)
                CHECK(used_.insert(run.start + i).second);
        for (const UnitRun& run : changes.freed)
            for (std::uint32_t i = 0; i < run.count; ++i)
                CHECK(used_.erase(run.start + i) == 1);
    }
    void resize(std::uint64_t units) { units_ = units; }
    void begin_inside_a_chunk(std::uint32_t into) { into_ = into; }
    [[nodiscard]] const std::set<std::uint64_t>& used() const { return used_; }
    [[nodiscard]] int loads() const { return loads_; }

    [[nodiscard]] std::uint32_t group_count() const override {
        return static_cast<std::uint32_t>((units_ + kPerGroup - 1) / kPerGroup);
    }
    [[nodiscard]] std::uint32_t units_in(std::uint32_t group) const override {
        return static_cast<std::uint32_t>(
            std::min<std::uint64_t>(kPerGroup, units_ - std::uint64_t{group} * kPerGroup));
    }
    [[nodiscard]] std::uint32_t free_in(std::uint32_t group) const override {
        const auto from = used_.lower_bound(std::uint64_t{group} * kPerGroup);
        const auto to = used_.lower_bound((std::uint64_t{group} + 1) * kPerGroup);
        return units_in(group) - static_cast<std::uint32_t>(std::distance(from, to));
    }
    [[nodiscard]] std::uint32_t into_chunk(std::uint32_t /*group*/) const override { return into_; }
    void load(std::uint32_t group, std::span<std::uint64_t> words) override {
        ++loads_;
        for (std::uint32_t i = 0; i < units_in(group); ++i)
            if (used_.contains(std::uint64_t{group} * kPerGroup + i))
                fill_bits(words, i, i + 1, true);
    }

private:
    std::uint64_t units_;
    std::uint32_t into_ = 0;
    std::set<std::uint64_t> used_;
    int loads_ = 0;
};

} // namespace

TEST_SUITE("ext4.grouped_bitmap") {
    TEST_CASE("what is taken begins with a chunk that nothing uses") {
        Groups groups(1024);
        groups.use(0, 5);
        groups.use(40, 41);
        GroupedBitmap bitmap(groups, kPerGroup, kChunk);
        CHECK(bitmap.take_chunks(1) == UnitRun{16, 16});
        CHECK(bitmap.take_chunks(100) == UnitRun{48, 96});
        CHECK(bitmap.take_chunks(1000) == UnitRun{144, 112}); // to the end of the group
        CHECK(bitmap.take_chunks(16) == UnitRun{256, 16});
    }

    TEST_CASE("groups that are full or far away are not read") {
        Groups groups(std::uint64_t{kPerGroup} * 10000);
        groups.use(0, std::uint64_t{kPerGroup} * 7 - 10);
        GroupedBitmap bitmap(groups, kPerGroup, kChunk);
        CHECK(bitmap.take_chunks(1) == UnitRun{kPerGroup * 7, 16});
        CHECK(groups.loads() == 1);
    }

    TEST_CASE("the end of a short last group is not taken") {
        Groups groups(kPerGroup + 40);
        groups.use(0, kPerGroup);
        GroupedBitmap bitmap(groups, kPerGroup, kChunk);
        CHECK(bitmap.take_chunks(100) == UnitRun{kPerGroup, 32});
        CHECK_FALSE(bitmap.take_chunks(1).has_value());
        CHECK(bitmap.take_any(100) == UnitRun{kPerGroup + 32, 8});
        CHECK_FALSE(bitmap.take_any(1).has_value());
    }

    TEST_CASE("what was given back is found again when the end is reached") {
        Groups groups(kPerGroup);
        GroupedBitmap bitmap(groups, kPerGroup, kChunk);
        CHECK(bitmap.take_chunks(kPerGroup) == UnitRun{0, kPerGroup});
        CHECK_FALSE(bitmap.take_chunks(1).has_value());
        bitmap.give_back({33, 20});
        CHECK_FALSE(bitmap.take_chunks(1).has_value());
        CHECK(bitmap.take_any(4) == UnitRun{33, 4});
        bitmap.give_back({32, 5});
        CHECK(bitmap.take_chunks(1) == UnitRun{32, 16});
    }

    TEST_CASE("units that are free already cannot be given back") {
        Groups groups(kPerGroup * 2);
        groups.use(10, 20);
        GroupedBitmap bitmap(groups, kPerGroup, kChunk);
        CHECK(failure_of([&] { bitmap.give_back({15, 6}); }) == Errc::corrupt);
        CHECK(failure_of([&] { bitmap.give_back({kPerGroup * 2 - 1, 2}); }) == Errc::corrupt);
        bitmap.give_back({15, 5});
        CHECK_FALSE(bitmap.is_used(15));
        CHECK(bitmap.is_used(14));
    }

    TEST_CASE("chunks that lost their last unit are told") {
        Groups groups(kPerGroup * 2);
        groups.use(0, 100);
        GroupedBitmap bitmap(groups, kPerGroup, kChunk);
        bitmap.give_back({8, 8});
        CHECK(bitmap.freed_chunks().empty());
        bitmap.give_back({0, 8});
        bitmap.give_back({20, 40});
        CHECK(bitmap.freed_chunks() == std::vector<UnitRun>{{0, 16}, {32, 16}});
    }

    TEST_CASE("chunks may begin within a group") {
        Groups groups(kPerGroup * 2);
        groups.begin_inside_a_chunk(10);
        GroupedBitmap bitmap(groups, kPerGroup, kChunk);
        CHECK(bitmap.take_rest_of_chunk(2) == UnitRun{2, 4});
        CHECK_FALSE(bitmap.take_rest_of_chunk(1).has_value());
        CHECK(bitmap.take_chunks(1) == UnitRun{6, 16});
    }

    TEST_CASE("a bitmap that is read again knows of new groups") {
        Groups groups(kPerGroup + 8);
        GroupedBitmap bitmap(groups, kPerGroup, kChunk);
        while (bitmap.take_chunks(64))
            continue;
        groups.apply(bitmap.drain_changes());
        groups.resize(kPerGroup * 3);
        bitmap.forget();
        std::uint32_t taken = 0;
        while (const auto run = bitmap.take_chunks(64))
            taken += run->count;
        CHECK(taken == kPerGroup * 2);
    }

    TEST_CASE("changes are what happened in the end") {
        const std::uint64_t seed = test_seed();
        CAPTURE(seed);
        Random random(seed);
        Groups groups(2000);
        groups.use(100, 700);
        std::set<std::uint64_t> model = groups.used();
        GroupedBitmap bitmap(groups, kPerGroup, kChunk);
        for (int round = 0; round < 2000; ++round) {
            const auto most = static_cast<std::uint32_t>(1 + random.below(60));
            std::optional<UnitRun> run;
            if (random.one_in(3))
                run = bitmap.take_chunks(most);
            else if (random.one_in(3))
                run = bitmap.take_any(most);
            for (std::uint32_t i = 0; run && i < run->count; ++i)
                REQUIRE(model.insert(run->start + i).second);
            for (int n = 0; n < 20 && !model.empty(); ++n) {
                const auto victim = model.lower_bound(random.below(2000));
                if (victim == model.end())
                    continue;
                bitmap.give_back({*victim, 1});
                model.erase(victim);
            }
            if (random.one_in(50)) {
                groups.apply(bitmap.drain_changes());
                REQUIRE(groups.used() == model);
                if (random.one_in(2))
                    bitmap.forget();
            }
        }
        groups.apply(bitmap.drain_changes());
        CHECK(groups.used() == model);
    }
}

} // namespace thinsnap::test
