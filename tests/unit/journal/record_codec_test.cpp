#include "journal/record_codec.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/content.hpp"
#include "support/journal_samples.hpp"

namespace thinsnap::test {

using journal::Record;

namespace {

using Bytes = std::vector<std::byte>;

Bytes bytes_of(std::initializer_list<unsigned> numbers) {
    Bytes bytes;
    for (const unsigned number : numbers)
        bytes.push_back(static_cast<std::byte>(number));
    return bytes;
}

Bytes encoded(const Record& record) {
    Bytes bytes;
    journal::encode(record, bytes);
    return bytes;
}

std::vector<Record> decoded(const Bytes& bytes) {
    std::vector<Record> records;
    journal::for_each_record(bytes, [&](Record&& record) { records.push_back(std::move(record)); });
    return records;
}

std::string refusal_of(const Bytes& bytes) {
    return message_of([&] { (void)decoded(bytes); });
}

} // namespace

TEST_SUITE("journal.record_codec") {
    TEST_CASE("records of every type come back as they were") {
        const auto records = sample_records();
        CHECK(records.size() == std::variant_size_v<Record>);
        Bytes all;
        for (std::size_t i = 0; i < records.size(); ++i) {
            CAPTURE(journal::name_of(records[i]));
            CHECK(records[i].index() == i);
            CHECK(decoded(encoded(records[i])) == std::vector{records[i]});
            journal::encode(records[i], all);
        }
        CHECK(decoded(all) == records);
    }

    TEST_CASE("records of empty fields come back as they were") {
        const std::vector<Record> records{journal::LayerAdded{},
                                          journal::LayerCommitted{},
                                          journal::ContainerAdded{},
                                          journal::ImageSet{},
                                          journal::LabelsSet{}};
        for (const Record& record : records)
            CHECK(decoded(encoded(record)) == std::vector{record});
    }

    TEST_CASE("what is persisted has the numbers of the manual") {
        CHECK(encoded(journal::Condemned{DeviceId(0x0201)}) == bytes_of({32, 4, 1, 2, 0x01, 0x02}));
        CHECK(encoded(journal::PoolSnapshot{DeviceId(2), DeviceId(0), true}) ==
              bytes_of({2, 8, 1, 1, 2, 2, 0, 3, 1, 1}));
        const std::vector<unsigned> types{
            1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 24, 25, 32, 33, 40, 41, 48, 19};
        const auto records = sample_records();
        for (std::size_t i = 0; i < records.size(); ++i)
            CHECK(encoded(records[i]).front() == static_cast<std::byte>(types.at(i)));
    }

    TEST_CASE("an unknown tag or type is passed over from 128 on and refused below") {
        const std::vector<Record> condemned{journal::Condemned{DeviceId(5)}};
        CHECK(decoded(bytes_of({32, 6, 1, 1, 5, 0x80, 1, 99})) == condemned);
        CHECK(decoded(bytes_of({0xFF, 2, 7, 7, 32, 3, 1, 1, 5})) == condemned);
        CHECK(failure_of([&] {
                  (void)decoded(bytes_of({32, 6, 1, 1, 5, 0x7F, 1, 99}));
              }) == Errc::unsupported);
        CHECK(failure_of([&] { (void)decoded(bytes_of({49, 0})); }) == Errc::unsupported);
        CHECK(refusal_of(bytes_of({32, 3, 1, 1, 5, 49, 0})).find("byte 5") != std::string::npos);
    }

    TEST_CASE("bytes that contradict themselves are refused with their place") {
        const std::vector<Bytes> bad{
            bytes_of({32}),                                      // no length
            bytes_of({32, 4, 1, 1, 5}),                          // longer than what is there
            bytes_of({32, 0}),                                   // a field is missing
            bytes_of({32, 6, 1, 1, 5, 1, 1, 5}),                 // a field twice
            bytes_of({32, 6, 1, 4, 0, 0, 0, 1}),                 // a device id over the limit
            bytes_of({32, 11, 1, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0}), // a number of nine bytes
            bytes_of({32, 0x80, 0x80, 0x80, 0x80, 0x80, 0}),     // a length of six bytes
            bytes_of({9, 10, 1, 1, 5, 2, 1, 9, 5, 0, 6, 0}),     // a digest of one byte
            bytes_of({2, 9, 1, 1, 2, 2, 0, 3, 1, 2}),            // neither 0 nor 1
        };
        for (const Bytes& bytes : bad) {
            CAPTURE(bytes.size());
            CHECK(failure_of([&] { (void)decoded(bytes); }) == Errc::corrupt);
            CHECK(refusal_of(bytes).starts_with("record at byte 0"));
        }
    }

    TEST_CASE("no prefix of a record is taken for one") {
        for (const Record& record : sample_records()) {
            const Bytes whole = encoded(record);
            for (std::size_t n = 1; n < whole.size(); ++n)
                CHECK(failure_of([&] {
                          (void)decoded(
                              {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)});
                      }).has_value());
        }
    }
}

} // namespace thinsnap::test
