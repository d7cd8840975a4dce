#include "oci/tar_output.hpp"

#include <algorithm>
#include <array>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/assert.hpp"
#include "oci/tar_headers.hpp"

namespace thinsnap::oci {

namespace {

constexpr std::uint64_t kMaxUstarSize = (std::uint64_t{1} << 33U) - 1;

using Header = std::array<char, kTarBlock>;

void put(Header& header, std::size_t offset, std::string_view text) {
    std::ranges::copy(text, header.begin() + static_cast<std::ptrdiff_t>(offset));
}

/// POSIX.1-2017, pax, "ustar Interchange Format".
Header make_header(const std::string& name, char type, std::uint64_t size) {
    constexpr std::size_t name_length = 100;
    TS_ASSERT(name.size() <= name_length && size <= kMaxUstarSize);
    Header header{};
    put(header, 0, name);
    put(header, 100, type == '5' ? "0000755" : "0000644");
    put(header, 108, "0000000"); // uid
    put(header, 116, "0000000"); // gid
    put(header, 124, fmt::format("{:011o}", size));
    put(header, 136, "00000000000"); // mtime
    put(header, 148, "        ");    // checksum, counted as blanks
    header[156] = type;
    put(header, 257, std::string_view("ustar\00000", 8)); // magic, version
    unsigned sum = 0;
    for (const char c : header)
        sum += static_cast<unsigned char>(c);
    put(header, 148, fmt::format("{:06o}", sum) + '\0' + ' ');
    return header;
}

/// "<length> size=<size>\n", the length of all of it.
std::string pax_size(std::uint64_t size) {
    const std::string rest = fmt::format(" size={}\n", size);
    return fmt::format("{}{}", rest.size() + 2, rest); // size has 10 to 20 digits: 2 for the length
}

} // namespace

void TarOutput::write_header(const std::string& name, char type, std::uint64_t size) {
    if (size > kMaxUstarSize) {
        const std::string record = pax_size(size);
        const auto extension = make_header("pax_header", 'x', record.size());
        sink_.write(std::as_bytes(std::span(extension)));
        sink_.write(std::as_bytes(std::span(record)));
        pad(record.size());
    }
    const auto header = make_header(name, type, std::min(size, kMaxUstarSize));
    sink_.write(std::as_bytes(std::span(header)));
}

void TarOutput::pad(std::uint64_t size) {
    static constexpr std::array<std::byte, kTarBlock> kZeros{};
    if (size % kTarBlock != 0)
        sink_.write(
            std::span(kZeros).first(kTarBlock - static_cast<std::size_t>(size % kTarBlock)));
}

void TarOutput::add_directory(const std::string& name) {
    write_header(name + '/', '5', 0);
}

void TarOutput::add_file(const std::string& name, std::string_view content) {
    begin_file(name, content.size());
    write(std::as_bytes(std::span(content)));
    end_file();
}

void TarOutput::begin_file(const std::string& name, std::uint64_t size) {
    write_header(name, '0', size);
    size_ = size;
    left_ = size;
}

void TarOutput::write(std::span<const std::byte> bytes) {
    if (bytes.size() > left_)
        throw Error(Errc::internal,
                    fmt::format("a file of an archive has more than the {} bytes promised", size_));
    left_ -= bytes.size();
    sink_.write(bytes);
}

void TarOutput::end_file() {
    if (left_ != 0)
        throw Error(
            Errc::internal,
            fmt::format("a file of an archive lacks {} of the {} bytes promised", left_, size_));
    pad(size_);
}

void TarOutput::finish() {
    static constexpr std::array<std::byte, 2 * kTarBlock> kEnd{};
    sink_.write(kEnd);
}

} // namespace thinsnap::oci
