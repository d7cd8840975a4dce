#include "support/random.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

namespace thinsnap::test {

namespace {

constexpr std::uint64_t kGamma = 0x9E3779B97F4A7C15; // of splitmix64

std::uint64_t scramble(std::uint64_t x) {
    x = (x ^ x >> 30U) * 0xBF58476D1CE4E5B9;
    x = (x ^ x >> 27U) * 0x94D049BB133111EB;
    return x ^ x >> 31U;
}

const char* environment(const char* name) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe) nothing here changes the environment
    return std::getenv(name);
}

} // namespace

std::uint64_t Random::next() {
    state_ += kGamma;
    return scramble(state_);
}

std::uint64_t test_seed() {
    std::uint64_t seed = std::random_device{}();
    if (const char* given = environment("THINSNAP_SEED"))
        seed = std::strtoull(given, nullptr, 0);
    std::printf("seed %llu (THINSNAP_SEED repeats it)\n", static_cast<unsigned long long>(seed));
    std::fflush(stdout); // else a crash hides it
    return seed;
}

bool long_run() {
    return environment("THINSNAP_LONG") != nullptr;
}

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    return scramble(scramble(a + kGamma) ^ (b * kGamma + 1));
}

void fill_pattern(std::span<std::byte> into, std::uint64_t seed, std::uint64_t offset) {
    const std::uint64_t base = scramble(seed + kGamma);
    while (!into.empty()) {
        const std::uint64_t word = scramble(base + offset / 8);
        const std::size_t skip = offset % 8;
        const std::size_t part = std::min<std::size_t>(8 - skip, into.size());
        const std::uint64_t shifted = word >> 8 * skip;
        std::memcpy(into.data(), &shifted, part);
        into = into.subspan(part);
        offset += part;
    }
}

} // namespace thinsnap::test
