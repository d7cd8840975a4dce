#include "support/journal_samples.hpp"

#include <utility>

#include <fmt/core.h>

#include "base/endian.hpp"

#include "support/random.hpp"

namespace thinsnap::test {

using namespace journal; // NOLINT(google-build-using-namespace) every name here is one of its

Digest digest(std::uint64_t number) {
    Digest::Bytes bytes{};
    for (std::size_t i = 0; i < bytes.size(); i += 8)
        store_le<std::uint64_t>(bytes, i, mix(number, i));
    return Digest(bytes);
}

Time at_second(std::int64_t second) {
    return Time(std::chrono::seconds(second));
}

std::vector<Record> sample_records() {
    const DeviceId device(0x123456);
    const Time time = at_second(1'700'000'000) + std::chrono::nanoseconds(123'456'789);
    const Labels labels{{"a", ""}, {"containerd.io/gc.root", "2026-11-21T00:00:00Z"}, {"", "b"}};
    return {PoolCreate{device},
            PoolSnapshot{device, DeviceId(0), true},
            PoolDelete{kMaxDeviceId},
            LayerAdded{device, DeviceId(1), LayerKind::committed, time, UINT64_MAX, labels},
            LayerCommitted{device, digest(1), digest(2), {digest(3), digest(4)}, 5, 10U << 30U},
            LayerDigests{device, digest(1), {}, {digest(9)}},
            LayerRemoved{device},
            ContainerAdded{device,
                           "web \xC3\xA9\n",
                           DeviceId(7),
                           "docker.io/library/debian:12",
                           at_second(-1),
                           256,
                           labels,
                           true},
            ContainerReady{device, 65536},
            ContainerRemoved{device},
            ImageSet{{.name = "debian:12",
                      .manifest_digest = digest(11),
                      .manifest = std::string(300, '{'),
                      .config_digest = digest(12),
                      .config = std::string("a\0b", 3),
                      .diff_ids = {digest(2), digest(2)},
                      .top_chain = digest(1),
                      .created = time}},
            ImageRemoved{"debian:12"},
            Condemned{device},
            LabelsSet{device, time, labels},
            Aborted{TransactionId(UINT64_MAX)},
            CheckpointEnd{1, 2, 3, device},
            ActivationSet{device, true, "/srv/web site", true},
            ContainerMoved{device, DeviceId(8), 20U << 30U}};
}

std::vector<Record>
layer(std::uint32_t device, std::uint64_t chain, std::optional<DeviceId> parent) {
    return {LayerAdded{.device = DeviceId(device), .parent = parent, .created = at_second(1)},
            LayerCommitted{.device = DeviceId(device),
                           .chain_id = digest(chain),
                           .diff_id = digest(chain + 1'000'000),
                           .blobs = {digest(chain + 2'000'000)},
                           .size = chain,
                           .virtual_size = 10U << 20U}};
}

Record container(std::uint32_t device, std::string name, std::optional<DeviceId> parent) {
    return ContainerAdded{.device = DeviceId(device),
                          .name = std::move(name),
                          .parent = parent,
                          .image = "debian:12",
                          .created = at_second(2),
                          .virtual_size = 10U << 20U};
}

Image image(std::string name, std::uint64_t chain) {
    return {.name = std::move(name),
            .manifest_digest = digest(3'000'000),
            .manifest = "{}",
            .config_digest = digest(3'000'001),
            .config = "{}",
            .diff_ids = {digest(chain + 1'000'000)},
            .top_chain = digest(chain),
            .created = at_second(3)};
}

void apply_all(State& state, const std::vector<Record>& records) {
    for (const Record& record : records)
        state.apply(record);
}

State large_state(std::uint32_t containers) {
    State state;
    for (std::uint32_t i = 0; i < 200; ++i) // each second one has a parent with a larger id
        apply_all(
            state,
            layer(200 - i, 200 - i, i % 20 == 0 ? std::nullopt : std::optional(DeviceId(201 - i))));
    for (std::uint32_t i = 0; i < 10; ++i)
        state.apply(ImageSet{image(fmt::format("image-{}:latest", i), i * 20 + 1)});
    for (std::uint32_t i = 0; i < containers; ++i)
        state.apply(ContainerAdded{.device = DeviceId(1000 + i),
                                   .name = fmt::format("container-{:08}-of-many", i),
                                   .parent = DeviceId(1 + i % 200),
                                   .image = "docker.io/library/image-1:latest",
                                   .created = at_second(i),
                                   .virtual_size = 10U << 30U,
                                   .labels = {{"containerd.io/gc.root", "yes"}}});
    return state;
}

} // namespace thinsnap::test
