#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap {

namespace {

Errc kind_of(int error) {
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return Errc::no_space;
    case ENOENT:
        return Errc::not_found;
    case EEXIST:
        return Errc::already_exists;
    case EBUSY:
        return Errc::busy;
    case EROFS:
        return Errc::read_only;
    case EINVAL:
        return Errc::invalid_argument;
    case EOPNOTSUPP:
        return Errc::unsupported;
    default:
        return Errc::io;
    }
}

} // namespace

std::string_view to_string(Errc kind) noexcept {
    switch (kind) {
    case Errc::invalid_argument:
        return "invalid_argument";
    case Errc::not_found:
        return "not_found";
    case Errc::already_exists:
        return "already_exists";
    case Errc::precondition:
        return "precondition";
    case Errc::busy:
        return "busy";
    case Errc::no_space:
        return "no_space";
    case Errc::read_only:
        return "read_only";
    case Errc::corrupt:
        return "corrupt";
    case Errc::io:
        return "io";
    case Errc::unsupported:
        return "unsupported";
    case Errc::internal:
        break;
    }
    return "internal";
}

Error::Error(Errc kind, std::string message)
    : kind_(kind)
    , message_(std::move(message)) {}

void Error::add_context(std::string_view context) {
    message_ = fmt::format("{}: {}", context, message_);
}

SystemError::SystemError(int error, std::string_view action)
    : Error(kind_of(error), fmt::format("{}: {}", action, std::generic_category().message(error)))
    , error_(error) {}

CorruptionError::CorruptionError(std::string_view structure,
                                 std::uint64_t block,
                                 std::string_view detail)
    : Error(Errc::corrupt, fmt::format("{} at metadata block {}: {}", structure, block, detail))
    , block_(block) {}

} // namespace thinsnap
