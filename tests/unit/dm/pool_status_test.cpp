#include "dm/pool_status.hpp"

#include <string>

#include <doctest/doctest.h>

#include "support/content.hpp"

namespace thinsnap::test {

using dm::KernelStatus;
using dm::parse_pool_status;
using dm::reason_of;

TEST_SUITE("dm.pool_status") {
    TEST_CASE("the status of a new pool is read") {
        // as Linux 6.1 wrote it
        const auto status =
            parse_pool_status("0 419/4096 0/16384 - rw discard_passdown queue_if_no_space - 1024 ");
        CHECK(status.mode == PoolMode::write);
        CHECK(status.transaction_id == TransactionId(0));
        CHECK(status.used_metadata == 419);
        CHECK(status.total_metadata == 4096);
        CHECK(status.kept_metadata() == 409);
        CHECK(status.used_data == 0);
        CHECK(status.total_data == 16384);
        CHECK_FALSE(status.held_root.has_value());
        CHECK_FALSE(status.needs_check);
        CHECK(status.queues);
        CHECK(reason_of(status).empty());
    }

    TEST_CASE("a held root and the largest transaction id are read") {
        const auto status =
            parse_pool_status("18446744073709551615 113/1024 5/256 87 rw no_discard_passdown "
                              "error_if_no_space - 256");
        CHECK(status.transaction_id == TransactionId(UINT64_MAX));
        CHECK(status.held_root == MetaBlock(87));
        CHECK_FALSE(status.queues);
    }

    TEST_CASE("each mode says why and what to do") {
        const auto reason = [](const std::string& tail, const std::string& metadata) {
            return reason_of(parse_pool_status("1 " + metadata + " 50/50 - " + tail));
        };
        CHECK(reason("out_of_data_space discard_passdown error_if_no_space - 256", "120/1024")
                  .find("pool grow") != std::string::npos);
        CHECK(reason("ro discard_passdown error_if_no_space needs_check 256", "120/1024")
                  .find("pool check") != std::string::npos);
        CHECK(reason("ro discard_passdown error_if_no_space - 256", "1024/1024")
                  .find("--metadata-size") != std::string::npos);
        CHECK(reason("ro discard_passdown error_if_no_space - 256", "120/1024").find("reading") !=
              std::string::npos);
    }

    TEST_CASE("a pool that the kernel gave up has failed") {
        for (const char* const line : {"Fail", "Error", "Fail "}) {
            const auto status = parse_pool_status(line);
            CHECK(status.mode == PoolMode::failed);
            CHECK_FALSE(reason_of(status).empty());
        }
    }

    TEST_CASE("lines of older kernels have fewer words") {
        CHECK_FALSE(
            parse_pool_status("0 9/64 0/16 - rw discard_passdown queue_if_no_space").needs_check);
        CHECK(parse_pool_status("0 9/64 0/16 - ro discard_passdown queue_if_no_space needs_check")
                  .needs_check);
    }

    TEST_CASE("the kernel keeps back a tenth of the metadata and 4096 blocks at most") {
        KernelStatus status;
        status.total_metadata = 512;
        CHECK(status.kept_metadata() == 51);
        status.total_metadata = 1U << 20U;
        CHECK(status.kept_metadata() == 4096);
    }

    TEST_CASE("a line that makes no sense is named in the error") {
        for (const std::string line :
             {"",
              "rw",
              "0 9/64 0/16 - rw discard_passdown",
              "x 9/64 0/16 - rw discard_passdown queue_if_no_space -",
              "0 9-64 0/16 - rw discard_passdown queue_if_no_space -",
              "0 9/64 0/16x - rw discard_passdown queue_if_no_space -",
              "0 9/64 0/16 87x rw discard_passdown queue_if_no_space -",
              "0 9/64 0/16 - wonderful discard_passdown queue_if_no_space -"}) {
            CAPTURE(line);
            const auto parse = [&] { static_cast<void>(parse_pool_status(line)); };
            CHECK(failure_of(parse) == Errc::corrupt);
            CHECK(message_of(parse).find('\'' + line + '\'') != std::string::npos);
        }
    }
}

} // namespace thinsnap::test
