#include "service/json.hpp"

#include "base/timestamp.hpp"

namespace thinsnap::service {

Json text_or_null(const std::optional<Digest>& digest) {
    return digest ? Json(digest->to_string()) : Json(nullptr);
}

std::string time_text(journal::Time time) {
    return format_rfc3339(timestamp_of(time), Fraction::always);
}

} // namespace thinsnap::service
