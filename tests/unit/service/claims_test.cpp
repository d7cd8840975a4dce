#include "service/claims.hpp"

#include <atomic>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

namespace thinsnap::test {

namespace {

using namespace std::chrono_literals;
using service::Claims;
using Use = Claims::Use;

Claims::Wish wish(Use use, const std::string& what = "the container one") {
    return {.what = what, .use = use, .by = "cp of process 7"};
}

bool is_refused(Claims& claims, const Claims::Wish& wanted) {
    try {
        const auto claim = claims.take(wanted, {});
        return false;
    } catch (const Error& error) {
        CHECK(error.kind() == Errc::busy);
        CHECK(std::string(error.what()).find("the container one is being") == 0);
        CHECK(std::string(error.what()).find("cp of process 7") != std::string::npos);
        return true;
    }
}

} // namespace

TEST_SUITE("service.claims") {
    TEST_CASE("readers share and a writer is alone") {
        Claims claims;
        {
            const auto reader = claims.take(wish(Use::read), {});
            CHECK_FALSE(is_refused(claims, wish(Use::read)));
            CHECK(is_refused(claims, wish(Use::write)));
            CHECK_FALSE(is_refused(claims, wish(Use::write, "the container two")));
        }
        const auto writer = claims.take(wish(Use::write), {});
        CHECK(is_refused(claims, wish(Use::read)));
        CHECK(is_refused(claims, wish(Use::write)));
    }

    TEST_CASE("a claim moves and ends once") {
        Claims claims;
        auto first = claims.take(wish(Use::write), {});
        Claims::Claim second = std::move(first);
        CHECK(is_refused(claims, wish(Use::read)));
        second = Claims::Claim();
        CHECK_FALSE(is_refused(claims, wish(Use::read)));
    }

    TEST_CASE("who waits goes on as soon as the claim is given back") {
        Claims claims;
        std::optional writer(claims.take(wish(Use::write), {}));
        std::jthread later([&] {
            std::this_thread::sleep_for(30ms);
            writer.reset();
        });
        CHECK_NOTHROW(static_cast<void>(claims.take(wish(Use::write), {.timeout = 20s})));
    }

    TEST_CASE("a wait ends when it is not wanted any more") {
        Claims claims;
        const auto writer = claims.take(wish(Use::write), {});
        const Claims::Patience patience{
            .timeout = 1h, .check_interrupt = [] { throw std::runtime_error("enough"); }};
        CHECK_THROWS_AS(static_cast<void>(claims.take(wish(Use::read), patience)),
                        std::runtime_error);
    }

    TEST_CASE("many threads never hold one thing together") {
        Claims claims;
        std::atomic<int> inside{0};
        std::atomic<bool> together{false};
        {
            std::vector<std::jthread> threads;
            for (int i = 0; i < 8; ++i)
                threads.emplace_back([&] {
                    for (int n = 0; n < 50; ++n) {
                        const auto claim = claims.take(wish(Use::write), {.timeout = 60s});
                        together = together || ++inside != 1;
                        --inside;
                    }
                });
        }
        CHECK_FALSE(together);
    }
}

} // namespace thinsnap::test
