#include <thinsnap/error.hpp>

#include "app/maintenance.hpp"
#include "app/stream_io.hpp"
#include "base/uuid.hpp"

#include "service/facts.hpp"
#include "service/method.hpp"

namespace thinsnap::service {

Json backup_facts(const thin::BackupInfo& info) {
    return {{"uuid", to_string(info.uuid)},
            {"transaction_id", info.transaction_id.value()},
            {"chunk_size", info.chunk_size},
            {"data_chunks", info.nr_data_chunks},
            {"metadata_blocks", info.nr_metadata_blocks},
            {"blocks", info.nr_blocks}};
}

namespace {

Json json_of(const thin::Finding& finding) {
    return {{"severity", to_string(finding.severity)},
            {"structure", finding.structure},
            {"block", number_or_null(finding.block)},
            {"device", number_or_null(finding.device)},
            {"begin_chunk", number_or_null(finding.begin)},
            {"length_chunks", finding.length ? Json(*finding.length) : Json(nullptr)},
            {"message", finding.message}};
}

Json json_of(const thin::CheckResult& result, bool cleared) {
    return {{"clean", result.is_clean()},
            {"damages", result.damages},
            {"leaks", result.leaks},
            {"warnings", result.warnings},
            {"devices", result.devices},
            {"mappings", result.mappings},
            {"nodes", result.nodes},
            {"needs_check", result.needs_check && !cleared},
            {"cleared_needs_check", cleared}};
}

Json check(Session& session, const Params& params, Streams& streams) {
    const bool clear = params.flag("clear_needs_check");
    const bool skip_mappings = params.flag("skip_mappings");
    if (clear && skip_mappings)
        throw Error(Errc::invalid_argument,
                    "--clear-needs-check needs a full check, without --skip-mappings");
    app::PoolHandle& handle = clear ? session.closed_pool() : session.metadata();
    streams.head({{"pool", handle.paths().directory.string()}});
    const thin::CheckResult result =
        app::check_pool(handle, skip_mappings, [&](const thin::Finding& finding) {
            Json facts = json_of(finding);
            facts["text"] = thin::describe(finding);
            streams.item(facts);
        });
    const bool good = result.is_clean() || (params.flag("ignore_leaks") && result.damages == 0);
    const bool cleared = clear && good && result.needs_check;
    if (cleared)
        app::clear_needs_check(handle);
    return json_of(result, cleared);
}

Json dump(Session& session, const Params& params, Streams& streams) {
    app::DescriptorSink sink(streams.output(), params.output_name());
    app::dump_pool(session.metadata(),
                   [&](std::string_view text) { sink.write(app::bytes_of(text)); });
    sink.flush();
    return Json::object();
}

Json backup(Session& session, const Params& params, Streams& streams) {
    app::DescriptorSink sink(streams.output(), params.output_name());
    std::uint64_t bytes = 0;
    const thin::BackupInfo info =
        app::backup_pool(session.metadata(), [&](std::span<const std::byte> part) {
            bytes += part.size();
            sink.write(part);
        });
    sink.flush();
    Json facts = backup_facts(info);
    facts["bytes"] = bytes;
    return facts;
}

constexpr Method kMetadataMethods[] = {
    {"pool.check", check},
    {"pool.dump", dump},
    {"pool.backup", backup},
};

} // namespace

std::span<const Method> metadata_methods() {
    return kMetadataMethods;
}

} // namespace thinsnap::service
