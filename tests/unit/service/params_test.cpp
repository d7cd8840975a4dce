#include "service/params.hpp"

#include <doctest/doctest.h>

#include "rpc/fault.hpp"

#include "service/method.hpp"

namespace thinsnap::test {

namespace {

using rpc::Json;
using service::Params;

bool is_refused(const auto& question) {
    try {
        static_cast<void>(question());
    } catch (const rpc::Fault& fault) {
        return fault.code() == rpc::FaultCode::invalid_params;
    }
    return false;
}

} // namespace

TEST_SUITE("service.params") {
    TEST_CASE("parameters are found by name and type") {
        const Json values{{"text", "x"},
                          {"number", 7},
                          {"flag", true},
                          {"none", nullptr},
                          {"texts", {"a", "b"}},
                          {"devices", {1, 2}}};
        const Params params(values);
        CHECK(params.text("text") == "x");
        CHECK(params.number("number") == 7);
        CHECK(params.flag("flag"));
        CHECK_FALSE(params.flag("missing"));
        CHECK_FALSE(params.find_text("none").has_value());
        CHECK_FALSE(params.find_number("missing").has_value());
        CHECK(params.texts("texts").size() == 2);
        CHECK(params.device("number") == DeviceId(7));
        CHECK(params.devices("devices").back() == DeviceId(2));
    }

    TEST_CASE("parameters of another type or range are refused") {
        const Json values{{"text", "x"},
                          {"negative", -1},
                          {"half", 0.5},
                          {"large", 1U << 24U},
                          {"empty", Json::array()},
                          {"mixed", {"a", 1}}};
        const Params params(values);
        CHECK(is_refused([&] { return params.text("missing"); }));
        CHECK(is_refused([&] { return params.text("negative"); }));
        CHECK(is_refused([&] { return params.number("negative"); }));
        CHECK(is_refused([&] { return params.number("half"); }));
        CHECK(is_refused([&] { return params.number("text"); }));
        CHECK(is_refused([&] { return params.flag("text"); }));
        CHECK(is_refused([&] { return params.device("large"); }));
        CHECK(is_refused([&] { return params.texts("empty"); }));
        CHECK(is_refused([&] { return params.texts("mixed"); }));
        CHECK(is_refused([&] { return params.texts("text"); }));
    }

    TEST_CASE("a method that is not there is refused by its code") {
        CHECK(std::string_view(service::find_method("pool.status").name) == "pool.status");
        try {
            static_cast<void>(service::find_method("pool"));
            FAIL("found");
        } catch (const rpc::Fault& fault) {
            CHECK(fault.code() == rpc::FaultCode::method_not_found);
        }
    }
}

} // namespace thinsnap::test
