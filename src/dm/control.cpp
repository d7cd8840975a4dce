#include "dm/control.hpp"

#include <exception>
#include <utility>

#include <thinsnap/error.hpp>

namespace thinsnap::dm {

SuspendGuard::SuspendGuard(Control& control, std::string name, Suspend how)
    : control_(control)
    , name_(std::move(name)) {
    control_.suspend(name_, how);
}

SuspendGuard::~SuspendGuard() {
    if (!suspended_)
        return;
    try {
        control_.resume(name_);
    } catch (const std::exception&) { // NOLINT(bugprone-empty-catch) the next open resumes it
    }
}

void SuspendGuard::resume() {
    control_.resume(name_);
    suspended_ = false;
}

void replace_table(
    Control& control, const std::string& name, const Target& target, bool read_only, Suspend how) {
    control.load(name, target, read_only);
    try {
        SuspendGuard suspended(control, name, how);
        suspended.resume();
    } catch (...) {
        try {
            control.unload(name);
        } catch (const Error&) { // NOLINT(bugprone-empty-catch) the first failure is what counts
        }
        throw;
    }
}

} // namespace thinsnap::dm
