#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <thinsnap/types.hpp>

#include "rpc/json.hpp"

namespace thinsnap::service {

/// A request's parameters, by name. What is null is as good as missing.
/// Every call throws rpc::Fault(invalid_params) when the value is of another type.
class Params {
public:
    /// \param values  an object; must outlive this
    explicit Params(const rpc::Json& values)
        : values_(values) {}

    [[nodiscard]] std::optional<std::string> find_text(const char* name) const;
    [[nodiscard]] std::optional<std::uint64_t> find_number(const char* name) const;
    /// False when it is missing.
    [[nodiscard]] bool flag(const char* name) const;

    /// What errors call the descriptor that the caller handed over to be written.
    [[nodiscard]] std::string output_name() const {
        return find_text("output").value_or("the output");
    }

    // What must be there:
    [[nodiscard]] std::string text(const char* name) const;
    [[nodiscard]] std::uint64_t number(const char* name) const;
    /// At least one.
    [[nodiscard]] std::vector<std::string> texts(const char* name) const;
    [[nodiscard]] DeviceId device(const char* name) const;
    [[nodiscard]] std::vector<DeviceId> devices(const char* name) const;

private:
    [[nodiscard]] const rpc::Json* find(const char* name) const;

    const rpc::Json& values_;
};

} // namespace thinsnap::service
