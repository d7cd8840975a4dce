#include <cerrno>
#include <exception>

#include <fcntl.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "base/fd.hpp"

#include "command.hpp"
#include "output.hpp"
#include "service/request.hpp"

namespace thinsnap::tools {

namespace {

using rpc::Json;

/// A request on the device that the first word names, with the options that say where.
service::Request request_on(const char* method, const Arguments& arguments) {
    service::Request request{.method = method,
                             .params = {{"device", parse_device_id(arguments.words()[0]).value()}}};
    for (const char* option : {"offset", "length"})
        if (const auto value = arguments.find_size(option))
            request.params[option] = *value;
    return request;
}

/// Opens the file without emptying it: that is for who knows that there is something to be written.
/// \param made  whether it was not there
Fd open_target(const std::string& path, bool& made) {
    constexpr unsigned kMode = 0600;
    Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode));
    made = file.is_open();
    if (!made && errno != EEXIST)
        throw SystemError(errno, "opening " + path);
    return made ? std::move(file) : open_file(path, O_WRONLY);
}

void read_to_file(const Context& context, service::Request request, const std::string& path) {
    bool made = false;
    const Fd file = open_target(path, made);
    request.descriptor = file.get();
    request.params["output"] = path;
    request.params["sparse"] = true;
    try {
        static_cast<void>(service::carry_out(context.address(), request));
    } catch (const std::exception&) {
        if (made)
            ::unlink(path.c_str());
        throw;
    }
}

int device_read(const Context& context, const Arguments& arguments) {
    service::Request request = request_on("device.read", arguments);
    const auto path = arguments.find_text("output");
    if (path && *path != "-") {
        read_to_file(context, std::move(request), *path);
        return 0;
    }
    request.descriptor = STDOUT_FILENO;
    request.params["output"] = "standard output";
    static_cast<void>(service::carry_out(context.address(), request));
    return 0;
}

int device_write(const Context& context, const Arguments& arguments) {
    service::Request request = request_on("device.write", arguments);
    request.descriptor = STDIN_FILENO;
    const Json result = service::carry_out(context.address(), request);
    if (context.json)
        context.out.json(result);
    return 0;
}

int device_discard(const Context& context, const Arguments& arguments) {
    static_cast<void>(arguments.size("offset"));
    static_cast<void>(arguments.size("length"));
    const Json result =
        service::carry_out(context.address(), request_on("device.discard", arguments));
    if (context.json)
        context.out.json(result);
    return 0;
}

constexpr Option kReadOptions[] = {
    {"offset", "SIZE", "where to begin; default 0"},
    {"length", "SIZE", "how much; default all up to the last mapped chunk"},
    {"output,o", "FILE", "a file to write, sparse; default: standard output"},
};
constexpr Option kWriteOptions[] = {{"offset", "SIZE", "where to begin; default 0"}};
constexpr Option kDiscardOptions[] = {
    {"offset", "SIZE", "where to begin"},
    {"length", "SIZE", "how much; chunks that are only partly in the range stay"},
};

constexpr Command kDeviceIoCommands[] = {
    {"device",
     "read",
     "ID",
     "copy a device to standard output or a file",
     1,
     1,
     kReadOptions,
     device_read},
    {"device",
     "write",
     "ID",
     "copy standard input to a device",
     1,
     1,
     kWriteOptions,
     device_write,
     Effect::changes},
    {"device",
     "discard",
     "ID",
     "unmap a range",
     1,
     1,
     kDiscardOptions,
     device_discard,
     Effect::changes},
};

} // namespace

std::span<const Command> device_io_commands() {
    return kDeviceIoCommands;
}

} // namespace thinsnap::tools
