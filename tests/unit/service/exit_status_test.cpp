#include "service/exit_status.hpp"

#include <doctest/doctest.h>

namespace thinsnap::test {

TEST_SUITE("service.exit_status") {
    TEST_CASE("a status tells the kind of error that it was made of") {
        for (const Errc kind : {Errc::invalid_argument, Errc::busy, Errc::io, Errc::unsupported})
            CHECK(service::kind_of(service::exit_status(kind)) == kind);
        CHECK(service::kind_of(service::exit_status(Errc::internal)) == Errc::internal);
        CHECK(service::kind_of(service::kExitServed) == Errc::internal);
        CHECK(service::kind_of(service::kExitSignalBase + 9) == Errc::internal);
    }
}

} // namespace thinsnap::test
