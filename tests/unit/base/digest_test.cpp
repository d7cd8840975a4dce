#include "base/digest.hpp"

#include <unordered_set>

#include <doctest/doctest.h>

#include "support/content.hpp"

namespace thinsnap::test {

namespace {

// FIPS 180-2, appendix B.1
constexpr const char* kOfAbc =
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

} // namespace

TEST_SUITE("base.digest") {
    TEST_CASE("a digest is the sha256 of the bytes in whatever pieces they come") {
        CHECK(Digest::of("abc").to_string() == kOfAbc);
        Sha256 sum;
        sum.update(std::as_bytes(std::span("ab", 2)));
        sum.update({});
        sum.update(std::as_bytes(std::span("c", 1)));
        CHECK(sum.finish() == Digest::of("abc"));
        CHECK(sum.finish() == Digest::of(""));
    }

    TEST_CASE("a digest is read back from its text") {
        const Digest digest = Digest::parse(kOfAbc);
        CHECK(digest == Digest::of("abc"));
        CHECK(digest.to_string() == kOfAbc);
        CHECK("sha256:" + digest.hex() == kOfAbc);
        CHECK(std::unordered_set<Digest>{digest, Digest::of("abc"), Digest::of("")}.size() == 2);
    }

    TEST_CASE("what is no digest is refused") {
        const std::string good = kOfAbc;
        for (const std::string& text : {std::string(),
                                        good.substr(7),
                                        good.substr(0, good.size() - 1),
                                        good + "0",
                                        "sha256:" + std::string(64, 'A'),
                                        "sha256:../" + std::string(61, '0'),
                                        "SHA256:" + good.substr(7)}) {
            CAPTURE(text);
            CHECK(failure_of([&] { static_cast<void>(Digest::parse(text)); }) ==
                  Errc::invalid_argument);
        }
        CHECK(failure_of([] { static_cast<void>(Digest::parse("sha512:00")); }) ==
              Errc::unsupported);
    }

    TEST_CASE("a chain id depends on the layers below and their order") {
        const Digest a = Digest::of("a");
        const Digest b = Digest::of("b");
        CHECK(chain_id({}, a) == a);
        // printf 'sha256:... sha256:...' | sha256sum, as the specification's example has it
        CHECK(chain_id(a, b) == Digest::of(a.to_string() + " " + b.to_string()));
        CHECK(chain_id(a, b) != chain_id(b, a));
        CHECK(chain_id(chain_id(a, b), a) != chain_id(a, chain_id(b, a)));
    }
}

} // namespace thinsnap::test
