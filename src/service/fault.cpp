#include "service/fault.hpp"

#include <csignal>
#include <string>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "app/interrupt.hpp"
#include "app/stream_io.hpp"
#include "rpc/error_fault.hpp"

#include "service/exit_status.hpp"

namespace thinsnap::service {

namespace {

using rpc::Fault;
using rpc::FaultCode;

} // namespace

Fault fault_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const app::Interrupted& interrupted) {
        return {FaultCode::interrupted,
                interrupted.what(),
                {{"kind", "interrupted"}, {"exit_status", kExitSignalBase + interrupted.signal()}}};
    } catch (const app::BrokenPipe&) {
        return {FaultCode::broken_pipe,
                "the reader of the output has gone away",
                {{"kind", "broken_pipe"}, {"exit_status", kExitSignalBase + SIGPIPE}}};
    } catch (...) { // an Error, or what nobody expects
        const Fault fault = rpc::fault_of(error);
        rpc::Json data = fault.data();
        const Error known = rpc::error_of(fault);
        data["exit_status"] = exit_status(known.kind());
        return {fault.code(), fault.what(), data};
    }
}

void throw_fault(const Fault& fault, int signal) {
    if (fault.code() == FaultCode::broken_pipe)
        throw app::BrokenPipe();
    if (fault.code() == FaultCode::interrupted && signal != 0)
        throw app::Interrupted(signal, fault.what());
    if (fault.code() == FaultCode::interrupted)
        throw Error(Errc::busy,
                    fmt::format("thinsnapd was asked to end and gave the request up ({}); try "
                                "again",
                                fault.what()));
    throw rpc::error_of(fault);
}

} // namespace thinsnap::service
