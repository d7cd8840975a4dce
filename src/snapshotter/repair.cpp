#include "snapshotter/repair.hpp"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/uuid.hpp"
#include "journal/journal.hpp"
#include "snapshotter/pool_view.hpp"

namespace thinsnap::snapshotter {

namespace {

using journal::Stage;

/// Journal and pool, side by side.
struct Both {
    PoolStatus status;
    std::vector<DeviceId> devices; ///< of the pool, ascending
    bool has_journal = false;
    journal::Contents contents;
    /// Named by a transaction that will be redone: not judged.
    std::vector<DeviceId> pending;
};

DeviceId device_of(const journal::Record& operation) {
    if (const auto* create = std::get_if<journal::PoolCreate>(&operation))
        return create->device;
    if (const auto* snapshot = std::get_if<journal::PoolSnapshot>(&operation))
        return snapshot->device;
    return std::get<journal::PoolDelete>(operation).device;
}

Both look_at(ThinPool& pool, journal::JournalDirectory& directory) {
    Both both{.status = pool.status(), .devices = {}, .contents = {}, .pending = {}};
    for (const DeviceId id : devices_of(pool))
        both.devices.push_back(id);
    std::ranges::sort(both.devices);
    auto contents = journal::read_journal(directory, {.salvage = true});
    both.has_journal = contents.has_value();
    if (!contents) {
        both.contents.transaction = both.status.transaction_id;
        return both;
    }
    both.contents = std::move(*contents);
    const auto& last = both.contents.last;
    if (last && both.contents.damage.empty() &&
        both.contents.transaction == both.status.transaction_id + 1) {
        for (const journal::Record& operation : last->operations)
            both.pending.push_back(device_of(operation));
        both.contents.take_back_last();
    }
    return both;
}

bool has(const std::vector<DeviceId>& devices, DeviceId id) {
    return std::ranges::find(devices, id) != devices.end();
}

void judge_journal(const Both& both, std::vector<Finding>& findings) {
    const auto found = [&](FindingKind kind, std::string text) {
        findings.push_back({.kind = kind, .device = {}, .name = {}, .text = std::move(text)});
    };
    if (!both.has_journal) {
        found(FindingKind::journal_missing,
              fmt::format("there is no journal, and the pool has {} devices", both.devices.size()));
        return;
    }
    if (!both.contents.damage.empty())
        found(FindingKind::journal_damaged, both.contents.damage);
    const std::string uuid = thinsnap::to_string(both.contents.header.pool);
    if (uuid != both.status.uuid)
        found(FindingKind::journal_foreign,
              fmt::format("the journal is of the pool '{}', this is the pool '{}'",
                          uuid,
                          both.status.uuid));
    const std::uint64_t journal = both.contents.transaction.value();
    const std::uint64_t pool = both.status.transaction_id.value();
    if (journal != pool)
        found(FindingKind::transaction_gap,
              fmt::format("the journal is at transaction {}, the pool at {}: the {} is ahead by {}",
                          journal,
                          pool,
                          journal > pool ? "journal" : "pool",
                          journal > pool ? journal - pool : pool - journal));
}

/// What is to be said of an entry of the journal.
std::optional<FindingKind> judge(const Both& both, DeviceId id, Stage stage) {
    if (std::ranges::binary_search(both.devices, id)) {
        if (stage == Stage::preparing)
            return FindingKind::preparing_left;
        if (stage == Stage::condemned)
            return FindingKind::condemned_left;
        return std::nullopt;
    }
    return FindingKind::missing_device;
}

void judge_devices(const Both& both, std::vector<Finding>& findings) {
    const journal::State& state = both.contents.state;
    const auto entry = [&](DeviceId id, Stage stage, const char* what, const std::string& name) {
        const auto kind = has(both.pending, id) ? std::nullopt : judge(both, id, stage);
        if (kind)
            findings.push_back({*kind,
                                id,
                                name,
                                fmt::format("the {} {} on device {} is {}{}",
                                            what,
                                            name,
                                            id.value(),
                                            to_string(stage),
                                            *kind == FindingKind::missing_device
                                                ? ", and the pool has no such device"
                                                : "")});
    };
    for (const auto& [id, layer] : state.layers())
        entry(id, layer.stage, "layer", layer.chain_id ? layer.chain_id->to_string() : "");
    for (const auto& [id, container] : state.containers())
        entry(id, container.stage, "container", container.name);
    for (const DeviceId id : both.devices)
        if (!state.knows(id) && !has(both.pending, id))
            findings.push_back(
                {FindingKind::orphan_device,
                 id,
                 {},
                 fmt::format("device {} of the pool is no layer and no container", id.value())});
}

void judge_images(const Both& both, std::vector<Finding>& findings) {
    const journal::State& state = both.contents.state;
    for (const auto& [name, image] : state.images())
        if (image.top_chain && state.find_layer(*image.top_chain) == nullptr)
            findings.push_back({FindingKind::image_without_layer,
                                {},
                                name,
                                fmt::format("the image {} needs the layer {}, which is not there",
                                            name,
                                            image.top_chain->to_string())});
}

std::vector<Finding> findings_in(const Both& both) {
    std::vector<Finding> findings;
    judge_journal(both, findings);
    const auto of_devices = static_cast<std::ptrdiff_t>(findings.size());
    judge_devices(both, findings);
    std::sort(findings.begin() + of_devices, findings.end(), [](const auto& a, const auto& b) {
        return a.device < b.device;
    });
    judge_images(both, findings);
    return findings;
}

bool lists(std::span<const Finding> findings, FindingKind kind) {
    return std::ranges::any_of(findings, [&](const Finding& f) { return f.kind == kind; });
}

void require_found(std::span<const Finding> chosen, const std::vector<Finding>& found) {
    for (const Finding& finding : chosen)
        if (std::ranges::find(found, finding) == found.end())
            throw Error(Errc::precondition, fmt::format("not found (any more): {}", finding.text));
    for (const Finding& finding : found)
        if (!finding.device && finding.name.empty() && !lists(chosen, finding.kind))
            throw Error(Errc::precondition,
                        fmt::format("this has to be fixed, too: {}", finding.text));
}

/// Takes out of the state what `finding` says. \return what the pool has to do for it
std::optional<PoolOperation> fix(const Finding& finding, journal::State& state) {
    switch (finding.kind) {
    case FindingKind::orphan_device:
        return DeleteDevice{finding.device.value()};
    case FindingKind::missing_device:
        state.forget(finding.device.value());
        return std::nullopt;
    case FindingKind::condemned_left:
    case FindingKind::preparing_left:
        state.forget(finding.device.value());
        return DeleteDevice{finding.device.value()};
    case FindingKind::image_without_layer:
        state.apply(journal::ImageRemoved{finding.name});
        return std::nullopt;
    case FindingKind::journal_missing:
    case FindingKind::journal_damaged:
    case FindingKind::journal_foreign:
    case FindingKind::transaction_gap:
        break;
    }
    return std::nullopt;
}

} // namespace

std::string_view to_string(FindingKind kind) noexcept {
    switch (kind) {
    case FindingKind::journal_missing:
        return "journal_missing";
    case FindingKind::journal_damaged:
        return "journal_damaged";
    case FindingKind::journal_foreign:
        return "journal_foreign";
    case FindingKind::transaction_gap:
        return "transaction_gap";
    case FindingKind::orphan_device:
        return "orphan_device";
    case FindingKind::missing_device:
        return "missing_device";
    case FindingKind::condemned_left:
        return "condemned_left";
    case FindingKind::preparing_left:
        return "preparing_left";
    case FindingKind::image_without_layer:
        break;
    }
    return "image_without_layer";
}

std::vector<Finding> compare(ThinPool& pool, journal::JournalDirectory& directory) {
    return findings_in(look_at(pool, directory));
}

void repair(ThinPool& pool,
            journal::JournalDirectory& directory,
            std::span<const Finding> findings) {
    Both both = look_at(pool, directory);
    require_found(findings, findings_in(both));
    if (findings.empty())
        return;
    if (!both.pending.empty())
        throw Error(Errc::precondition,
                    "the journal's last transaction is to be done first: use the pool once");
    std::vector<PoolOperation> operations;
    for (const Finding& finding : findings)
        if (auto operation = fix(finding, both.contents.state))
            operations.push_back(*operation);
    const TransactionId now = both.status.transaction_id;
    const TransactionId to = std::max(now, both.contents.transaction);
    if (!operations.empty())
        pool.apply(operations, now, now);
    journal::replace_journal(directory,
                             {.pool = parse_uuid(both.status.uuid).value_or(Uuid{}),
                              .generation = both.contents.header.generation + 1},
                             both.contents.state,
                             to);
    if (to != now)
        pool.apply({}, now, to);
}

} // namespace thinsnap::snapshotter
