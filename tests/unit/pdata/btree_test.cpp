#include <array>
#include <optional>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "unit/pdata/rig.hpp"

namespace thinsnap::test {

using pdata::Btree;
using pdata::NodeView;

namespace {

std::array<std::byte, 8> value_of(std::uint64_t number) {
    std::array<std::byte, 8> value{};
    store_le<std::uint64_t>(value, 0, number);
    return value;
}

struct Tree {
    PdataRig rig;
    Btree btree{rig.transaction, 8};
    MetaBlock root = btree.create_empty();

    void insert(std::uint64_t key) { root = btree.insert(root, key, value_of(key + 1)).root; }
    void insert(std::uint64_t begin, std::uint64_t end) {
        for (std::uint64_t key = begin; key < end; ++key)
            insert(key);
    }
    [[nodiscard]] TreeAudit audit() {
        TreeAudit audit;
        audit_tree(btree.reader(), root, audit);
        audit_space_map(rig, audit);
        return audit;
    }
    void require_sound() {
        const TreeAudit found = audit();
        REQUIRE(found.damage == std::vector<std::string>{});
        REQUIRE(wrong_counts(rig, found) == std::vector<std::string>{});
    }
};

} // namespace

TEST_SUITE("pdata.btree") {
    TEST_CASE("an empty tree is a leaf without entries") {
        Tree tree;
        CHECK(tree.btree.reader().find64(tree.root, 0) == std::nullopt);
        CHECK_FALSE(tree.btree.reader().find_next(tree.root, 0).has_value());
        tree.require_sound();
    }

    TEST_CASE("keys inserted in order fill leaves better than half") {
        Tree tree;
        tree.insert(0, 20000);
        tree.require_sound();
        CHECK(tree.audit().pointers.size() < 20000 / 126);
    }

    TEST_CASE("keys inserted downwards become the first of their nodes") {
        Tree tree;
        for (std::uint64_t key = 20000; key-- > 0;)
            tree.insert(key);
        tree.require_sound();
        CHECK(tree.btree.reader().find64(tree.root, 0) == 1U);
        CHECK(tree.btree.reader().find64(tree.root, 19999) == 20000U);
    }

    TEST_CASE("inserting an existing key replaces its value and gives the old one") {
        Tree tree;
        tree.insert(0, 1000);
        std::array<std::byte, 8> old{};
        const auto change = tree.btree.insert(tree.root, 500, value_of(7), old);
        CHECK(change.found);
        CHECK(load_le<std::uint64_t>(old, 0) == 501);
        CHECK(tree.btree.reader().find64(change.root, 500) == 7U);
    }

    TEST_CASE("removing a key that is not there changes nothing") {
        Tree tree;
        tree.insert(0, 10);
        tree.rig.commit();
        const auto change = tree.btree.remove(tree.root, 10);
        CHECK_FALSE(change.found);
        CHECK(change.root == tree.root);
    }

    TEST_CASE("removing all keys leaves an empty root") {
        Tree tree;
        tree.insert(0, 3000);
        for (std::uint64_t key = 0; key < 3000; ++key) {
            std::array<std::byte, 8> old{};
            const auto change = tree.btree.remove(tree.root, key * 7 % 3000, old);
            REQUIRE(change.found);
            REQUIRE(load_le<std::uint64_t>(old, 0) == key * 7 % 3000 + 1);
            tree.root = change.root;
        }
        CHECK(tree.audit().pointers.size() == 1);
        tree.require_sound();
    }

    TEST_CASE("a walk starts at the first key that is not smaller") {
        Tree tree;
        for (std::uint64_t key = 0; key < 5000; ++key)
            tree.insert(key * 10);
        CHECK(tree.btree.reader().find_next(tree.root, 0)->key == 0);
        CHECK(tree.btree.reader().find_next(tree.root, 1)->key == 10);
        CHECK(tree.btree.reader().find_next(tree.root, 2519)->key == 2520);
        CHECK(tree.btree.reader().find_next(tree.root, 49990)->key == 49990);
        CHECK_FALSE(tree.btree.reader().find_next(tree.root, 49991).has_value());
        std::uint64_t expected = 20010;
        tree.btree.reader().for_each(tree.root, 20001, [&](std::uint64_t key, auto) {
            REQUIRE(key == expected);
            expected += 10;
            return key < 30000;
        });
        CHECK(expected == 30010);
    }

    TEST_CASE("a committed tree is not touched by later changes") {
        Tree tree;
        tree.insert(0, 2000);
        tree.rig.commit();
        const MetaBlock committed = tree.root;
        tree.rig.transaction.inc(committed); // somebody else keeps it
        tree.insert(2000, 4000);
        for (std::uint64_t key = 0; key < 1000; ++key)
            tree.root = tree.btree.remove(tree.root, key).root;
        for (std::uint64_t key = 0; key < 4000; ++key)
            REQUIRE(tree.btree.reader().find64(committed, key).has_value() == (key < 2000));
        CHECK(tree.rig.device.violations().empty());
    }

    TEST_CASE("making a path private copies the path and nothing else") {
        Tree tree;
        tree.insert(0, 60000); // three levels
        tree.rig.commit();
        tree.rig.transaction.inc(tree.root);
        const std::uint64_t before = tree.rig.transaction.space_map().nr_allocated();
        const MetaBlock own = tree.btree.make_path_private(tree.root, 30000);
        CHECK(own != tree.root);
        CHECK(tree.rig.transaction.space_map().nr_allocated() == before + 3);
        CHECK(tree.btree.make_path_private(own, 30000) == own);
        CHECK(tree.rig.transaction.space_map().nr_allocated() == before + 3);
        TreeAudit audit;
        audit_tree(tree.btree.reader(), tree.root, audit);
        audit_tree(tree.btree.reader(), own, audit);
        audit_space_map(tree.rig, audit);
        CHECK(wrong_counts(tree.rig, audit) == std::vector<std::string>{});
    }

    TEST_CASE("releasing a tree frees what nobody else reaches") {
        Tree tree;
        tree.insert(0, 60000);
        tree.rig.transaction.inc(tree.root);
        const MetaBlock other = tree.btree.make_path_private(tree.root, 5);
        tree.btree.release(tree.root);
        tree.root = other;
        tree.require_sound();
        tree.btree.release(tree.root);
        CHECK(tree.rig.transaction.space_map().nr_allocated() == 1); // block 0
    }

    TEST_CASE("a transaction larger than the cache is written early and stays right") {
        Tree tree;
        tree.rig.commit();
        for (std::uint64_t i = 0; i < 60000; ++i)
            tree.insert(i * 7919 % 60013);
        CHECK(tree.rig.cache.stats().early_writes > 0);
        tree.rig.commit();
        tree.rig.cache.drop_all();
        tree.require_sound();
        for (std::uint64_t i = 0; i < 60000; ++i)
            REQUIRE(tree.btree.reader().find64(tree.root, i * 7919 % 60013).has_value());
        CHECK(tree.rig.device.violations().empty());
    }

    TEST_CASE("the largest keys are keys like any other") {
        Tree tree;
        tree.insert(UINT64_MAX);
        tree.insert(0);
        for (std::uint64_t key = 1; key < 600; ++key)
            tree.insert(UINT64_MAX - key);
        tree.require_sound();
        CHECK(tree.btree.reader().find_next(tree.root, 1)->key == UINT64_MAX - 599);
        tree.root = tree.btree.remove(tree.root, UINT64_MAX).root;
        CHECK_FALSE(tree.btree.reader().find64(tree.root, UINT64_MAX).has_value());
        tree.require_sound();
    }

    TEST_CASE("a tree of other values is refused") {
        Tree tree;
        tree.insert(0, 10);
        const pdata::BtreeReader other(tree.rig.cache, 24);
        std::array<std::byte, 24> value{};
        CHECK_THROWS_AS(static_cast<void>(other.find(tree.root, 0, value)), CorruptionError);
    }

    TEST_CASE("a root that points to itself is an error and no endless loop") {
        Tree tree;
        {
            const auto block = tree.rig.cache.write(tree.root, pdata::BlockKind::node);
            pdata::NodeEditor node(block.bytes());
            node.format(false, 8);
            node.insert_child(0, 0, tree.root);
        }
        CHECK_THROWS_AS(static_cast<void>(tree.btree.reader().find64(tree.root, 5)),
                        CorruptionError);
        CHECK_THROWS_AS(tree.btree.reader().for_each(tree.root, 0, [](auto, auto) { return true; }),
                        CorruptionError);
        CHECK_THROWS_AS(tree.btree.release(tree.root), Error);
    }
}

} // namespace thinsnap::test
