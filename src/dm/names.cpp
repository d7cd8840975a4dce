#include "dm/names.hpp"

#include <charconv>
#include <system_error>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::dm {

namespace {

constexpr std::string_view kInternal = "-io";

} // namespace

Names::Names(std::string_view pool_uuid)
    : uuid_(pool_uuid)
    , pool_(fmt::format("thinsnap-{}", pool_uuid)) {
    if (pool_uuid.empty())
        throw Error(Errc::precondition,
                    "the pool has no UUID, by which the kernel's devices could be told from those "
                    "of other pools; the embedded driver can open it");
}

std::string Names::active(DeviceId id) const {
    return fmt::format("{}-{}", pool_, id.value());
}

std::string Names::internal(DeviceId id) const {
    return fmt::format("{}-{}{}", pool_, id.value(), kInternal);
}

std::optional<DeviceId> Names::parse_active(std::string_view name) const {
    if (!name.starts_with(pool_) || name.size() < pool_.size() + 2 || name[pool_.size()] != '-')
        return std::nullopt;
    name.remove_prefix(pool_.size() + 1);
    std::uint32_t number = 0;
    const char* const end = name.data() + name.size();
    const auto [last, error] = std::from_chars(name.data(), end, number);
    if (error != std::errc{} || last != end || DeviceId(number) > kMaxDeviceId)
        return std::nullopt;
    return DeviceId(number);
}

std::optional<DeviceId> Names::parse_internal(std::string_view name) const {
    if (!name.ends_with(kInternal))
        return std::nullopt;
    name.remove_suffix(kInternal.size());
    return parse_active(name);
}

} // namespace thinsnap::dm
