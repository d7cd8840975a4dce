#include "dm/kernel_control.hpp"

#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "support/content.hpp"
#include "support/skip.hpp"

namespace thinsnap::test {

TEST_SUITE("dm.kernel_control") {
    TEST_CASE("without device-mapper the error names the embedded pool") {
        if (std::filesystem::exists("/sys/class/misc/device-mapper"))
            return skip("this kernel has device-mapper");
        const auto open = [] { static_cast<void>(dm::open_kernel_control()); };
        CHECK(failure_of(open) == Errc::unsupported);
        CHECK(message_of(open).find("device-mapper") != std::string::npos);
        CHECK(message_of(open).find("embedded pool") != std::string::npos);
    }
}

} // namespace thinsnap::test
