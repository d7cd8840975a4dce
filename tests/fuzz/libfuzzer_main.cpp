#include <cstdint>

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return thinsnap::test::fuzz_one(std::as_bytes(std::span{data, size}));
}
