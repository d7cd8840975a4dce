#include "rpc/message.hpp"

#include <string>
#include <variant>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>

#include "rpc/error_fault.hpp"

namespace thinsnap::test {

namespace {

using rpc::Fault;
using rpc::FaultCode;
using rpc::Json;

FaultCode code_of(const std::string& line) {
    try {
        static_cast<void>(rpc::parse_request(line));
    } catch (const Fault& fault) {
        return fault.code();
    }
    return FaultCode{};
}

Error crossed(const Error& error) {
    const Fault told = rpc::fault_of(std::make_exception_ptr(error));
    const auto answer = rpc::parse_answer(rpc::fault_line(7, told));
    const auto& failure = std::get<rpc::Failure>(answer);
    CHECK(failure.id == 7);
    return rpc::error_of(failure.fault);
}

} // namespace

TEST_SUITE("rpc.message") {
    TEST_CASE("a request is read as it was written") {
        const auto request =
            rpc::parse_request(rpc::request_line("a1", "pool.status", {{"path", "x"}}));
        CHECK(request.id == "a1");
        CHECK(request.method == "pool.status");
        CHECK(request.params == Json{{"path", "x"}});
        CHECK_FALSE(request.is_notification);
        CHECK(rpc::parse_request(rpc::notification_line("x", Json::object())).is_notification);
        CHECK(rpc::parse_request(R"({"jsonrpc":"2.0","id":1,"method":"x"})").params.empty());
    }

    TEST_CASE("what is no JSON and what is no request have codes of their own") {
        for (const char* text : {"", "{", "hello", "\x80"})
            CHECK(code_of(text) == FaultCode::parse_error);
        for (const char* text : {"1",
                                 "[]",
                                 "{}",
                                 R"({"id":1,"method":"x"})",
                                 R"({"jsonrpc":"1.0","id":1,"method":"x"})",
                                 R"({"jsonrpc":2.0,"id":1,"method":"x"})",
                                 R"({"jsonrpc":"2.0","id":1})",
                                 R"({"jsonrpc":"2.0","id":1,"method":1})",
                                 R"({"jsonrpc":"2.0","id":{},"method":"x"})",
                                 R"({"jsonrpc":"2.0","id":null,"method":"x"})",
                                 R"({"jsonrpc":"2.0","id":1.5,"method":"x"})",
                                 R"({"jsonrpc":"2.0","id":1,"method":"x","params":[1]})"})
            CHECK(code_of(text) == FaultCode::invalid_request);
    }

    TEST_CASE("an error keeps its kind and its words") {
        for (const Errc kind : {Errc::invalid_argument,
                                Errc::not_found,
                                Errc::already_exists,
                                Errc::precondition,
                                Errc::busy,
                                Errc::no_space,
                                Errc::read_only,
                                Errc::corrupt,
                                Errc::io,
                                Errc::unsupported,
                                Errc::internal}) {
            const Error seen = crossed(Error(kind, "what happened to '\xFF'"));
            CHECK(seen.kind() == kind);
            CHECK(std::string(seen.what()) == "what happened to '\xFF'");
        }
        CHECK(crossed(SystemError(28, "writing x")).kind() == Errc::no_space);
    }

    TEST_CASE("a fault of an unknown kind is an internal error") {
        CHECK(rpc::error_of(Fault(FaultCode::failed, "x", {{"kind", "new"}})).kind() ==
              Errc::internal);
        CHECK(rpc::error_of(Fault(FaultCode::failed, "x", {{"kind", 7}})).kind() == Errc::internal);
        CHECK(rpc::error_of(Fault(FaultCode::invalid_params, "x")).kind() ==
              Errc::invalid_argument);
    }

    TEST_CASE("an answer that is none is refused") {
        for (const char* text : {"",
                                 "[]",
                                 "{}",
                                 R"({"jsonrpc":"2.0","id":1})",
                                 R"({"jsonrpc":"2.0","id":1,"error":7})",
                                 R"({"jsonrpc":"2.0","id":1,"error":{"code":"x","message":"y"}})",
                                 R"({"jsonrpc":"2.0","method":7})"})
            CHECK_THROWS_AS(static_cast<void>(rpc::parse_answer(text)), Error);
    }
}

} // namespace thinsnap::test
