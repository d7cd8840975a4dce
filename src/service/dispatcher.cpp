#include "service/dispatcher.hpp"

#include <utility>

#include <fmt/core.h>
#include <unistd.h>

#include <thinsnap/error.hpp>
#include <thinsnap/version.hpp>

#include "app/interrupt.hpp"

#include "service/fault.hpp"
#include "service/file_identity.hpp"
#include "service/method.hpp"

namespace thinsnap::service {

namespace {

/// List elements that are told together.
constexpr std::size_t kItemsAtOnce = 256;

/// The caller at the other end of a connection.
class CallStreams final : public Streams {
public:
    explicit CallStreams(rpc::Call& call)
        : call_(call) {}

    int input() override { return call_.descriptor(0); }
    int output() override { return call_.descriptor(0); }
    void head(const rpc::Json& members) override { call_.notify("head", members); }
    void item(const rpc::Json& element) override {
        items_.push_back(element);
        if (items_.size() < kItemsAtOnce)
            return;
        flush();
        app::check_cancelled(call_.cancellation()); // here: a work that is done is told as done
    }
    void progress(const rpc::Json& facts) override { call_.notify("progress", facts); }

    void flush() {
        if (!items_.empty())
            call_.notify("items", {{"items", std::exchange(items_, rpc::Json::array())}});
    }

private:
    rpc::Call& call_;
    rpc::Json items_ = rpc::Json::array();
};

} // namespace

Dispatcher::Dispatcher(PoolOwner& owner, std::function<void()> on_stop)
    : owner_(owner)
    , on_stop_(std::move(on_stop)) {}

rpc::Json Dispatcher::operator()(rpc::Call& call) const {
    try {
        if (call.method() == "server.hello")
            return hello();
        if (call.method() == "server.stop")
            return stop();
        return carry_out(call);
    } catch (...) { // told to the client
        throw fault_of(std::current_exception());
    }
}

rpc::Json Dispatcher::carry_out(rpc::Call& call) const {
    const Method& method = find_method(call.method());
    const Params params(call.params());
    const app::CancellationScope scope(call.cancellation());
    const auto patience = params.find_number("lock_timeout");
    OwnerSession session(owner_,
                         {.name = fmt::format("{} of process {}", call.method(), call.peer().pid),
                          .patience = patience ? std::chrono::milliseconds(*patience)
                                               : app::PoolLock::kDefaultTimeout,
                          .cancellation = call.cancellation()});
    CallStreams streams(call);
    for (const std::string& text : session.take_warnings())
        call.notify("warning", {{"text", text}});
    try {
        rpc::Json result = method.run(session, params, streams);
        streams.flush();
        return result;
    } catch (const Error&) { // what was found before it is told
        streams.flush();
        if (!owner_.failure().empty())
            on_stop_(); // whoever opens the pool next finds out what came of it
        throw;
    }
}

rpc::Json Dispatcher::hello() const {
    const app::PoolPaths& paths = owner_.pool().paths();
    return {{"protocol", kProtocol},
            {"version", version()},
            {"pid", ::getpid()},
            {"pool", paths.directory.string()},
            {"uuid", owner_.pool().pool().status().uuid},
            {"lock", identity_of(paths.lock.string())}};
}

rpc::Json Dispatcher::stop() const {
    if (!owner_.activations().try_close())
        throw Error(Errc::busy, in_use_text(owner_.activations().list()));
    on_stop_();
    return {{"pid", ::getpid()}};
}

} // namespace thinsnap::service
