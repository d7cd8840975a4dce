#include <atomic>
#include <thread>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "journal/journal.hpp"
#include "journal/record_codec.hpp"

#include "support/content.hpp"
#include "support/journal_samples.hpp"
#include "support/temp_dir.hpp"

namespace thinsnap::test {

using namespace journal; // NOLINT(google-build-using-namespace) every name here is one of its

TEST_SUITE("journal.reader_threads") {
    TEST_CASE("a reader without a lock sees prefixes beside a writer that makes checkpoints") {
        const TempDir temp;
        const auto directory = open_journal_directory(temp.path().string());
        create_journal(*directory, make_uuid(), TransactionId(0));
        std::atomic<bool> stop = false;
        std::atomic<std::uint64_t> reads = 0;
        std::string wrong;
        std::jthread reader([&] {
            const auto own = open_journal_directory(temp.path().string());
            std::uint64_t before = 0;
            while (!stop) {
                const auto failed = message_of([&] {
                    const Contents contents = read_journal(*own).value();
                    const std::uint64_t now = contents.transaction.value();
                    if (contents.state.size() != now || now < before)
                        wrong =
                            fmt::format("{} entries at transaction {}", contents.state.size(), now);
                    before = now;
                });
                if (!failed.empty())
                    wrong = failed;
                if (!wrong.empty())
                    return;
                ++reads;
            }
        });
        Journal journal(*directory,
                        read_journal(*directory).value(),
                        {.headroom = 4096, .checkpoint_factor = 2, .checkpoint_minimum = 8192});
        State state;
        for (std::uint32_t i = 1; i <= 400 || (reads < 20 && wrong.empty() && i < 5000); ++i) {
            const Record record = container(i, fmt::format("container {}", i));
            std::vector<std::byte> payload;
            encode(PoolCreate{DeviceId(i)}, payload);
            encode(record, payload);
            journal.reserve(payload.size());
            journal.append(FrameKind::change, TransactionId(i), payload);
            state.apply(record);
            if (journal.wants_checkpoint())
                journal.replace(journal.checkpoint_of(state, TransactionId(i)));
        }
        stop = true;
        reader.join();
        CHECK(wrong == "");
        CHECK(reads > 0);
        CHECK(journal.header().generation > 2);
    }
}

} // namespace thinsnap::test
