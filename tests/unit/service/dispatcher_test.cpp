#include "service/dispatcher.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <vector>

#include <doctest/doctest.h>
#include <sys/socket.h>

#include "support/temp_dir.hpp"

namespace thinsnap::test {

namespace {

using rpc::Json;

constexpr std::uint32_t kMany = 300; // more than is told at once

/// A held pool, and a client that gave its request up before it was begun.
class Impatient {
public:
    Impatient() {
        static_cast<void>(app::create_pool(dir_.path(), {.data_bytes = 64U << 20U}));
        owner_.emplace(dir_.path(), app::OpenPool());
        std::array<int, 2> ends{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
        channel_.emplace(Fd(ends[0]), rpc::Limits{});
        client_ = Fd(ends[1]);
        cancellation_.cancel(SIGHUP);
    }

    Json ask(const char* method, const Json& params) {
        const service::Dispatcher dispatcher(*owner_, [] {});
        rpc::Call call(
            *channel_, {}, cancellation_, {.id = 1, .method = method, .params = params}, {});
        return dispatcher(call);
    }

    void make_devices(std::uint32_t count) {
        std::vector<PoolOperation> operations;
        for (std::uint32_t i = 1; i <= count; ++i)
            operations.emplace_back(CreateThin{DeviceId(i)});
        ThinPool& pool = owner_->pool().pool();
        const TransactionId id = pool.status().transaction_id;
        pool.apply(operations, id, id);
    }

private:
    TempDir dir_;
    std::optional<service::PoolOwner> owner_;
    std::optional<rpc::Channel> channel_;
    Fd client_;
    Cancellation cancellation_;
};

} // namespace

TEST_SUITE("service.dispatcher") {
    TEST_CASE("what is done is told as done to a client that has given it up") {
        Impatient client;
        CHECK(client.ask("device.create", {{"device", 7}}) == Json{{"device", 7}});
    }

    TEST_CASE("a long list ends early for a client that has given it up") {
        Impatient client;
        client.make_devices(kMany);
        try {
            static_cast<void>(client.ask("device.list", Json::object()));
            FAIL("all of it was listed");
        } catch (const rpc::Fault& fault) {
            CHECK(fault.code() == rpc::FaultCode::interrupted);
        }
    }
}

} // namespace thinsnap::test
