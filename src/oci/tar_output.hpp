#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/byte_sink.hpp"

namespace thinsnap::oci {

/// Writes a tar of regular files and directories: the same calls give the same bytes. No times, no
/// owners, ustar; PAX where a size has more than ustar's 33 bits.
class TarOutput {
public:
    /// \param sink  must outlive it
    explicit TarOutput(ByteSink& sink)
        : sink_(sink) {}

    void add_directory(const std::string& name);
    void add_file(const std::string& name, std::string_view content);

    /// A file whose content comes by write(), `size` bytes in all, and ends with end_file().
    void begin_file(const std::string& name, std::uint64_t size);
    /// \throws Error(internal)  more than was promised
    void write(std::span<const std::byte> bytes);
    /// \throws Error(internal)  fewer bytes than were promised
    void end_file();

    /// The end of the archive; nothing may follow.
    void finish();

private:
    void write_header(const std::string& name, char type, std::uint64_t size);
    void pad(std::uint64_t size);

    ByteSink& sink_;
    std::uint64_t size_ = 0; ///< of the file that is being written
    std::uint64_t left_ = 0;
};

} // namespace thinsnap::oci
