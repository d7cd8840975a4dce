#include "rpc/message.hpp"

#include <utility>

#include <thinsnap/error.hpp>

namespace thinsnap::rpc {

namespace {

[[noreturn]] void refuse(const char* why) {
    throw Fault(FaultCode::invalid_request, why);
}

bool is_version_2(const Json& message) {
    const auto version = message.find("jsonrpc");
    return version != message.end() && *version == "2.0";
}

/// The member, or null.
Json take(Json& message, const char* name) {
    const auto found = message.find(name);
    return found == message.end() ? Json(nullptr) : std::move(*found);
}

[[noreturn]] void refuse_answer(const char* why) {
    throw Error(Errc::invalid_argument, why);
}

Fault parse_fault(Json error) {
    const Json code = take(error, "code");
    const Json message = take(error, "message");
    Json data = take(error, "data");
    if (!code.is_number_integer() || !message.is_string())
        refuse_answer("an answer with an error that is none");
    return {static_cast<FaultCode>(code.get<int>()),
            message.get<std::string>(),
            data.is_object() ? std::move(data) : Json::object()};
}

Json frame() {
    return {{"jsonrpc", "2.0"}};
}

} // namespace

Request parse_request(std::string_view line) {
    Json message;
    try {
        message = from_line(line);
    } catch (const Error& error) {
        throw Fault(FaultCode::parse_error, error.what());
    }
    if (!message.is_object())
        refuse(message.is_array() ? "batches are not supported" : "a request is an object");
    if (!is_version_2(message))
        refuse("\"jsonrpc\" must be \"2.0\"");
    const auto method = message.find("method");
    if (method == message.end() || !method->is_string())
        refuse("\"method\" must be a string");
    Request request;
    request.is_notification = !message.contains("id");
    request.id = take(message, "id");
    if (!request.is_notification && !request.id.is_string() && !request.id.is_number_integer())
        refuse("\"id\" must be a string or a whole number");
    request.method = method->get<std::string>();
    if (message.contains("params"))
        request.params = take(message, "params");
    if (!request.params.is_object())
        refuse("\"params\" must be an object");
    return request;
}

Answer parse_answer(std::string_view line) {
    Json message = from_line(line);
    if (!message.is_object() || !is_version_2(message))
        refuse_answer("an answer that is no object of JSON-RPC 2.0");
    if (message.contains("method")) {
        const Json method = take(message, "method");
        if (!method.is_string())
            refuse_answer("a notification whose method is no string");
        return Notification{.method = method.get<std::string>(), .params = take(message, "params")};
    }
    Json id = take(message, "id");
    if (message.contains("error")) {
        Json error = take(message, "error");
        if (!error.is_object())
            refuse_answer("an answer with an error that is none");
        return Failure{.id = std::move(id), .fault = parse_fault(std::move(error))};
    }
    if (!message.contains("result"))
        refuse_answer("an answer with neither result nor error");
    return Result{.id = std::move(id), .value = take(message, "result")};
}

std::string request_line(const Json& id, std::string_view method, const Json& params) {
    Json message = frame();
    message["id"] = id;
    message["method"] = method;
    message["params"] = params;
    return to_line(message);
}

std::string notification_line(std::string_view method, const Json& params) {
    Json message = frame();
    message["method"] = method;
    message["params"] = params;
    return to_line(message);
}

std::string result_line(const Json& id, const Json& result) {
    Json message = frame();
    message["id"] = id;
    message["result"] = result;
    return to_line(message);
}

std::string fault_line(const Json& id, const Fault& fault) {
    Json message = frame();
    message["id"] = id;
    message["error"] = {{"code", static_cast<int>(fault.code())},
                        {"message", std::string(fault.what())},
                        {"data", fault.data()}};
    return to_line(message);
}

} // namespace thinsnap::rpc
