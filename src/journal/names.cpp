#include <array>

#include "journal/objects.hpp"
#include "journal/records.hpp"

namespace thinsnap::journal {

std::string_view to_string(LayerKind kind) noexcept {
    return kind == LayerKind::applied ? "applied" : "committed";
}

std::string_view to_string(Stage stage) noexcept {
    switch (stage) {
    case Stage::preparing:
        return "preparing";
    case Stage::ready:
        return "ready";
    case Stage::condemned:
        break;
    }
    return "condemned";
}

std::string_view name_of(const Record& record) noexcept {
    constexpr std::array<std::string_view, std::variant_size_v<Record>> names{
        "pool create",
        "pool snapshot",
        "pool delete",
        "layer added",
        "layer committed",
        "layer digests",
        "layer removed",
        "container added",
        "container ready",
        "container removed",
        "image set",
        "image removed",
        "condemned",
        "labels set",
        "aborted",
        "checkpoint end",
        "activation set",
        "container moved",
    };
    return record.index() < names.size() ? names[record.index()] : "none";
}

Record record_of(const PoolOperation& operation, bool origin_active) {
    if (const auto* create = std::get_if<CreateThin>(&operation))
        return PoolCreate{create->id};
    if (const auto* snapshot = std::get_if<CreateSnapshot>(&operation))
        return PoolSnapshot{snapshot->id, snapshot->origin, origin_active};
    return PoolDelete{std::get<DeleteDevice>(operation).id};
}

} // namespace thinsnap::journal
