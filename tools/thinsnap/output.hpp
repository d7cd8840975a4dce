#pragma once

#include <cstddef>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/fd.hpp"

namespace thinsnap::tools {

/// Whoever reads our output has gone away. No failure to speak of: the program ends quietly.
class BrokenPipe : public std::exception {};

/// Writes all of it, waiting as long as it takes.
/// \throws BrokenPipe, app::Interrupted, SystemError
void write_fully(int fd, std::span<const std::byte> bytes, std::string_view name);

/// Fills `into` from standard input. `done` is the number of bytes in it whatever happens: fewer
/// than asked for at the end of the input, or when it throws.
/// \throws app::Interrupted, SystemError
void read_fully(std::span<std::byte> into, std::size_t& done);

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
/// is written directly.
class OutputFile {
public:
    explicit OutputFile(std::string path);
    OutputFile(const OutputFile&) = delete;
    OutputFile& operator=(const OutputFile&) = delete;
    ~OutputFile();

    void write(std::span<const std::byte> bytes);
    /// Durable when it returns.
    void commit();

private:
    [[nodiscard]] std::string name_beside() const;
    void put_in_place();

    std::string path_;
    std::string beside_;      ///< to be renamed; empty: there is none
    bool is_unnamed_ = false; ///< to be given a name
    Fd fd_;
    std::vector<std::byte> pending_;
};

[[nodiscard]] std::span<const std::byte> bytes_of(std::string_view text);

} // namespace thinsnap::tools
