#include <cerrno>
#include <set>
#include <string_view>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "base/error_kinds.hpp"

namespace thinsnap::test {

TEST_SUITE("base.error") {
    TEST_CASE("the kind of a system error follows from errno") {
        CHECK(SystemError(ENOSPC, "x").kind() == Errc::no_space);
        CHECK(SystemError(EDQUOT, "x").kind() == Errc::no_space);
        CHECK(SystemError(ENOENT, "x").kind() == Errc::not_found);
        CHECK(SystemError(EEXIST, "x").kind() == Errc::already_exists);
        CHECK(SystemError(EBUSY, "x").kind() == Errc::busy);
        CHECK(SystemError(EROFS, "x").kind() == Errc::read_only);
        CHECK(SystemError(EINVAL, "x").kind() == Errc::invalid_argument);
        CHECK(SystemError(EOPNOTSUPP, "x").kind() == Errc::unsupported);
        CHECK(SystemError(EIO, "x").kind() == Errc::io);
        CHECK(SystemError(EFBIG, "x").kind() == Errc::io);
    }

    TEST_CASE("a system error says what was done and what the system said") {
        const SystemError error(ENOSPC, "writing /pool/data");
        CHECK(error.error() == ENOSPC);
        CHECK(std::string_view(error.what()) == "writing /pool/data: No space left on device");
    }

    TEST_CASE("context comes to stand before the message") {
        Error error(Errc::not_found, "no such device");
        error.add_context("opening 5");
        error.add_context("pool /p");
        CHECK(std::string_view(error.what()) == "pool /p: opening 5: no such device");
        CHECK(error.kind() == Errc::not_found);
    }

    TEST_CASE("a corruption error names structure and block") {
        const CorruptionError error("btree node", 17, "checksum differs");
        CHECK(error.kind() == Errc::corrupt);
        CHECK(error.block() == 17);
        const std::string_view text = error.what();
        CHECK(text.find("btree node") != std::string_view::npos);
        CHECK(text.find("17") != std::string_view::npos);
        CHECK(text.find("checksum differs") != std::string_view::npos);
    }

    TEST_CASE("each kind has a word of its own") {
        std::set<std::string_view> words;
        for (const Errc kind : kErrorKinds)
            words.insert(to_string(kind));
        CHECK(words.size() == kErrorKinds.size());
        CHECK(to_string(Errc::no_space) == "no_space");
    }
}

} // namespace thinsnap::test
