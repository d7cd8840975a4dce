#include "service/request.hpp"

#include <algorithm>

#include <thinsnap/error.hpp>

#include "app/interrupt.hpp"
#include "rpc/fault.hpp"
#include "rpc/socket.hpp"

#include "service/local_session.hpp"
#include "service/method.hpp"
#include "service/remote.hpp"
#include "service/server_start.hpp"

namespace thinsnap::service {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kRetryPause{20};

/// While we waited for the lock, a server began to listen. Not an Error: nothing has failed.
class ServerCameUp : public std::exception {};

/// This process as its own method's caller.
class OwnStreams final : public Streams {
public:
    explicit OwnStreams(const Request& request)
        : request_(request) {}

    int input() override {
        consumed_ = true;
        return output();
    }
    int output() override {
        if (!request_.descriptor)
            throw rpc::Fault(rpc::FaultCode::invalid_params, "a descriptor is missing");
        return *request_.descriptor;
    }
    void head(const rpc::Json& members) override { tell(request_.on_head, members); }
    void item(const rpc::Json& element) override { tell(request_.on_item, element); }
    void progress(const rpc::Json& facts) override { tell(request_.on_progress, facts); }

    /// Something was read from the input: the request cannot be made a second time.
    [[nodiscard]] bool is_consumed() const { return consumed_; }

private:
    static void tell(const std::function<void(const rpc::Json&)>& whom, const rpc::Json& what) {
        if (whom)
            whom(what);
    }

    const Request& request_;
    bool consumed_ = false;
};

milliseconds left_until(Clock::time_point deadline) {
    return std::max(milliseconds{0}, std::chrono::ceil<milliseconds>(deadline - Clock::now()));
}

rpc::Json carry_out_here(const PoolAddress& pool,
                         const Request& request,
                         OwnStreams& streams,
                         const std::function<void()>& look_for_server) {
    LocalSession session(pool.directory,
                         {.lock_timeout = pool.lock_timeout, .while_waiting = look_for_server});
    const auto tell_warnings = [&] {
        for (const std::string& text : session.take_warnings())
            if (pool.on_warning)
                pool.on_warning(text);
    };
    try {
        rpc::Json result =
            find_method(request.method).run(session, Params(request.params), streams);
        tell_warnings();
        return result;
    } catch (const rpc::Fault& fault) { // parameters that we made ourselves
        throw Error(Errc::invalid_argument, fault.what());
    } catch (const Error&) {
        tell_warnings();
        throw;
    }
}

} // namespace

rpc::Json carry_out(const PoolAddress& pool, const Request& request) {
    const app::PoolPaths paths = app::find_pool(pool.directory);
    const auto deadline = Clock::now() + pool.lock_timeout;
    OwnStreams streams(request);
    for (;;) {
        bool is_ending = false;
        if (auto remote = Remote::connect(paths, is_ending)) {
            try {
                return remote->call(request, pool);
            } catch (const rpc::NotServed&) {
                is_ending = true;
            }
        }
        if (request.needs_server) {
            start_server(pool, left_until(deadline));
            continue;
        }
        const auto look_for_server = [&] {
            if (!is_ending && !streams.is_consumed() &&
                rpc::connect_to(paths.socket.string()).has_value())
                throw ServerCameUp();
        };
        try {
            // The error after a wait tells how long it was meant to be.
            PoolAddress here = pool;
            if (is_ending)
                here.lock_timeout = left_until(deadline);
            return carry_out_here(here, request, streams, look_for_server);
        } catch (const ServerCameUp&) {
            app::interruptible_sleep(kRetryPause);
        }
    }
}

void release_pool(const PoolAddress& pool) {
    const app::PoolPaths paths = app::paths_of(pool.directory, {}); // its files may be missing
    bool is_ending = false;
    try {
        if (auto remote = Remote::connect(paths, is_ending))
            remote->stop();
    } catch (const rpc::NotServed&) { // it is ending by itself
        return;
    }
}

} // namespace thinsnap::service
