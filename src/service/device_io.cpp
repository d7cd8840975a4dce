#include <algorithm>
#include <cerrno>
#include <functional>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "app/interrupt.hpp"
#include "app/stream_io.hpp"
#include "base/aligned_buffer.hpp"
#include "base/fd.hpp"

#include "service/json.hpp"
#include "service/method.hpp"

namespace thinsnap::service {

namespace {

constexpr std::size_t kPart = 1U << 20U;

/// Up to the next multiple of kPart: all writes and reads but the first start at one.
std::size_t part_at(std::uint64_t offset) {
    return kPart - offset % kPart;
}

/// Where a device's last mapped chunk ends, in bytes.
std::uint64_t end_of(ThinPool& pool, DeviceId id) {
    VirtualChunk end;
    const auto view = pool.read_view();
    view->for_each_mapping(id, VirtualChunk(), [&](const MappedRun& run) {
        end = run.begin + run.length;
        return true;
    });
    return end.value() * pool.chunk_size();
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
void copy_to_file(ThinPool& pool,
                  DeviceId id,
                  BlockDevice& device,
                  const Range& range,
                  int output,
                  const std::string& name) {
    const Fd file(::fcntl(output, F_DUPFD_CLOEXEC, 0));
    if (::ftruncate(file.get(), 0) != 0)
        throw SystemError(errno, fmt::format("writing {}", name));
    const std::uint64_t chunk_size = pool.chunk_size();
    const auto view = pool.read_view();
    const VirtualChunk first(range.offset / chunk_size);
    view->for_each_mapping(id, first, [&](const MappedRun& run) {
        const std::uint64_t begin = std::max(run.begin.value() * chunk_size, range.offset);
        const std::uint64_t end =
            std::min((run.begin.value() + run.length) * chunk_size, range.end());
        if (begin < end)
            copy_range(device,
                       {.offset = begin, .length = end - begin},
                       [&](std::uint64_t at, std::span<const std::byte> bytes) {
                           write_at(file, bytes, at - range.offset, name);
                       });
        return end < range.end();
    });
    if (::ftruncate(file.get(), static_cast<off_t>(range.length)) != 0 || ::fsync(file.get()) != 0)
        throw SystemError(errno, fmt::format("writing {}", name));
}

Json read_device(Session& session, const Params& params, Streams& streams) {
    const DeviceId id = params.device("device");
    const int output = streams.output();
    Range range{.offset = params.find_number("offset").value_or(0)};
    ThinPool& pool = session.readable_pool().pool();
    session.claim(device_claim(id), Claims::Use::read);
    const auto device = pool.open_device(id, {.read_only = true});
    if (const auto length = params.find_number("length"))
        range.length = *length;
    else
        range.length = std::max(end_of(pool, id), range.offset) - range.offset;
    const std::string name = params.output_name();
    if (params.flag("sparse"))
        copy_to_file(pool, id, *device, range, output, name);
    else
        copy_range(*device, range, [&](std::uint64_t, std::span<const std::byte> bytes) {
            app::write_fully(output, bytes, name);
        });
    return Json::object();
}

/// Writes the input to the device until it ends. `done` is what has been written, whatever happens.
void copy_input(int input, BlockDevice& device, std::uint64_t offset, std::uint64_t& done) {
    AlignedBuffer buffer(kPart);
    for (;;) {
        const auto part = buffer.bytes().first(part_at(offset + done));
        std::size_t filled = 0;
        app::read_fully(input, part, filled, "standard input");
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

Json write_device(Session& session, const Params& params, Streams& streams) {
    const DeviceId id = params.device("device");
    const std::uint64_t offset = params.find_number("offset").value_or(0);
    app::PoolHandle& handle = session.writable_pool();
    session.claim(device_claim(id), Claims::Use::write);
    require_inactive(session, id, "write to it instead");
    const auto device = handle.pool().open_device(id, {});
    std::uint64_t done = 0;
    try {
        copy_input(streams.input(), *device, offset, done);
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
    return {{"device", id.value()}, {"offset", offset}, {"written_bytes", done}};
}

Json discard(Session& session, const Params& params, Streams&) {
    const DeviceId id = params.device("device");
    const std::uint64_t offset = params.number("offset");
    const std::uint64_t length = params.number("length");
    app::PoolHandle& handle = session.writable_pool();
    session.claim(device_claim(id), Claims::Use::write);
    require_inactive(session, id, "write to it instead");
    const auto device = handle.pool().open_device(id, {});
    device->discard(offset, length);
    device->flush();
    return {{"device", id.value()}, {"offset", offset}, {"length", length}};
}

constexpr Method kDeviceIoMethods[] = {
    {"device.read", read_device},
    {"device.write", write_device},
    {"device.discard", discard},
};

} // namespace

std::span<const Method> device_io_methods() {
    return kDeviceIoMethods;
}

} // namespace thinsnap::service
