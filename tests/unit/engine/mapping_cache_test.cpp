#include "engine/mapping_cache.hpp"

#include <cstdint>
#include <fstream>
#include <optional>

#include <doctest/doctest.h>

namespace thinsnap::test {

using engine::MappingCache;
using thin::Mapping;

TEST_SUITE("engine.mapping_cache") {
    TEST_CASE("a cache knows mapped and unmapped chunks apart from unknown ones") {
        MappingCache cache(1U << 20U);
        const auto device = cache.new_instance();
        CHECK_FALSE(cache.find(device, VirtualChunk(0)).has_value());
        cache.put(device, VirtualChunk(0), Mapping{DataChunk(7), 3});
        cache.put(device, VirtualChunk(1), std::nullopt);
        const auto mapped = cache.find(device, VirtualChunk(0));
        REQUIRE(mapped.has_value());
        CHECK(*mapped == Mapping{DataChunk(7), 3});
        const auto unmapped = cache.find(device, VirtualChunk(1));
        REQUIRE(unmapped.has_value());
        CHECK_FALSE(unmapped->has_value());
    }

    TEST_CASE("the largest chunk and time come back as they were") {
        MappingCache cache(1U << 20U);
        const auto device = cache.new_instance();
        const Mapping largest{DataChunk((std::uint64_t{1} << 40U) - 1), 0xFFFFFE};
        cache.put(device, VirtualChunk(5), largest);
        CHECK(cache.find(device, VirtualChunk(5))->value() == largest);
        cache.put(device, VirtualChunk(6), Mapping{DataChunk(0), 0});
        CHECK(cache.find(device, VirtualChunk(6))->value() == Mapping{DataChunk(0), 0});
    }

    TEST_CASE("devices do not see each other's entries") {
        MappingCache cache(1U << 20U);
        const auto one = cache.new_instance();
        const auto two = cache.new_instance();
        CHECK(one != two);
        cache.put(one, VirtualChunk(0), Mapping{DataChunk(7), 3});
        CHECK_FALSE(cache.find(two, VirtualChunk(0)).has_value());
    }

    TEST_CASE("what is forgotten or cleared is unknown") {
        MappingCache cache(1U << 20U);
        const auto device = cache.new_instance();
        cache.put(device, VirtualChunk(0), Mapping{DataChunk(7), 3});
        cache.put(device, VirtualChunk(1), Mapping{DataChunk(8), 3});
        cache.forget(device, VirtualChunk(0));
        CHECK_FALSE(cache.find(device, VirtualChunk(0)).has_value());
        CHECK(cache.find(device, VirtualChunk(1)).has_value());
        cache.clear();
        CHECK_FALSE(cache.find(device, VirtualChunk(1)).has_value());
    }

    TEST_CASE("a chunk too far away for the cache is never known") {
        MappingCache cache(1U << 20U);
        const auto device = cache.new_instance();
        const VirtualChunk far(std::uint64_t{1} << 40U);
        cache.put(device, far, Mapping{DataChunk(7), 3});
        CHECK_FALSE(cache.find(device, far).has_value());
        CHECK_FALSE(cache.find(device, VirtualChunk(0)).has_value());
    }

    TEST_CASE("a tiny cache gives right answers or none") {
        MappingCache cache(1);
        const auto device = cache.new_instance();
        for (std::uint64_t i = 0; i < 10000; ++i)
            cache.put(device, VirtualChunk(i), Mapping{DataChunk(i), 1});
        std::uint64_t known = 0;
        for (std::uint64_t i = 0; i < 10000; ++i)
            if (const auto found = cache.find(device, VirtualChunk(i))) {
                ++known;
                REQUIRE(found->value() == Mapping{DataChunk(i), 1});
            }
        CHECK(known > 0);
        CHECK(known < 10000);
    }

    TEST_CASE("a cache takes memory as it is used") {
        const auto resident = [] {
            std::ifstream statm("/proc/self/statm");
            std::uint64_t all = 0;
            std::uint64_t pages = 0;
            statm >> all >> pages;
            return pages * 4096;
        };
        constexpr std::uint64_t kBytes = std::uint64_t{256} << 20U;
        const std::uint64_t before = resident();
        MappingCache cache(kBytes);
        cache.put(cache.new_instance(), VirtualChunk(1), std::nullopt);
        CHECK(resident() - before < kBytes / 2);
    }
}

} // namespace thinsnap::test
