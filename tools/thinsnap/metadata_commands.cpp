#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "app/maintenance.hpp"

#include "command.hpp"
#include "output.hpp"
#include "service/exit_status.hpp"
#include "service/facts.hpp"
#include "service/request.hpp"

namespace thinsnap::tools {

namespace {

using rpc::Json;

std::string text_of(const Json& result) {
    std::string text = fmt::format("{}: {} damages, {} leaks, {} warnings; {} devices, {} "
                                   "mappings, {} nodes\n",
                                   result.at("clean").get<bool>() ? "clean" : "not clean",
                                   result.at("damages").get<std::uint64_t>(),
                                   result.at("leaks").get<std::uint64_t>(),
                                   result.at("warnings").get<std::uint64_t>(),
                                   result.at("devices").get<std::uint64_t>(),
                                   result.at("mappings").get<std::uint64_t>(),
                                   result.at("nodes").get<std::uint64_t>());
    if (result.at("cleared_needs_check").get<bool>())
        text += "the needs_check flag was set and is cleared\n";
    else if (result.at("needs_check").get<bool>())
        text += "the needs_check flag is set: no writes before 'thinsnap pool check "
                "--clear-needs-check' on a clean pool\n";
    return text;
}

int pool_check(const Context& context, const Arguments& arguments) {
    const bool clear = arguments.has("clear-needs-check");
    const bool ignore_leaks = arguments.has("ignore-leaks");
    service::Request request{.method = "pool.check",
                             .params = {{"clear_needs_check", clear},
                                        {"ignore_leaks", ignore_leaks},
                                        {"skip_mappings", arguments.has("skip-mappings")}}};
    const auto line = [](const Json& finding) {
        return finding.at("text").get<std::string>() + "\n";
    };
    ListDisplay display(context.out, context.json, "findings", {.line = line, .at_once = true});
    display.attach(request);
    if (clear)
        service::release_pool(context.address());
    const Json result = service::carry_out(context.address(), request);
    display.finish(result);
    if (!context.json)
        context.out.text(text_of(result));
    const bool good = result.at("clean").get<bool>() || (ignore_leaks && result.at("damages") == 0);
    return good ? service::kExitOk : service::kExitDamage;
}

int pool_dump(const Context& context, const Arguments& arguments) {
    OutputFile file(arguments.find_text("output").value_or("-"));
    write_to(file, context, {.method = "pool.dump"});
    return 0;
}

int pool_backup(const Context& context, const Arguments& arguments) {
    const std::string& path = arguments.words()[0];
    OutputFile file(path);
    const Json facts = write_to(file, context, {.method = "pool.backup"});
    if (context.json && path != "-")
        context.out.json(facts);
    return 0;
}

int pool_restore(const Context& context, const Arguments& arguments) {
    service::release_pool(context.address());
    const app::RestoredPool restored = app::restore_pool(context.pool,
                                                         {.backup = arguments.words()[0],
                                                          .force = arguments.has("force"),
                                                          .lock_timeout = context.lock_timeout});
    if (context.json) {
        Json facts = service::backup_facts(restored.backup);
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
    return 0;
}

constexpr Option kCheckOptions[] = {
    {"skip-mappings", nullptr, "check superblock, device trees and space maps' structure only"},
    {"ignore-leaks", nullptr, "space counted as used that is not makes no failure"},
    {"clear-needs-check", nullptr, "clear the flag if the check finds nothing"},
};
constexpr Option kDumpOptions[] = {{"output,o", "FILE", "write there, not to standard output"}};
constexpr Option kRestoreOptions[] = {
    {"force", nullptr, "replace metadata that can be read, and lose what came after the backup"}};

constexpr Command kMetadataCommands[] = {
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
    return kMetadataCommands;
}

} // namespace thinsnap::tools
