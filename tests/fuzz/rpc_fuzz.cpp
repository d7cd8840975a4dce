// A line from the socket, taken for a request and for an answer. What is accepted says the same
// when it is written and read again.

#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

#include <thinsnap/error.hpp>

#include "rpc/message.hpp"

#include "fuzz/fuzz.hpp"

namespace thinsnap::test {

namespace {

void try_request(std::string_view line) {
    const rpc::Request request = rpc::parse_request(line);
    if (request.is_notification)
        return;
    const rpc::Request again =
        rpc::parse_request(rpc::request_line(request.id, request.method, request.params));
    if (again.id != request.id || again.method != request.method || again.params != request.params)
        std::abort();
}

void try_answer(std::string_view line) {
    const rpc::Answer answer = rpc::parse_answer(line);
    const auto* result = std::get_if<rpc::Result>(&answer);
    if (result == nullptr)
        return;
    const auto again = rpc::parse_answer(rpc::result_line(result->id, result->value));
    if (std::get<rpc::Result>(again).value != result->value)
        std::abort();
}

} // namespace

int fuzz_one(std::span<const std::byte> input) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) bytes of a text
    const std::string_view line(reinterpret_cast<const char*>(input.data()), input.size());
    try {
        try_request(line);
    } catch (const rpc::Fault&) { // refused
    }
    try {
        try_answer(line);
    } catch (const Error&) { // refused
    }
    return 0;
}

} // namespace thinsnap::test
