#include <array>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/pool_directory.hpp"
#include "base/size_text.hpp"

#include "command.hpp"
#include "output.hpp"

namespace thinsnap::tools {

namespace {

using Json = nlohmann::ordered_json;

/// One batch that keeps the transaction id: it belongs to whoever keeps a journal.
void apply_batch(const Context& context, std::span<const PoolOperation> operations) {
    app::PoolHandle handle(context.pool, {.lock_timeout = context.lock_timeout});
    ThinPool& pool = handle.pool();
    const TransactionId id = pool.status().transaction_id;
    pool.apply(operations, id, id);
}

int device_create(const Context& context, const Arguments& arguments) {
    const DeviceId id = parse_device_id(arguments.words()[0]);
    apply_batch(context, std::array{PoolOperation(CreateThin{id})});
    if (context.json)
        context.out.json({{"device", id.value()}});
    return 0;
}

int device_snapshot(const Context& context, const Arguments& arguments) {
    const DeviceId id = parse_device_id(arguments.words()[0]);
    const DeviceId origin = parse_device_id(arguments.text("origin"));
    apply_batch(context, std::array{PoolOperation(CreateSnapshot{id, origin})});
    if (context.json)
        context.out.json({{"device", id.value()}, {"origin", origin.value()}});
    return 0;
}

int device_delete(const Context& context, const Arguments& arguments) {
    std::vector<PoolOperation> operations;
    Json ids = Json::array();
    for (const std::string& word : arguments.words()) {
        operations.emplace_back(DeleteDevice{parse_device_id(word)});
        ids.push_back(parse_device_id(word).value());
    }
    apply_batch(context, operations);
    if (context.json)
        context.out.json({{"deleted", ids}});
    return 0;
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

int device_list(const Context& context, const Arguments&) {
    app::PoolHandle handle(context.pool,
                           {.access = app::Access::shared, .lock_timeout = context.lock_timeout});
    const auto view = handle.pool().read_view();
    const std::uint64_t chunk_size = handle.pool().chunk_size();
    std::vector<DeviceInfo> devices;
    view->for_each_device([&](const DeviceInfo& info) { devices.push_back(info); });

    std::optional<JsonStream> stream;
    if (context.json)
        stream.emplace(context.out,
                       Json{{"pool", handle.paths().directory.string()},
                            {"transaction_id", view->transaction_id().value()},
                            {"chunk_size", chunk_size}},
                       "devices");
    else if (!devices.empty())
        context.out.text(fmt::format("{:>8}  {:>11}  {:>11}  {:>11}  {:>12}  {:>8}  {:>8}\n",
                                     "device",
                                     "mapped",
                                     "exclusive",
                                     "shared",
                                     "transaction",
                                     "created",
                                     "snapped"));
    for (const DeviceInfo& info : devices) {
        const DeviceUsage usage = view->usage(info.id);
        if (stream)
            stream->add(json_of(info, usage, chunk_size));
        else
            context.out.text(fmt::format("{:>8}  {:>11}  {:>11}  {:>11}  {:>12}  {:>8}  {:>8}\n",
                                         info.id.value(),
                                         format_size(usage.mapped_chunks * chunk_size),
                                         format_size(usage.exclusive_chunks * chunk_size),
                                         format_size(usage.shared_chunks() * chunk_size),
                                         info.transaction_id.value(),
                                         info.creation_time,
                                         info.snapshotted_time));
    }
    if (stream)
        stream->finish(Json::object());
    return 0;
}

int device_diff(const Context& context, const Arguments& arguments) {
    const DeviceId left = parse_device_id(arguments.words()[0]);
    const DeviceId right = parse_device_id(arguments.words()[1]);
    app::PoolHandle handle(context.pool,
                           {.access = app::Access::shared, .lock_timeout = context.lock_timeout});
    const auto view = handle.pool().read_view();
    const std::uint64_t chunk_size = handle.pool().chunk_size();
    std::optional<JsonStream> stream;
    if (context.json)
        stream.emplace(
            context.out,
            Json{{"left", left.value()}, {"right", right.value()}, {"chunk_size", chunk_size}},
            "runs");
    std::uint64_t chunks = 0;
    view->diff(left, right, [&](const DiffRun& run) {
        chunks += run.length;
        const std::uint64_t offset = run.begin.value() * chunk_size;
        const std::uint64_t length = run.length * chunk_size;
        if (stream)
            stream->add({{"kind", to_string(run.kind)},
                         {"begin_chunk", run.begin.value()},
                         {"length_chunks", run.length},
                         {"offset", offset},
                         {"length", length}});
        else
            context.out.text(
                fmt::format("{:<10} {:>16} {:>16}\n", to_string(run.kind), offset, length));
    });
    if (stream)
        stream->finish({{"total_chunks", chunks}, {"total_bytes", chunks * chunk_size}});
    return 0;
}

constexpr Option kSnapshotOptions[] = {{"origin", "ORIGIN", "the device to take it of"}};

constexpr Command kCommands[] = {
    {"device", "create", "ID", "make an empty device", 1, 1, {}, device_create, Effect::changes},
    {"device",
     "snapshot",
     "ID --origin ORIGIN",
     "make a snapshot",
     1,
     1,
     kSnapshotOptions,
     device_snapshot,
     Effect::changes},
    {"device",
     "delete",
     "ID...",
     "delete devices, all or none",
     1,
     1U << 24U,
     {},
     device_delete,
     Effect::changes},
    {"device", "list", "", "list devices and what they use", 0, 0, {}, device_list},
    {"device", "diff", "A B", "list the ranges in which two differ", 2, 2, {}, device_diff},
};

} // namespace

std::span<const Command> device_commands() {
    return kCommands;
}

} // namespace thinsnap::tools
