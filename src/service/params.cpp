#include "service/params.hpp"

#include <fmt/core.h>

#include "rpc/fault.hpp"

namespace thinsnap::service {

namespace {

using rpc::Json;

[[noreturn]] void refuse(const char* name, const char* must) {
    throw rpc::Fault(rpc::FaultCode::invalid_params,
                     fmt::format("the parameter '{}' {}", name, must),
                     {{"kind", "invalid_argument"}});
}

template <class Value>
Value required(std::optional<Value> value, const char* name) {
    if (!value)
        refuse(name, "is missing");
    return *std::move(value);
}

std::string as_text(const Json& value, const char* name) {
    if (!value.is_string())
        refuse(name, "must be a string");
    return value.get<std::string>();
}

std::uint64_t as_number(const Json& value, const char* name) {
    const bool is_whole =
        value.is_number_unsigned() || (value.is_number_integer() && value.get<std::int64_t>() >= 0);
    if (!is_whole)
        refuse(name, "must be a whole number from 0 on");
    return value.get<std::uint64_t>();
}

DeviceId as_device(const Json& value, const char* name) {
    const std::uint64_t number = as_number(value, name);
    if (number > kMaxDeviceId.value())
        refuse(name, "must be a device id, at most 16777215");
    return DeviceId(static_cast<std::uint32_t>(number));
}

const Json& as_list(const Json* value, const char* name) {
    if (value == nullptr)
        refuse(name, "is missing");
    if (!value->is_array() || value->empty())
        refuse(name, "must be a list with something in it");
    return *value;
}

} // namespace

const Json* Params::find(const char* name) const {
    const auto found = values_.find(name);
    return found == values_.end() || found->is_null() ? nullptr : &*found;
}

std::optional<std::string> Params::find_text(const char* name) const {
    const Json* value = find(name);
    if (value == nullptr)
        return std::nullopt;
    return as_text(*value, name);
}

std::optional<std::uint64_t> Params::find_number(const char* name) const {
    const Json* value = find(name);
    if (value == nullptr)
        return std::nullopt;
    return as_number(*value, name);
}

bool Params::flag(const char* name) const {
    const Json* value = find(name);
    if (value != nullptr && !value->is_boolean())
        refuse(name, "must be true or false");
    return value != nullptr && value->get<bool>();
}

std::string Params::text(const char* name) const {
    return required(find_text(name), name);
}

std::uint64_t Params::number(const char* name) const {
    return required(find_number(name), name);
}

std::vector<std::string> Params::texts(const char* name) const {
    std::vector<std::string> texts;
    for (const Json& value : as_list(find(name), name))
        texts.push_back(as_text(value, name));
    return texts;
}

DeviceId Params::device(const char* name) const {
    const Json* value = find(name);
    if (value == nullptr)
        refuse(name, "is missing");
    return as_device(*value, name);
}

std::vector<DeviceId> Params::devices(const char* name) const {
    std::vector<DeviceId> devices;
    for (const Json& value : as_list(find(name), name))
        devices.push_back(as_device(value, name));
    return devices;
}

} // namespace thinsnap::service
