#include "attach/runtime_directory.hpp"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "base/fd.hpp"

namespace thinsnap::attach {

namespace fs = std::filesystem;

namespace {

using Fields = std::map<std::string_view, std::string_view>;

std::optional<Fields> fields_of(std::string_view text) {
    Fields fields;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        const std::size_t equals = line.find('=');
        if (end == std::string_view::npos || equals == std::string_view::npos)
            return std::nullopt;
        fields[line.substr(0, equals)] = line.substr(equals + 1);
        text.remove_prefix(end + 1);
    }
    return fields;
}

template <class Number>
bool read_number(const Fields& fields, std::string_view key, Number& into) {
    const auto found = fields.find(key);
    if (found == fields.end())
        return false;
    const char* const end = found->second.data() + found->second.size();
    const auto parsed = std::from_chars(found->second.data(), end, into);
    return parsed.ec == std::errc{} && parsed.ptr == end;
}

void make_private_directory(const std::string& path) {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        throw SystemError(errno, fmt::format("making the directory {}", path));
    struct stat st {};
    if (::lstat(path.c_str(), &st) != 0)
        throw SystemError(errno, fmt::format("looking at {}", path));
    if (!S_ISDIR(st.st_mode) || st.st_uid != ::geteuid() || (st.st_mode & 0022U) != 0)
        throw Error(Errc::precondition,
                    fmt::format("{} must be a directory of user {} that nobody else writes to; "
                                "remove it",
                                path,
                                ::geteuid()));
}

} // namespace

std::string encode_record(const ActiveRecord& record) {
    const ActiveDevice& device = record.device;
    const auto since =
        std::chrono::duration_cast<std::chrono::seconds>(device.since.time_since_epoch());
    return fmt::format("id={}\nsize={}\nread_only={}\nsince={}\nloop={}\nserver={}\n"
                       "server_start={}\npath={}\nname={}\n",
                       device.id.value(),
                       device.size,
                       device.read_only ? 1 : 0,
                       since.count(),
                       record.loop_number,
                       record.server.pid,
                       record.server.start,
                       device.path,
                       device.name);
}

std::optional<ActiveRecord> decode_record(std::string_view text) {
    const auto fields = fields_of(text);
    ActiveRecord record;
    std::uint32_t id = 0;
    unsigned read_only = 0;
    std::int64_t since = 0;
    if (!fields || !read_number(*fields, "id", id) ||
        !read_number(*fields, "size", record.device.size) ||
        !read_number(*fields, "read_only", read_only) || !read_number(*fields, "since", since) ||
        !read_number(*fields, "loop", record.loop_number) ||
        !read_number(*fields, "server", record.server.pid) ||
        !read_number(*fields, "server_start", record.server.start))
        return std::nullopt;
    record.device.id = DeviceId(id);
    record.device.read_only = read_only != 0;
    record.device.since = std::chrono::system_clock::time_point(std::chrono::seconds(since));
    if (const auto path = fields->find("path"); path != fields->end())
        record.device.path = path->second;
    if (const auto name = fields->find("name"); name != fields->end())
        record.device.name = name->second;
    return record;
}

RuntimeDirectory::RuntimeDirectory(std::string base, const std::string& pool_uuid)
    : path_(std::move(base)) {
    make_private_directory(path_);
    path_ += "/" + pool_uuid;
    make_private_directory(path_);
    make_private_directory(path_ + "/active");
    // Not looked at if it is there: it may be a mount whose server has died.
    if (::mkdir(devices().c_str(), 0700) != 0 && errno != EEXIST)
        throw SystemError(errno, fmt::format("making the directory {}", devices()));
}

std::optional<RuntimeDirectory> RuntimeDirectory::find(const std::string& base,
                                                       const std::string& pool_uuid) {
    struct stat st {};
    std::string path = base + "/" + pool_uuid;
    if (::lstat(path.c_str(), &st) != 0 || !S_ISDIR(st.st_mode))
        return std::nullopt;
    return RuntimeDirectory(std::move(path));
}

void RuntimeDirectory::remove_if_unused() const noexcept {
    for (const char* part : {"/active", "/devices", ""})
        if (::rmdir((path_ + part).c_str()) != 0)
            return;
}

std::optional<std::string> RuntimeDirectory::find_base() {
    if (::geteuid() == 0)
        return kSystemBase;
    // NOLINTNEXTLINE(concurrency-mt-unsafe) nobody sets the environment
    const char* user = std::getenv("XDG_RUNTIME_DIR");
    if (user == nullptr || *user == '\0')
        return std::nullopt;
    return std::string(user) + "/thinsnap";
}

std::string RuntimeDirectory::default_base() {
    auto base = find_base();
    if (!base)
        throw Error(Errc::precondition,
                    "XDG_RUNTIME_DIR is not set: there is no place for what lives as long as the "
                    "session");
    return *std::move(base);
}

void RuntimeDirectory::write(const ActiveRecord& record) const {
    replace_volatile_file(fmt::format("{}/active/{}", path_, record.device.id.value()),
                          encode_record(record));
}

void RuntimeDirectory::remove(DeviceId id) const noexcept {
    std::error_code error; // a file that stays is removed by the next clean_up()
    fs::remove(fs::path(path_) / "active" / std::to_string(id.value()), error);
}

std::vector<ActiveRecord> RuntimeDirectory::read() const {
    std::vector<ActiveRecord> records;
    std::error_code error;
    for (fs::directory_iterator it(path_ + "/active", error), end; !error && it != end;
         it.increment(error)) {
        try {
            if (auto record = decode_record(read_text_file(it->path().string())))
                records.push_back(std::move(*record));
        } catch (const Error&) { // NOLINT(bugprone-empty-catch) left out, as promised
        }
    }
    return records;
}

} // namespace thinsnap::attach
