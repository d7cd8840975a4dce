#include "dm/control.hpp"

#include <cerrno>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "thin/format_pool.hpp"

#include "support/content.hpp"

#include "unit/dm/fake_kernel.hpp"

namespace thinsnap::test {

namespace {

/// A kernel with one mapped device, "d".
class OneDevice {
public:
    OneDevice()
        : metadata_(4U << 20U, 1) {
        thin::format_pool(metadata_.reader(), {.nr_data_chunks = 10});
        kernel_ = std::make_unique<FakeKernel>(metadata_);
        kernel_->add("d", old_table(), false);
    }
    [[nodiscard]] FakeKernel& kernel() { return *kernel_; }
    [[nodiscard]] static dm::Target old_table() {
        return {.bytes = 4096, .type = "thin", .parameters = "253:0 1"};
    }

private:
    FakePoolDevice metadata_;
    std::unique_ptr<FakeKernel> kernel_;
};

using Calls = std::vector<std::string>;

} // namespace

TEST_SUITE("dm.control") {
    TEST_CASE("a suspended device is resumed whatever happens") {
        OneDevice rig;
        SUBCASE("nothing") {
            dm::SuspendGuard guard(rig.kernel(), "d", dm::Suspend::flush);
            CHECK(rig.kernel().is_suspended("d"));
            guard.resume();
        }
        SUBCASE("something is thrown") {
            CHECK_THROWS([&] {
                const dm::SuspendGuard guard(rig.kernel(), "d", dm::Suspend::flush);
                throw Error(Errc::io, "something");
            }());
        }
        CHECK_FALSE(rig.kernel().is_suspended("d"));
        CHECK(rig.kernel().calls == Calls{"suspend d", "resume d"}); // once
    }

    TEST_CASE("a device gets another table while it is suspended") {
        OneDevice rig;
        const dm::Target next = dm::error_target(4096);
        dm::replace_table(rig.kernel(), "d", next, false, dm::Suspend::no_flush);
        CHECK(rig.kernel().table("d") == next);
        CHECK(rig.kernel().calls == Calls{"load d", "suspend without flush d", "resume d"});
    }

    TEST_CASE("a device whose table cannot be replaced keeps the one it has and runs") {
        OneDevice rig;
        rig.kernel().failures["suspend d"] = EIO;
        CHECK(failure_of([&] {
                  dm::replace_table(
                      rig.kernel(), "d", dm::error_target(4096), false, dm::Suspend::flush);
              }) == Errc::io);
        CHECK(rig.kernel().calls.back() == "unload d");
        rig.kernel().resume("d");
        CHECK(rig.kernel().table("d") == OneDevice::old_table());
    }
}

} // namespace thinsnap::test
