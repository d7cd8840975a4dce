#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "base/fd.hpp"

#include "service/request.hpp"

namespace thinsnap::tools {

struct Context;

/// Standard output, buffered. What was not flushed is lost.
class Output {
public:
    void text(std::string_view text);
    /// Pretty printed, with a line break behind it. Bytes that are no UTF-8 (a path) are replaced.
    void json(const nlohmann::ordered_json& value);
    void flush();

private:
    std::string pending_;
};

/// A JSON object one of whose values is a long array, written as it comes:
/// {"a": 1, "runs": [...], "total": 7}.
class JsonStream {
public:
    /// \param head  the members before the array, an object
    JsonStream(Output& out, const nlohmann::ordered_json& head, std::string_view array);
    void add(const nlohmann::ordered_json& element);
    /// \param tail  the members behind the array, an object
    void finish(const nlohmann::ordered_json& tail);

private:
    Output& out_;
    bool first_ = true;
};

/// A file to be written whole or not at all: made without a name, or beside where that cannot be,
/// and put in its place by commit(). A target that is no regular file (a pipe, /dev/stdout) or "-"
/// is written directly. Whoever fills it writes to its descriptor.
class OutputFile {
public:
    explicit OutputFile(std::string path);
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    ~OutputFile();

    [[nodiscard]] int descriptor() const { return fd_.get(); }
    [[nodiscard]] const std::string& name() const { return path_; }

    /// Durable when it returns.
    void commit();

private:
    [[nodiscard]] std::string name_beside() const;
    void put_in_place();

    std::string path_;
    std::string beside_;      ///< to be renamed; empty: there is none
    bool is_unnamed_ = false; ///< to be given a name
    Fd fd_;
};

/// Lets a request fill the file, and commits it. \return its result
rpc::Json write_to(OutputFile& file, const Context& context, service::Request request);

/// Shows a result that has a long list in it as it comes: as JSON, or a line for each element.
class ListDisplay {
public:
    /// What to print for people. Elements may have a member `text`, which is meant for them and is
    /// no part of the JSON.
    struct Text {
        std::string heading{}; ///< before the first element
        std::function<std::string(const nlohmann::ordered_json& element)> line;
        bool at_once = false; ///< each line is seen even if the rest never comes
    };

    /// \param json   whether JSON is wanted
    /// \param array  what the list is called there
    ListDisplay(Output& out, bool json, std::string array, Text text);
    ListDisplay(const ListDisplay&) = delete;
    ListDisplay& operator=(const ListDisplay&) = delete;
    ~ListDisplay() = default;

    /// Lets the request tell this what it finds. This must outlive it.
    void attach(service::Request& request);
    /// \param tail  the members behind the list; for JSON only
    void finish(const nlohmann::ordered_json& tail);

private:
    void add(nlohmann::ordered_json element);

    Output& out_;
    bool json_;
    std::string array_;
    Text text_;
    bool is_first_ = true;
    std::optional<JsonStream> stream_;
};

} // namespace thinsnap::tools
