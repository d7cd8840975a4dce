#include "rpc/server.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "rpc/client.hpp"

#include "support/temp_dir.hpp"

namespace thinsnap::test {

namespace {

using namespace std::chrono_literals;
using rpc::Call;
using rpc::Client;
using rpc::Json;

/// Waits until it is cancelled, and says by which signal.
int wait_for_cancel(const Call& call) {
    pollfd wanted{call.cancellation().fd(), POLLIN, 0};
    static_cast<void>(::poll(&wanted, 1, 20000));
    return call.cancellation().signal();
}

/// A server with a method for each thing that can happen.
class Rig {
public:
    explicit Rig(rpc::ServerOptions options = {})
        : path_((dir_ / "socket").string())
        , server_(
              rpc::listen_at(path_), [this](Call& call) { return handle(call); }, options) {}

    [[nodiscard]] Fd connect() const { return rpc::connect_to(path_).value(); }
    [[nodiscard]] Client client() const { return Client(connect()); }
    rpc::Server& server() { return server_; }

    /// Until so many requests run.
    void wait_for_running(std::size_t count) const {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (server_.running() != count && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(1ms);
        REQUIRE(server_.running() == count);
    }

    std::atomic<int> seen_signal{0};

private:
    Json handle(Call& call) {
        if (call.method() == "echo")
            return call.params();
        if (call.method() == "fail")
            throw Error(Errc::no_space, "full");
        if (call.method() == "break")
            throw std::runtime_error("oops");
        if (call.method() == "count") {
            for (int i = 0; i < 3; ++i)
                call.notify("step", {{"n", i}});
            return 3;
        }
        if (call.method() == "write") {
            const int fd = call.descriptor(0);
            return ::write(fd, "written", 7);
        }
        if (call.method() == "wait") {
            seen_signal = wait_for_cancel(call);
            throw rpc::Fault(rpc::FaultCode::interrupted, "halfway");
        }
        throw rpc::Fault(rpc::FaultCode::method_not_found, call.method());
    }

    TempDir dir_;
    std::string path_;
    rpc::Server server_;
};

rpc::FaultCode code_of(Client& client, const char* method) {
    try {
        static_cast<void>(client.call(method, Json::object()));
    } catch (const rpc::Fault& fault) {
        return fault.code();
    }
    return rpc::FaultCode{};
}

/// One answer to bytes that no Client would send.
Json answer_to(const Rig& rig, const std::string& bytes) {
    rpc::Channel channel(rig.connect(), {});
    channel.send(bytes);
    const auto message = channel.receive();
    return message ? Json::parse(message->line) : Json(nullptr);
}

} // namespace

TEST_SUITE("rpc.server") {
    TEST_CASE("requests are answered one after another on a connection") {
        const Rig rig;
        Client client = rig.client();
        for (int i = 0; i < 50; ++i)
            CHECK(client.call("echo", {{"n", i}}) == Json{{"n", i}});
    }

    TEST_CASE("notifications come in their order before the answer") {
        const Rig rig;
        Client client = rig.client();
        std::vector<int> seen;
        const Json result = client.call(
            "count", Json::object(), {.on_notification = [&](const rpc::Notification& told) {
                CHECK(told.method == "step");
                seen.push_back(told.params.at("n"));
            }});
        CHECK(result == 3);
        CHECK(seen == std::vector{0, 1, 2});
    }

    TEST_CASE("a descriptor is handed over with the request") {
        const Rig rig;
        std::array<int, 2> pipe{};
        REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
        const Fd out(pipe[0]);
        Fd in(pipe[1]);
        Client client = rig.client();
        CHECK(client.call("write", Json::object(), {.descriptors = std::array{in.get()}}) == 7);
        in.reset();
        std::array<char, 16> bytes{};
        CHECK(::read(out.get(), bytes.data(), bytes.size()) == 7);
        CHECK(::read(out.get(), bytes.data(), bytes.size()) == 0); // the server's is closed
        CHECK(code_of(client, "write") == rpc::FaultCode::invalid_params);
    }

    TEST_CASE("a failure is told and the connection goes on") {
        const Rig rig;
        Client client = rig.client();
        CHECK(code_of(client, "fail") == rpc::FaultCode::failed);
        CHECK(code_of(client, "break") == rpc::FaultCode::internal_error);
        CHECK(code_of(client, "none") == rpc::FaultCode::method_not_found);
        CHECK(client.call("echo", Json::object()).empty());
    }

    TEST_CASE("malformed requests get the codes of JSON-RPC") {
        const Rig rig;
        CHECK(answer_to(rig, "{").at("error").at("code") == -32700);
        CHECK(answer_to(rig, "[]").at("error").at("code") == -32600);
        const Json nameless = answer_to(rig, R"({"jsonrpc":"2.0","id":5,"method":"none"})");
        CHECK(nameless.at("error").at("code") == -32601);
        CHECK(nameless.at("id") == 5);
    }

    TEST_CASE("a request that is too long is refused and its connection closed") {
        const Rig rig({.limits = {.line = 1000}});
        rpc::Channel channel(rig.connect(), {});
        channel.send(std::string(2000, 'x'));
        const auto message = channel.receive();
        REQUIRE(message.has_value());
        CHECK(Json::parse(message->line).at("error").at("code") == -32600);
        CHECK_FALSE(channel.receive().has_value());
        Client other = rig.client();
        CHECK(other.call("echo", Json::object()).empty());
    }

    TEST_CASE("a client that goes away ends its request and no other") {
        Rig rig;
        std::optional<rpc::Channel> leaving(std::in_place, rig.connect(), rpc::Limits{});
        leaving->send(rpc::request_line(1, "wait", Json::object()));
        rig.wait_for_running(1);
        rpc::Channel staying(rig.connect(), {});
        staying.send(rpc::request_line(1, "wait", Json::object()));
        rig.wait_for_running(2);
        leaving.reset();
        rig.wait_for_running(1);
        CHECK(rig.seen_signal == SIGHUP);
        std::this_thread::sleep_for(20ms);
        CHECK(rig.server().running() == 1);
    }

    TEST_CASE("a client that gives up hears what came of it") {
        Rig rig;
        Client client = rig.client();
        bool first = true;
        try {
            static_cast<void>(client.call("wait", Json::object(), {.wait = [&](int) {
                                              rig.wait_for_running(1);
                                              return std::exchange(first, false) && false;
                                          }}));
            FAIL("it was not given up");
        } catch (const rpc::Fault& fault) {
            CHECK(fault.code() == rpc::FaultCode::interrupted);
            CHECK(std::string(fault.what()) == "halfway");
        }
    }

    TEST_CASE("a server that stops ends what runs and tells who asked") {
        Rig rig;
        Client client = rig.client();
        CHECK(client.call("echo", Json::object()).empty());
        std::jthread stopper([&] {
            rig.wait_for_running(1);
            rig.server().stop();
        });
        CHECK(code_of(client, "wait") == rpc::FaultCode::interrupted);
        CHECK(rig.seen_signal == SIGTERM);
        stopper.join();
        CHECK_THROWS_AS(static_cast<void>(client.call("echo", Json::object())), rpc::NotServed);
    }

    TEST_CASE("a server that takes no more says so before it begins") {
        Rig rig;
        Client client = rig.client();
        rig.server().refuse_requests();
        CHECK_THROWS_AS(static_cast<void>(client.call("echo", Json::object())), rpc::NotServed);
    }

    TEST_CASE("an answer that never comes is an unknown outcome") {
        const TempDir dir;
        const std::string path = (dir / "socket").string();
        const Fd listener = rpc::listen_at(path);
        Client client(rpc::connect_to(path).value());
        SUBCASE("and none when the server never spoke") {
            { const Fd taken(::accept(listener.get(), nullptr, nullptr)); }
            CHECK_THROWS_AS(static_cast<void>(client.call("x", Json::object())), rpc::NotServed);
        }
        SUBCASE("after the server spoke") {
            std::jthread server([&] {
                rpc::Channel channel(Fd(::accept(listener.get(), nullptr, nullptr)), {});
                static_cast<void>(channel.receive());
                channel.send(rpc::result_line(1, true));
                static_cast<void>(channel.receive());
            });
            CHECK(client.call("x", Json::object()) == true);
            CHECK_THROWS_AS(static_cast<void>(client.call("x", Json::object())), Error);
        }
    }

    TEST_CASE("more connections than there is room for wait their turn") {
        const Rig rig({.max_connections = 2});
        std::atomic<int> answered{0};
        {
            std::vector<std::jthread> clients;
            for (int i = 0; i < 20; ++i)
                clients.emplace_back([&] {
                    Client client = rig.client();
                    for (int n = 0; n < 5; ++n)
                        answered += client.call("echo", {{"n", n}}) == Json{{"n", n}} ? 1 : 0;
                });
        }
        CHECK(answered == 100);
    }

    TEST_CASE("a server is idle while nobody is connected") {
        Rig rig;
        CHECK(rig.server().idle_since().has_value());
        {
            Client client = rig.client();
            static_cast<void>(client.call("echo", Json::object()));
            CHECK_FALSE(rig.server().idle_since().has_value());
        }
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (!rig.server().idle_since() && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(1ms);
        CHECK(rig.server().idle_since().has_value());
    }
}

} // namespace thinsnap::test
