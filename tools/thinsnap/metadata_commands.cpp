#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <thinsnap/error.hpp>

#include "app/maintenance.hpp"
#include "app/pool_directory.hpp"

#include "command.hpp"
#include "exit_code.hpp"
#include "output.hpp"

namespace thinsnap::tools {

namespace {

using Json = nlohmann::ordered_json;

Json json_of(const thin::Finding& finding) {
    const auto number = [](const auto& value) {
        return value ? Json(value->value()) : Json(nullptr);
    };
    return {{"severity", to_string(finding.severity)},
            {"structure", finding.structure},
            {"block", number(finding.block)},
            {"device", number(finding.device)},
            {"begin_chunk", number(finding.begin)},
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

std::string text_of(const thin::CheckResult& result, bool cleared) {
    std::string text = fmt::format("{}: {} damages, {} leaks, {} warnings; {} devices, {} "
                                   "mappings, {} nodes\n",
                                   result.is_clean() ? "clean" : "not clean",
                                   result.damages,
                                   result.leaks,
                                   result.warnings,
                                   result.devices,
                                   result.mappings,
                                   result.nodes);
    if (cleared)
        text += "the needs_check flag was set and is cleared\n";
    else if (result.needs_check)
        text += "the needs_check flag is set: no writes before 'thinsnap pool check "
                "--clear-needs-check' on a clean pool\n";
    return text;
}

int pool_check(const Context& context, const Arguments& arguments) {
    const bool clear = arguments.has("clear-needs-check");
    const bool skip_mappings = arguments.has("skip-mappings");
    if (clear && skip_mappings)
        throw Error(Errc::invalid_argument,
                    "--clear-needs-check needs a full check, without --skip-mappings");
    app::PoolHandle handle(context.pool,
                           {.access = clear ? app::Access::exclusive : app::Access::shared,
                            .lock_timeout = context.lock_timeout});
    std::optional<JsonStream> stream;
    if (context.json)
        stream.emplace(context.out, Json{{"pool", handle.paths().directory.string()}}, "findings");
    const thin::CheckResult result =
        app::check_pool(handle, skip_mappings, [&](const thin::Finding& finding) {
            if (stream)
                return stream->add(json_of(finding));
            context.out.text(thin::describe(finding) + "\n");
            context.out.flush(); // seen even if the check cannot go on
        });
    const bool good = result.is_clean() || (arguments.has("ignore-leaks") && result.damages == 0);
    const bool cleared = clear && good && result.needs_check;
    if (cleared)
        app::clear_needs_check(handle);
    if (stream)
        stream->finish(json_of(result, cleared));
    else
        context.out.text(text_of(result, cleared));
    return good ? kExitOk : kExitDamage;
}

int pool_dump(const Context& context, const Arguments& arguments) {
    app::PoolHandle handle(context.pool,
                           {.access = app::Access::shared, .lock_timeout = context.lock_timeout});
    OutputFile file(arguments.find_text("output").value_or("-"));
    app::dump_pool(handle, [&](std::string_view text) { file.write(bytes_of(text)); });
    file.commit();
    return kExitOk;
}

Json json_of(const thin::BackupInfo& info) {
    return {{"uuid", to_string(info.uuid)},
            {"transaction_id", info.transaction_id.value()},
            {"chunk_size", info.chunk_size},
            {"data_chunks", info.nr_data_chunks},
            {"metadata_blocks", info.nr_metadata_blocks},
            {"blocks", info.nr_blocks}};
}

int pool_backup(const Context& context, const Arguments& arguments) {
    const std::string& path = arguments.words()[0];
    app::PoolHandle handle(context.pool,
                           {.access = app::Access::shared, .lock_timeout = context.lock_timeout});
    OutputFile file(path);
    std::uint64_t bytes = 0;
    const thin::BackupInfo info = app::backup_pool(handle, [&](std::span<const std::byte> part) {
        bytes += part.size();
        file.write(part);
    });
    file.commit();
    if (context.json && path != "-") {
        Json facts = json_of(info);
        facts["bytes"] = bytes;
        context.out.json(facts);
    }
    return kExitOk;
}

int pool_restore(const Context& context, const Arguments& arguments) {
    const app::RestoredPool restored = app::restore_pool(context.pool,
                                                         {.backup = arguments.words()[0],
                                                          .force = arguments.has("force"),
                                                          .lock_timeout = context.lock_timeout});
    if (context.json) {
        Json facts = json_of(restored.backup);
        facts["changed"] = restored.changed;
        facts["replaced"] = restored.replaced;
        context.out.json(facts);
    } else if (!restored.changed) {
        context.out.text("the pool already has exactly this metadata; nothing was changed\n");
    } else {
        context.out.text(fmt::format("restored transaction {} in place of {}\n",
                                     restored.backup.transaction_id.value(),
                                     restored.replaced));
    }
    return kExitOk;
}

constexpr Option kCheckOptions[] = {
    {"skip-mappings", nullptr, "check superblock, device trees and space maps' structure only"},
    {"ignore-leaks", nullptr, "space counted as used that is not makes no failure"},
    {"clear-needs-check", nullptr, "clear the flag if the check finds nothing"},
};
constexpr Option kDumpOptions[] = {{"output,o", "FILE", "write there, not to standard output"}};
constexpr Option kRestoreOptions[] = {
    {"force", nullptr, "replace metadata that can be read, and lose what came after the backup"}};

constexpr Command kCommands[] = {
    {"pool", "check", "", "check all metadata", 0, 0, kCheckOptions, pool_check},
    {"pool",
     "dump",
     "",
     "print the metadata as thin_dump does",
     0,
     0,
     kDumpOptions,
     pool_dump,
     Effect::changes},
    {"pool",
     "backup",
     "FILE",
     "copy the metadata to FILE, or to -",
     1,
     1,
     {},
     pool_backup,
     Effect::changes},
    {"pool",
     "restore",
     "FILE",
     "put a backup in place",
     1,
     1,
     kRestoreOptions,
     pool_restore,
     Effect::changes},
};

} // namespace

std::span<const Command> metadata_commands() {
    return kCommands;
}

} // namespace thinsnap::tools
