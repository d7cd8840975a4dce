#pragma once

#include <cstddef>
#include <span>

namespace thinsnap::test {

/// The entry of a fuzzer: parses `input` as if it came from a device.
///
/// Each fuzzer's source file defines it. Rejecting the input by an Error is a pass; a crash, a
/// sanitizer report, a failed TS_ASSERT or any other exception is a finding.
/// \return  0; -1 keeps the input out of the corpus (libFuzzer's rule)
int fuzz_one(std::span<const std::byte> input);

} // namespace thinsnap::test
