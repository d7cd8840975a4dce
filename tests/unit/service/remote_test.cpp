#include "service/remote.hpp"

#include <atomic>
#include <csignal>
#include <string>

#include <doctest/doctest.h>

#include <thinsnap/error.hpp>
#include <thinsnap/version.hpp>

#include "app/interrupt.hpp"
#include "app/stream_io.hpp"
#include "rpc/server.hpp"

#include "support/temp_dir.hpp"

#include "service/exit_status.hpp"
#include "service/fault.hpp"
#include "service/file_identity.hpp"

namespace thinsnap::test {

namespace {

using rpc::Json;
using service::Remote;

/// A server that says of itself what the test wants.
class FakeServer {
public:
    FakeServer(std::string version, bool can_stop)
        : version_(std::move(version))
        , can_stop_(can_stop)
        , paths_(app::paths_of(dir_.path(), {}))
        , server_(rpc::listen_at(paths_.socket.string()),
                  [this](rpc::Call& call) { return handle(call); }) {
        replace_text_file(paths_.lock.string(), "");
    }

    [[nodiscard]] const app::PoolPaths& paths() const { return paths_; }

    bool knows_lock = true;
    std::atomic<int> stops{0};

private:
    Json handle(rpc::Call& call) {
        if (call.method() == "server.hello")
            return {
                {"version", version_},
                {"pid", 4711},
                {"pool", "/other"},
                {"lock", knows_lock ? service::identity_of(paths_.lock.string()) : Json(nullptr)}};
        if (call.method() == "server.stop" && can_stop_)
            return ++stops;
        throw service::fault_of(std::make_exception_ptr(Error(Errc::busy, "3 devices are active")));
    }

    TempDir dir_;
    std::string version_;
    bool can_stop_;
    app::PoolPaths paths_;
    rpc::Server server_;
};

std::string refusal_of(const FakeServer& server) {
    bool is_ending = false;
    try {
        static_cast<void>(Remote::connect(server.paths(), is_ending));
    } catch (const Error& error) {
        CHECK(error.kind() == Errc::precondition);
        return error.what();
    }
    return {};
}

/// What the client throws for what the server threw.
template <class Thrown>
rpc::Fault fault_for(const Thrown& thrown) {
    return service::fault_of(std::make_exception_ptr(thrown));
}

} // namespace

TEST_SUITE("service.remote") {
    TEST_CASE("a server of this version is spoken to") {
        const FakeServer server{std::string(version()), true};
        bool is_ending = false;
        const auto remote = Remote::connect(server.paths(), is_ending);
        REQUIRE(remote.has_value());
        CHECK(remote->pid() == 4711);
        CHECK_FALSE(is_ending);
        CHECK(server.stops == 0);
    }

    TEST_CASE("a server of another version is asked to end") {
        const FakeServer server{"0.0.1", true};
        bool is_ending = false;
        CHECK_FALSE(Remote::connect(server.paths(), is_ending).has_value());
        CHECK(is_ending);
        CHECK(server.stops == 1);
    }

    TEST_CASE("a server of another version that has to stay is named with what to do") {
        const FakeServer server{"0.0.1", false};
        const std::string text = refusal_of(server);
        for (const char* part : {"process 4711", "0.0.1", "3 devices are active", "kill 4711"})
            CHECK(text.find(part) != std::string::npos);
    }

    TEST_CASE("a server that holds another pool is refused") {
        FakeServer server{std::string(version()), true};
        server.knows_lock = false;
        CHECK(refusal_of(server).find("holds another pool, /other") != std::string::npos);
    }

    TEST_CASE("what a method throws is thrown by its client") {
        const rpc::Fault full = fault_for(Error(Errc::no_space, "full"));
        CHECK(full.data().at("exit_status") == service::exit_status(Errc::no_space));
        CHECK_THROWS_AS(service::throw_fault(full, 0), Error);
        CHECK_THROWS_AS(service::throw_fault(fault_for(app::BrokenPipe()), 0), app::BrokenPipe);
        const rpc::Fault halfway = fault_for(app::Interrupted(SIGHUP, "3 bytes are written"));
        try {
            service::throw_fault(halfway, SIGINT);
        } catch (const app::Interrupted& interrupted) {
            CHECK(interrupted.signal() == SIGINT);
            CHECK(std::string(interrupted.what()) == "3 bytes are written");
        }
        try { // nobody asked for it here
            service::throw_fault(halfway, 0);
        } catch (const Error& error) {
            CHECK(error.kind() == Errc::busy);
        }
    }
}

} // namespace thinsnap::test
