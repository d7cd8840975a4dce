#include "conformance/drivers.hpp"

namespace thinsnap::test {

TEST_SUITE("pool.flush") {
    TEST_CASE_TEMPLATE("flushed bytes are there after it is opened again", Harness, POOL_DRIVERS) {
        Harness harness;
        apply_all(harness.pool(), {CreateThin{kOne}});
        {
            const auto device = open(harness.pool(), kOne);
            write_pattern(*device, 1, 12345, 100000);
            device->flush();
        }
        harness.reopen();
        CHECK(holds_pattern(*open(harness.pool(), kOne), 1, 12345, 100000));
        CHECK(harness.pool().status().data.used == 2);
    }

    TEST_CASE_TEMPLATE("a commit keeps what was written to every device", Harness, POOL_DRIVERS) {
        Harness harness;
        apply_all(harness.pool(), {CreateThin{kOne}, CreateThin{kTwo}});
        write_pattern(*open(harness.pool(), kOne), 1, 0, 5000);
        write_pattern(*open(harness.pool(), kTwo), 2, 0, 5000);
        SUBCASE("commit") {
            harness.pool().commit();
        }
        SUBCASE("a batch") {
            apply_all(harness.pool(), {CreateThin{kThree}});
        }
        SUBCASE("a view") {
            static_cast<void>(harness.pool().read_view());
        }
        harness.reopen();
        CHECK(holds_pattern(*open(harness.pool(), kOne), 1, 0, 5000));
        CHECK(holds_pattern(*open(harness.pool(), kTwo), 2, 0, 5000));
    }

    TEST_CASE_TEMPLATE(
        "another handle's flush covers what a closed one wrote", Harness, POOL_DRIVERS) {
        Harness harness;
        apply_all(harness.pool(), {CreateThin{kOne}});
        write_pattern(*open(harness.pool(), kOne), 1, 0, 5000); // and is closed
        open(harness.pool(), kOne)->flush();
        harness.reopen();
        CHECK(holds_pattern(*open(harness.pool(), kOne), 1, 0, 5000));
    }

    TEST_CASE_TEMPLATE("flushing when nothing changed does not commit", Harness, POOL_DRIVERS) {
        Harness harness;
        apply_all(harness.pool(), {CreateThin{kOne}, CreateThin{kTwo}});
        const auto device = open(harness.pool(), kOne);
        write_pattern(*device, 1, 0, kChunk);
        device->flush();
        const std::uint64_t written = harness.metadata().bytes_written();
        const std::uint64_t flushes = harness.data().flushes();
        device->flush();
        write_pattern(*device, 2, 0, kChunk); // in place: the data needs a flush, the metadata none
        device->flush();
        CHECK(harness.metadata().bytes_written() == written);
        if (Harness::kPromises.commits_only_changes) {
            harness.pool().commit();
            CHECK(harness.metadata().bytes_written() == written);
            CHECK(harness.data().flushes() == flushes + 1);
        }
    }

    TEST_CASE_TEMPLATE(
        "what nobody flushed is old or new and never something else", Harness, POOL_DRIVERS) {
        Harness harness;
        apply_all(harness.pool(), {CreateThin{kOne}});
        {
            const auto device = open(harness.pool(), kOne);
            write_pattern(*device, 1, 0, 2 * kChunk);
            device->flush();
            write_pattern(*device, 2, 3 * kChunk, kChunk);
        }
        harness.reopen();
        const auto device = open(harness.pool(), kOne);
        CHECK(holds_pattern(*device, 1, 0, 2 * kChunk));
        CHECK((holds_zeros(*device, 3 * kChunk, kChunk) ||
               holds_pattern(*device, 2, 3 * kChunk, kChunk)));
    }
}

} // namespace thinsnap::test
