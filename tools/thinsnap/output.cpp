#include "output.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <thinsnap/error.hpp>

#include "app/stream_io.hpp"

#include "command.hpp"

namespace thinsnap::tools {

namespace {

constexpr std::size_t kBufferSize = 256U << 10U;
constexpr int kJsonIndent = 2;

std::string render(const nlohmann::ordered_json& value, int indent) {
    return value.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

} // namespace

void Output::text(std::string_view text) {
    pending_ += text;
    if (pending_.size() >= kBufferSize)
        flush();
}

void Output::json(const nlohmann::ordered_json& value) {
    text(render(value, kJsonIndent) + "\n");
}

void Output::flush() {
    const std::string out = std::exchange(pending_, {});
    app::write_fully(STDOUT_FILENO, app::bytes_of(out), "standard output");
}

JsonStream::JsonStream(Output& out, const nlohmann::ordered_json& head, std::string_view array)
    : out_(out) {
    std::string text = "{\n";
    for (const auto& [key, value] : head.items())
        text += fmt::format("  {}: {},\n", render(key, -1), render(value, -1));
    out_.text(fmt::format("{}  \"{}\": [", text, array));
}

void JsonStream::add(const nlohmann::ordered_json& element) {
    out_.text(fmt::format("{}\n    {}", first_ ? "" : ",", render(element, -1)));
    first_ = false;
}

void JsonStream::finish(const nlohmann::ordered_json& tail) {
    std::string text = first_ ? "]" : "\n  ]";
    for (const auto& [key, value] : tail.items())
        text += fmt::format(",\n  {}: {}", render(key, -1), render(value, -1));
    out_.text(text + "\n}\n");
}

rpc::Json write_to(OutputFile& file, const Context& context, service::Request request) {
    request.descriptor = file.descriptor();
    request.params["output"] = file.name();
    rpc::Json result = service::carry_out(context.address(), request);
    file.commit();
    return result;
}

ListDisplay::ListDisplay(Output& out, bool json, std::string array, Text text)
    : out_(out)
    , json_(json)
    , array_(std::move(array))
    , text_(std::move(text)) {}

void ListDisplay::attach(service::Request& request) {
    request.on_head = [this](const nlohmann::ordered_json& members) {
        if (json_)
            stream_.emplace(out_, members, array_);
    };
    request.on_item = [this](const nlohmann::ordered_json& element) { add(element); };
}

void ListDisplay::add(nlohmann::ordered_json element) {
    if (stream_) {
        element.erase("text");
        stream_->add(element);
        return;
    }
    if (std::exchange(is_first_, false))
        out_.text(text_.heading);
    out_.text(text_.line(element));
    if (text_.at_once)
        out_.flush();
}

void ListDisplay::finish(const nlohmann::ordered_json& tail) {
    if (stream_)
        stream_->finish(tail);
}

namespace {

/// A file without a name in the directory where `path` will be: one that is killed leaves nothing.
/// Not open where the file system, or a missing /proc, does not allow it.
Fd open_unnamed(const std::string& directory) {
    if (::access("/proc/self/fd", X_OK) != 0)
        return {};
    return Fd(::open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
}

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

/// \return 0, or errno
int give_name(const Fd& file, const std::string& name) {
    const std::string source = fmt::format("/proc/self/fd/{}", file.get());
    return ::linkat(AT_FDCWD, source.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0
               ? 0
               : errno;
}

} // namespace

OutputFile::OutputFile(std::string path)
    : path_(std::move(path)) {
    struct stat st {};
    if (path_ == "-") {
        path_ = "standard output";
        fd_ = Fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
        if (!fd_.is_open())
            throw SystemError(errno, "writing standard output");
    } else if (::stat(path_.c_str(), &st) == 0 && !S_ISREG(st.st_mode)) {
        fd_ = open_file(path_, O_WRONLY);
    } else {
        fd_ = open_unnamed(directory_of(path_));
        is_unnamed_ = fd_.is_open();
        if (is_unnamed_)
            return;
        const std::string beside = name_beside();
        fd_ = open_file(beside, O_WRONLY | O_CREAT | O_EXCL);
        beside_ = beside;
    }
}

std::string OutputFile::name_beside() const {
    return fmt::format("{}.new{}", path_, ::getpid());
}

OutputFile::~OutputFile() {
    if (!beside_.empty())
        ::unlink(beside_.c_str());
}

void OutputFile::commit() {
    if (beside_.empty() && !is_unnamed_)
        return;
    if (::fsync(fd_.get()) != 0)
        throw SystemError(errno, fmt::format("syncing {}", path_));
    if (is_unnamed_)
        put_in_place();
    if (!beside_.empty() && ::rename(beside_.c_str(), path_.c_str()) != 0)
        throw SystemError(errno, fmt::format("renaming {} to {}", beside_, path_));
    beside_.clear();
    sync_directory(directory_of(path_));
}

/// Under its name, or beside it where another has to be replaced.
void OutputFile::put_in_place() {
    int error = give_name(fd_, path_);
    if (error == EEXIST) {
        const std::string beside = name_beside();
        error = give_name(fd_, beside);
        if (error == 0)
            beside_ = beside;
    }
    if (error != 0)
        throw SystemError(error, fmt::format("making {}", path_));
}

} // namespace thinsnap::tools
