#include <map>
#include <vector>

#include <doctest/doctest.h>

#include "support/random.hpp"

#include "unit/pdata/rig.hpp"

namespace thinsnap::test {

using pdata::Btree;
using pdata::NodeView;

namespace {

constexpr std::uint64_t kKeys = 12000;

/// Values that are counted as a leaf's values must be: once for each distinct leaf.
class CountedValues final : public pdata::ValueReferences {
public:
    void inc(NodeView leaf) override {
        for (std::uint32_t i = 0; i < leaf.size(); ++i)
            ++counts[leaf.value64(i)];
    }
    void dec(NodeView leaf) override {
        for (std::uint32_t i = 0; i < leaf.size(); ++i)
            drop(leaf.value64(i));
    }
    void drop(std::uint64_t value) {
        REQUIRE(counts[value] > 0);
        if (--counts[value] == 0)
            counts.erase(value);
    }

    std::map<std::uint64_t, std::uint32_t> counts;
};

/// Trees that share nodes, each beside the map that it must equal.
struct Forest {
    struct Tree {
        MetaBlock root;
        std::map<std::uint64_t, std::uint64_t> model;
    };

    explicit Forest(std::uint64_t seed)
        : random(seed) {
        trees.push_back({btree.create_empty(), {}});
    }

    PdataRig rig{8192, 256};
    CountedValues values;
    Btree btree{rig.transaction, 8, &values};
    std::vector<Tree> trees;
    Random random;
    std::uint64_t next_value = 1;

    Tree& any() { return trees[random.below(trees.size())]; }

    void insert(Tree& tree, std::uint64_t key) {
        std::array<std::byte, 8> value{};
        std::array<std::byte, 8> old{};
        store_le<std::uint64_t>(value, 0, next_value);
        const auto change = btree.insert(tree.root, key, value, old);
        REQUIRE(change.found == tree.model.contains(key));
        if (change.found) {
            REQUIRE(load_le<std::uint64_t>(old, 0) == tree.model[key]);
            values.drop(tree.model[key]);
        }
        ++values.counts[next_value];
        tree.root = change.root;
        tree.model[key] = next_value++;
    }

    void remove(Tree& tree, std::uint64_t key) {
        std::array<std::byte, 8> old{};
        const auto change = btree.remove(tree.root, key, old);
        REQUIRE(change.found == tree.model.contains(key));
        tree.root = change.root;
        if (!change.found)
            return;
        REQUIRE(load_le<std::uint64_t>(old, 0) == tree.model[key]);
        values.drop(tree.model[key]);
        tree.model.erase(key);
    }

    void share() {
        const Tree copy = any();
        rig.transaction.inc(copy.root);
        trees.push_back(copy);
    }

    void release() {
        const std::size_t victim = random.below(trees.size());
        btree.release(trees[victim].root);
        trees.erase(trees.begin() + static_cast<std::ptrdiff_t>(victim));
        if (trees.empty())
            trees.push_back({btree.create_empty(), {}});
    }

    void step() {
        Tree& tree = any();
        switch (random.below(40)) {
        case 0:
            return trees.size() < 8 ? share() : release();
        case 1:
            static_cast<void>(rig.commit());
            return;
        case 2: { // a run, as a sequential writer makes it
            const std::uint64_t begin = random.below(kKeys);
            for (std::uint64_t key = begin; key < begin + 800; ++key)
                insert(tree, key);
            return;
        }
        case 3: { // and a discard
            const std::uint64_t begin = random.below(kKeys);
            for (std::uint64_t key = begin; key < begin + 900; ++key)
                remove(tree, key);
            return;
        }
        default:
            if (random.one_in(2))
                return insert(tree, random.below(kKeys));
            return remove(tree, random.below(kKeys));
        }
    }

    void check() {
        TreeAudit audit;
        for (const Tree& tree : trees) {
            audit_tree(btree.reader(), tree.root, audit);
            auto expected = tree.model.begin();
            btree.reader().for_each(tree.root, 0, [&](std::uint64_t key, auto value) {
                REQUIRE(expected != tree.model.end());
                REQUIRE(key == expected->first);
                REQUIRE(load_le<std::uint64_t>(value, 0) == expected->second);
                ++expected;
                return true;
            });
            REQUIRE(expected == tree.model.end());
        }
        audit_space_map(rig, audit);
        REQUIRE(audit.damage == std::vector<std::string>{});
        REQUIRE(wrong_counts(rig, audit) == std::vector<std::string>{});
        REQUIRE(rig.device.violations() == std::vector<std::uint64_t>{});
    }
};

} // namespace

TEST_SUITE("pdata.btree_model") {
    TEST_CASE("trees that share nodes equal their models with exact counts") {
        const std::uint64_t seed = test_seed();
        CAPTURE(seed);
        Forest forest(seed);
        const int steps = long_run() ? 200000 : 6000;
        for (int i = 0; i < steps; ++i) {
            forest.step();
            if (i % 1000 == 0) {
                static_cast<void>(forest.rig.commit());
                forest.check();
                TreeAudit leaves;
                for (const auto& tree : forest.trees)
                    audit_tree(forest.btree.reader(), tree.root, leaves);
                REQUIRE(leaves.value_pointers == forest.values.counts);
            }
        }
        CHECK(forest.rig.cache.stats().hits > 0);
    }
}

} // namespace thinsnap::test
