#include <algorithm>
#include <cerrno>
#include <functional>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "app/interrupt.hpp"
#include "app/pool_directory.hpp"
#include "base/aligned_buffer.hpp"
#include "base/fd.hpp"

#include "command.hpp"
#include "output.hpp"

namespace thinsnap::tools {

namespace {

constexpr std::size_t kPart = 1U << 20U;

/// Up to the next multiple of kPart: all writes and reads but the first start at one.
std::size_t part_at(std::uint64_t offset) {
    return kPart - offset % kPart;
}

/// Where a device's last mapped chunk ends, in bytes.
std::uint64_t end_of(app::PoolHandle& handle, DeviceId id) {
    VirtualChunk end;
    const auto view = handle.pool().read_view();
    view->for_each_mapping(id, VirtualChunk(), [&](const MappedRun& run) {
        end = run.begin + run.length;
        return true;
    });
    return end.value() * handle.pool().chunk_size();
}

/// Bytes [offset, offset + length) of a device.
struct Range {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    [[nodiscard]] std::uint64_t end() const { return offset + length; }
};

/// Hands out the range piece by piece, with where it is.
void copy_range(BlockDevice& device,
                Range range,
                const std::function<void(std::uint64_t, std::span<const std::byte>)>& sink) {
    AlignedBuffer buffer(kPart);
    while (range.length > 0) {
        app::check_interrupt();
        const auto part =
            buffer.bytes().first(std::min<std::uint64_t>(part_at(range.offset), range.length));
        device.read(range.offset, part);
        sink(range.offset, part);
        range = {.offset = range.offset + part.size(), .length = range.length - part.size()};
    }
}

/// The range as a sparse file: what no chunk is mapped for takes no space.
void copy_to_file(app::PoolHandle& handle,
                  DeviceId id,
                  BlockDevice& device,
                  const Range& range,
                  const std::string& path) {
    const Fd file = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
    const std::uint64_t chunk_size = handle.pool().chunk_size();
    const auto view = handle.pool().read_view();
    const VirtualChunk first(range.offset / chunk_size);
    view->for_each_mapping(id, first, [&](const MappedRun& run) {
        const std::uint64_t begin = std::max(run.begin.value() * chunk_size, range.offset);
        const std::uint64_t end =
            std::min((run.begin.value() + run.length) * chunk_size, range.end());
        if (begin < end)
            copy_range(device,
                       {.offset = begin, .length = end - begin},
                       [&](std::uint64_t at, std::span<const std::byte> bytes) {
                           write_at(file, bytes, at - range.offset, path);
                       });
        return end < range.end();
    });
    if (::ftruncate(file.get(), static_cast<off_t>(range.length)) != 0 || ::fsync(file.get()) != 0)
        throw SystemError(errno, fmt::format("writing {}", path));
}

int device_read(const Context& context, const Arguments& arguments) {
    const DeviceId id = parse_device_id(arguments.words()[0]);
    Range range{.offset = arguments.find_size("offset").value_or(0)};
    app::PoolHandle handle(context.pool,
                           {.access = app::Access::shared, .lock_timeout = context.lock_timeout});
    const auto device = handle.pool().open_device(id, {.read_only = true});
    if (const auto length = arguments.find_size("length"))
        range.length = *length;
    else
        range.length = std::max(end_of(handle, id), range.offset) - range.offset;
    if (const auto path = arguments.find_text("output"); path && *path != "-")
        copy_to_file(handle, id, *device, range, *path);
    else
        copy_range(*device, range, [](std::uint64_t, std::span<const std::byte> bytes) {
            write_fully(STDOUT_FILENO, bytes, "standard output");
        });
    return 0;
}

/// Writes standard input to the device until it ends. `done` is what has been written, whatever
/// happens.
void copy_input(BlockDevice& device, std::uint64_t offset, std::uint64_t& done) {
    AlignedBuffer buffer(kPart);
    for (;;) {
        const auto part = buffer.bytes().first(part_at(offset + done));
        std::size_t filled = 0;
        read_fully(part, filled);
        device.write(offset + done, part.first(filled));
        done += filled;
        if (filled < part.size())
            return;
    }
}

/// Keeps what was written before a failure. The pool may take no flush any more, which then is no
/// news.
void flush_quietly(BlockDevice& device) {
    try {
        device.flush();
    } catch (const Error&) {
        return;
    }
}

int device_write(const Context& context, const Arguments& arguments) {
    const DeviceId id = parse_device_id(arguments.words()[0]);
    const std::uint64_t offset = arguments.find_size("offset").value_or(0);
    app::PoolHandle handle(context.pool, {.lock_timeout = context.lock_timeout});
    const auto device = handle.pool().open_device(id, {});
    std::uint64_t done = 0;
    try {
        copy_input(*device, offset, done);
    } catch (const app::Interrupted& signal) {
        // Made durable, so that the device holds the first part of the input and not a mixture.
        device->flush();
        throw app::Interrupted(
            signal.signal(),
            fmt::format("interrupted; the first {} bytes of the input are written", done));
    } catch (Error& error) {
        error.add_context(fmt::format("writing device {} at {}, {} bytes were written before",
                                      id.value(),
                                      offset + done,
                                      done));
        flush_quietly(*device);
        throw;
    }
    device->flush();
    if (context.json)
        context.out.json({{"device", id.value()}, {"offset", offset}, {"written_bytes", done}});
    return 0;
}

int device_discard(const Context& context, const Arguments& arguments) {
    const DeviceId id = parse_device_id(arguments.words()[0]);
    const std::uint64_t offset = arguments.size("offset");
    const std::uint64_t length = arguments.size("length");
    app::PoolHandle handle(context.pool, {.lock_timeout = context.lock_timeout});
    const auto device = handle.pool().open_device(id, {});
    device->discard(offset, length);
    device->flush();
    if (context.json)
        context.out.json({{"device", id.value()}, {"offset", offset}, {"length", length}});
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

constexpr Command kCommands[] = {
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
    return kCommands;
}

} // namespace thinsnap::tools
