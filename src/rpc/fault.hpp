#pragma once

#include <exception>
#include <string>
#include <utility>

#include "rpc/json.hpp"

namespace thinsnap::rpc {

/// Codes of JSON-RPC 2.0, and our own from -32000 on.
enum class FaultCode : int {
    parse_error = -32700,     ///< no JSON
    invalid_request = -32600, ///< JSON, and no request; also a message that is too long
    method_not_found = -32601,
    invalid_params = -32602,
    internal_error = -32603,
    failed = -32000,      ///< the request failed; data says how
    interrupted = -32001, ///< it was given up halfway
    broken_pipe = -32002, ///< nobody reads its output any more
    ending = -32003,      ///< it was not begun: the server takes no more
};

/// The answer to a request that has no result.
class Fault : public std::exception {
public:
    /// \param data  an object with what programs may want to know; see thinsnapd(8)
    Fault(FaultCode code, std::string message, Json data = Json::object())
        : code_(code)
        , message_(std::move(message))
        , data_(std::move(data)) {}

    [[nodiscard]] FaultCode code() const noexcept { return code_; }
    [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }
    [[nodiscard]] const Json& data() const noexcept { return data_; }

private:
    FaultCode code_;
    std::string message_;
    Json data_;
};

} // namespace thinsnap::rpc
