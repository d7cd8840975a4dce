#pragma once

#include <cstdint>
#include <span>

namespace thinsnap::test {

/// A stream of numbers that a seed determines, the same on every machine.
class Random {
public:
    explicit Random(std::uint64_t seed)
        : state_(seed) {}

    [[nodiscard]] std::uint64_t next();
    /// In [0, limit); limit at least 1.
    [[nodiscard]] std::uint64_t below(std::uint64_t limit) { return next() % limit; }
    /// True about once in `n` calls.
    [[nodiscard]] bool one_in(std::uint64_t n) { return below(n) == 0; }

private:
    std::uint64_t state_;
};

/// THINSNAP_SEED where it is set, else a new one each time; printed, so that a failure can be run
/// again.
[[nodiscard]] std::uint64_t test_seed();

/// True in the long run, which THINSNAP_LONG asks for.
[[nodiscard]] bool long_run();

/// A number that looks random and that `a` and `b` determine.
[[nodiscard]] std::uint64_t mix(std::uint64_t a, std::uint64_t b = 0);

/// Fills `into` with the bytes that the pattern `seed` has from byte `offset` on: any part of a
/// pattern can be made alone. No two patterns share more than stray bytes.
void fill_pattern(std::span<std::byte> into, std::uint64_t seed, std::uint64_t offset);

} // namespace thinsnap::test
