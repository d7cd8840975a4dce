#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace thinsnap::test {

/// A test case that could not prove anything here, and why.
struct SkippedCase {
    std::string name;
    std::string reason;
};

/// Declares that the running test case cannot run here. It returns: the case leaves by itself.
///
///     if (!have_thin_check())
///         return skip("thin_check is not installed");
///
/// Prints `SKIP: reason`, which tools/check collects. The program exits with 77 when every case it
/// executed was skipped; a failed assertion in a skipped case still fails. One skipped SUBCASE
/// makes its whole case a skipped one, so put variants that may be absent into their own case.
/// Threads: the thread that runs the test case.
void skip(std::string_view reason);

/// Every skip() of this process, in order.
[[nodiscard]] const std::vector<SkippedCase>& skipped_cases();

namespace detail {
/// Names the case to which later skip() calls belong. For the listener in main.cpp.
void enter_case(std::string_view name);
} // namespace detail

} // namespace thinsnap::test
