#pragma once

#include <optional>
#include <string>

#include "journal/objects.hpp"
#include "rpc/json.hpp"

/// \file
/// How facts are written in results. The keys of all results are part of the interface, see OUTPUT
/// in thinsnap(8).

namespace thinsnap::service {

using rpc::Json;

/// The value of a quantity, or null.
template <class Value>
[[nodiscard]] Json number_or_null(const std::optional<Value>& value) {
    return value ? Json(value->value()) : Json(nullptr);
}

[[nodiscard]] Json text_or_null(const std::optional<Digest>& digest);

/// "2026-11-21T08:10:00.123456789Z".
[[nodiscard]] std::string time_text(journal::Time time);

} // namespace thinsnap::service
