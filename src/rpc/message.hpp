#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "rpc/fault.hpp"
#include "rpc/json.hpp"

/// \file
/// The three kinds of messages of JSON-RPC 2.0: requests, answers, and notifications, which want no
/// answer.

namespace thinsnap::rpc {

struct Request {
    Json id = nullptr; ///< a number or a string
    bool is_notification = false;
    std::string method;
    Json params = Json::object();
};

/// Members that JSON-RPC does not know are ignored; parameters by position are refused.
/// \throws Fault(parse_error, invalid_request)
[[nodiscard]] Request parse_request(std::string_view line);

struct Notification {
    std::string method;
    Json params;
};
struct Result {
    Json id;
    Json value;
};
struct Failure {
    Json id;
    Fault fault;
};
/// What a server says. \throws Error(invalid_argument)  none of the three
using Answer = std::variant<Notification, Result, Failure>;
[[nodiscard]] Answer parse_answer(std::string_view line);

[[nodiscard]] std::string request_line(const Json& id, std::string_view method, const Json& params);
[[nodiscard]] std::string notification_line(std::string_view method, const Json& params);
[[nodiscard]] std::string result_line(const Json& id, const Json& result);
/// \param id  null where the request's could not be read
[[nodiscard]] std::string fault_line(const Json& id, const Fault& fault);

} // namespace thinsnap::rpc
