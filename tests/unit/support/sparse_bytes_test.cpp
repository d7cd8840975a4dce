#include "support/sparse_bytes.hpp"

#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "support/random.hpp"

namespace thinsnap::test {

namespace {

std::vector<std::byte> read(const SparseBytes& bytes, std::uint64_t offset, std::size_t length) {
    std::vector<std::byte> into(length);
    bytes.read(offset, into);
    return into;
}

std::vector<std::byte> pattern(std::uint64_t seed, std::uint64_t offset, std::size_t length) {
    std::vector<std::byte> into(length);
    fill_pattern(into, seed, offset);
    return into;
}

} // namespace

TEST_SUITE("support.sparse_bytes") {
    TEST_CASE("sparse bytes hold what was written at any alignment") {
        SparseBytes bytes(1U << 20U);
        const auto content = pattern(1, 5, 20000);
        bytes.write(4001, content);
        CHECK(read(bytes, 4001, 20000) == content);
        CHECK(read(bytes, 0, 4001) == std::vector<std::byte>(4001));
        CHECK(bytes.pages() == 6);
    }

    TEST_CASE("sparse bytes of a terabyte cost only what was written") {
        SparseBytes bytes(std::uint64_t{1} << 40U);
        bytes.write((std::uint64_t{1} << 40U) - 4, pattern(1, 0, 4));
        CHECK(bytes.pages() == 1);
        bytes.forget(0, bytes.size());
        CHECK(bytes.pages() == 0);
    }

    TEST_CASE("a copy of sparse bytes does not see later writes") {
        SparseBytes original(65536);
        original.write(0, pattern(1, 0, 65536));
        SparseBytes copy = original;
        original.write(100, pattern(2, 0, 10));
        CHECK(read(copy, 0, 65536) == pattern(1, 0, 65536));
        copy.write(200, pattern(3, 0, 10));
        CHECK(read(original, 200, 10) == pattern(1, 200, 10));
        CHECK_FALSE(copy.same(original, 0, 65536));
        CHECK(copy.same(original, 4096, 61440));
    }

    TEST_CASE("a noisy background shows where nothing was written or was forgotten") {
        SparseBytes bytes(65536, SparseBytes::Background::noise);
        const auto noise = read(bytes, 0, 65536);
        CHECK(noise != std::vector<std::byte>(65536));
        bytes.write_zeros(1000, 20000);
        CHECK(read(bytes, 1000, 20000) == std::vector<std::byte>(20000));
        bytes.forget(1000, 20000);
        CHECK(read(bytes, 0, 65536) == noise);
    }

    TEST_CASE("forgetting a part of a page leaves the rest of it") {
        SparseBytes bytes(65536);
        bytes.write(0, pattern(1, 0, 12288));
        bytes.forget(4000, 4200);
        CHECK(read(bytes, 0, 4000) == pattern(1, 0, 4000));
        CHECK(read(bytes, 4000, 4200) == std::vector<std::byte>(4200));
        CHECK(read(bytes, 8200, 4088) == pattern(1, 8200, 4088));
    }

    TEST_CASE("sparse bytes refuse a range behind their end") {
        SparseBytes bytes(4096);
        std::vector<std::byte> two(2);
        CHECK_THROWS_AS(bytes.read(4095, two), Error);
        CHECK_THROWS_AS(bytes.write(UINT64_MAX, two), Error);
        bytes.resize(4097);
        bytes.write(4095, two);
        CHECK(bytes.size() == 4097);
    }
}

} // namespace thinsnap::test
