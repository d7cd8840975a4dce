#include "support/tar_builder.hpp"

#include <span>

#include <fmt/format.h>

namespace thinsnap::test {

namespace {

void put(std::string& block, std::size_t offset, std::size_t length, const std::string& text) {
    block.replace(offset, std::min(length, text.size()), text, 0, length);
}

std::string octal(std::uint64_t value, std::size_t length) {
    return fmt::format("{:0{}o}", value, length - 1);
}

void pad(std::string& bytes) {
    bytes.resize((bytes.size() + 511) / 512 * 512);
}

} // namespace

std::string TarBuilder::records(const Records& records) {
    std::string body;
    for (const auto& [key, value] : records) {
        const std::size_t rest = key.size() + value.size() + 3;
        std::size_t length = rest + 1;
        while (length < rest + std::to_string(length).size())
            ++length;
        body += fmt::format("{} {}={}\n", length, key, value);
    }
    return body;
}

TarBuilder& TarBuilder::add(const Header& header) {
    if (!header.pax.empty())
        extension('x', records(header.pax));
    std::string block(512, '\0');
    put(block, 0, 100, header.name);
    put(block, 100, 8, octal(header.mode, 8));
    put(block, 108, 8, octal(header.uid, 8));
    put(block, 116, 8, octal(header.gid, 8));
    put(block, 124, 12, header.size.empty() ? octal(header.content.size(), 12) : header.size);
    put(block, 136, 12, octal(header.mtime, 12));
    block[156] = header.type;
    put(block, 157, 100, header.link);
    put(block, 257, 8, header.magic);
    put(block, 329, 8, octal(header.major, 8));
    put(block, 337, 8, octal(header.minor, 8));
    put(block, 345, 155, header.prefix);
    for (const auto& [offset, bytes] : header.patches)
        put(block, offset, bytes.size(), bytes);
    put(block, 148, 8, std::string(8, ' '));
    unsigned sum = 0;
    for (const char c : block)
        sum += static_cast<unsigned char>(c);
    put(block, 148, 7, fmt::format("{:06o}", sum) + '\0');
    bytes_ += block + header.content;
    pad(bytes_);
    return *this;
}

TarBuilder& TarBuilder::file(const std::string& name, const std::string& content) {
    return add({.name = name, .content = content});
}

TarBuilder& TarBuilder::directory(const std::string& name, unsigned mode) {
    return add({.name = name, .type = '5', .mode = mode});
}

TarBuilder& TarBuilder::symlink(const std::string& name, const std::string& target) {
    return add({.name = name, .type = '2', .link = target});
}

TarBuilder& TarBuilder::hard_link(const std::string& name, const std::string& target) {
    return add({.name = name, .type = '1', .link = target});
}

TarBuilder& TarBuilder::extension(char type, const std::string& body) {
    return add({.name = "extension", .type = type, .content = body});
}

TarBuilder& TarBuilder::raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
}

std::vector<std::byte> TarBuilder::finished_bytes() const {
    const std::string text = finished();
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
}

} // namespace thinsnap::test
