#include <fmt/format.h>

#include "app/pool_directory.hpp"
#include "journal/journal_directory.hpp"
#include "snapshotter/repair.hpp"

#include "command.hpp"
#include "output.hpp"
#include "service/exit_status.hpp"
#include "service/request.hpp"
#include "text.hpp"

namespace thinsnap::tools {

namespace {

using rpc::Json;
using snapshotter::Finding;

Json json_of(const Finding& finding) {
    return {{"kind", to_string(finding.kind)},
            {"device", finding.device ? Json(finding.device->value()) : Json(nullptr)},
            {"name", finding.name},
            {"message", finding.text}};
}

int repair(const Context& context, const Arguments& arguments) {
    const bool apply = arguments.has("apply");
    service::release_pool(context.address());
    app::PoolHandle handle(context.pool,
                           {.access = apply ? app::Access::exclusive : app::Access::shared,
                            .lock_timeout = context.lock_timeout});
    const auto directory = journal::open_journal_directory(handle.paths().directory.string());
    const auto findings = snapshotter::compare(handle.pool(), *directory);
    Json list = Json::array();
    for (const Finding& finding : findings) {
        list.push_back(json_of(finding));
        if (!context.json)
            context.out.text(
                fmt::format("{}: {}\n", to_string(finding.kind), printable(finding.text)));
    }
    if (apply && !findings.empty())
        snapshotter::repair(handle.pool(), *directory, findings);
    if (context.json)
        context.out.json({{"findings", list}, {"repaired", apply}});
    else if (findings.empty())
        context.out.text("journal and pool agree\n");
    else
        context.out.text(
            fmt::format("{} findings, {}\n",
                        findings.size(),
                        apply ? "all repaired" : "nothing was changed; --apply repairs them"));
    return findings.empty() || apply ? service::kExitOk : service::kExitDamage;
}

constexpr Option kRepairOptions[] = {
    {"apply", nullptr, "do what was shown: delete what nobody knows, forget what is not there"},
};

constexpr Command kRepairCommands[] = {
    {"pool",
     "repair",
     "",
     "compare journal and pool",
     0,
     0,
     kRepairOptions,
     repair,
     Effect::changes},
};

} // namespace

std::span<const Command> repair_commands() {
    return kRepairCommands;
}

} // namespace thinsnap::tools
