#include "rpc/error_fault.hpp"

#include <new>
#include <string>

#include "base/error_kinds.hpp"

namespace thinsnap::rpc {

namespace {

Fault failed(Errc kind, std::string message) {
    const FaultCode code = kind == Errc::internal ? FaultCode::internal_error : FaultCode::failed;
    return {code, std::move(message), {{"kind", to_string(kind)}}};
}

Errc kind_of(const Fault& fault) {
    const auto kind = fault.data().find("kind");
    if (kind != fault.data().end() && kind->is_string())
        for (const Errc known : kErrorKinds)
            if (kind->get<std::string>() == to_string(known))
                return known;
    return fault.code() == FaultCode::invalid_params ? Errc::invalid_argument : Errc::internal;
}

} // namespace

Fault fault_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const Fault& fault) {
        return fault;
    } catch (const Error& e) {
        return failed(e.kind(), e.what());
    } catch (const std::bad_alloc&) {
        return failed(Errc::internal, "out of memory");
    } catch (const std::exception& e) {
        return failed(Errc::internal, std::string("this is a bug in thinsnap: ") + e.what());
    } catch (...) { // nothing else is thrown
        return failed(Errc::internal, "this is a bug in thinsnap: an unknown exception");
    }
}

Error error_of(const Fault& fault) {
    return {kind_of(fault), fault.what()};
}

} // namespace thinsnap::rpc
