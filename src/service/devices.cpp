#include <array>
#include <vector>

#include <thinsnap/thin_pool.hpp>

#include "service/json.hpp"
#include "service/method.hpp"

namespace thinsnap::service {

namespace {

/// One batch that keeps the transaction id: it belongs to whoever keeps a journal.
void apply_batch(Session& session, std::span<const PoolOperation> operations) {
    ThinPool& pool = session.raw_pool().pool();
    const TransactionId id = pool.status().transaction_id;
    pool.apply(operations, id, id);
}

Json create_device(Session& session, const Params& params, Streams&) {
    const DeviceId id = params.device("device");
    apply_batch(session, std::array{PoolOperation(CreateThin{id})});
    return {{"device", id.value()}};
}

Json snapshot(Session& session, const Params& params, Streams&) {
    const DeviceId id = params.device("device");
    const DeviceId origin = params.device("origin");
    apply_batch(session, std::array{PoolOperation(CreateSnapshot{id, origin})});
    return {{"device", id.value()}, {"origin", origin.value()}};
}

Json remove_device(Session& session, const Params& params, Streams&) {
    std::vector<PoolOperation> operations;
    Json ids = Json::array();
    for (const DeviceId id : params.devices("devices")) {
        operations.emplace_back(DeleteDevice{id});
        ids.push_back(id.value());
    }
    apply_batch(session, operations);
    return {{"deleted", ids}};
}

Json json_of(const DeviceInfo& info, const DeviceUsage& usage, std::uint64_t chunk_size) {
    return {{"device", info.id.value()},
            {"mapped_chunks", usage.mapped_chunks},
            {"exclusive_chunks", usage.exclusive_chunks},
            {"shared_chunks", usage.shared_chunks()},
            {"mapped_bytes", usage.mapped_chunks * chunk_size},
            {"exclusive_bytes", usage.exclusive_chunks * chunk_size},
            {"shared_bytes", usage.shared_chunks() * chunk_size},
            {"transaction_id", info.transaction_id.value()},
            {"creation_time", info.creation_time},
            {"snapshotted_time", info.snapshotted_time}};
}

Json list_devices(Session& session, const Params&, Streams& streams) {
    app::PoolHandle& handle = session.readable_pool();
    const auto view = handle.pool().read_view();
    const std::uint64_t chunk_size = handle.pool().chunk_size();
    std::vector<DeviceInfo> devices;
    view->for_each_device([&](const DeviceInfo& info) { devices.push_back(info); });
    streams.head({{"pool", handle.paths().directory.string()},
                  {"transaction_id", view->transaction_id().value()},
                  {"chunk_size", chunk_size}});
    for (const DeviceInfo& info : devices)
        streams.item(json_of(info, view->usage(info.id), chunk_size));
    return Json::object();
}

Json diff_devices(Session& session, const Params& params, Streams& streams) {
    const DeviceId left = params.device("left");
    const DeviceId right = params.device("right");
    app::PoolHandle& handle = session.readable_pool();
    const auto view = handle.pool().read_view();
    const std::uint64_t chunk_size = handle.pool().chunk_size();
    streams.head({{"left", left.value()}, {"right", right.value()}, {"chunk_size", chunk_size}});
    std::uint64_t chunks = 0;
    view->diff(left, right, [&](const DiffRun& run) {
        chunks += run.length;
        streams.item({{"kind", to_string(run.kind)},
                      {"begin_chunk", run.begin.value()},
                      {"length_chunks", run.length},
                      {"offset", run.begin.value() * chunk_size},
                      {"length", run.length * chunk_size}});
    });
    return {{"total_chunks", chunks}, {"total_bytes", chunks * chunk_size}};
}

constexpr Method kDeviceMethods[] = {
    {"device.create", create_device},
    {"device.snapshot", snapshot},
    {"device.delete", remove_device},
    {"device.list", list_devices},
    {"device.diff", diff_devices},
};

} // namespace

std::span<const Method> device_methods() {
    return kDeviceMethods;
}

} // namespace thinsnap::service
