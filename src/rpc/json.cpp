#include "rpc/json.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/utf8.hpp"

namespace thinsnap::rpc {

namespace {

/// The UTF-8 of U+10FE00 to U+10FEFF: these two bytes, then two that hold eight bits.
constexpr std::string_view kEscape = "\xF4\x8F";
constexpr std::size_t kEscapeLength = 4;
constexpr unsigned kThirdByte = 0xB8;  ///< of U+10FE00
constexpr unsigned kFourthByte = 0x80; ///< of U+10FE00

/// The byte that the character at the front of `text` stands for; -1: it is none of ours.
int escaped_byte(std::string_view text) {
    if (text.size() < kEscapeLength || !text.starts_with(kEscape))
        return -1;
    const unsigned third = static_cast<unsigned char>(text[2]);
    const unsigned fourth = static_cast<unsigned char>(text[3]);
    if (third < kThirdByte || third > kThirdByte + 3 || (fourth & 0xC0U) != kFourthByte)
        return -1;
    return static_cast<int>(((third - kThirdByte) << 6U) | (fourth & 0x3FU));
}

std::string escape_of(char byte) {
    const unsigned value = static_cast<unsigned char>(byte);
    std::string text(kEscape);
    text += static_cast<char>(kThirdByte + (value >> 6U));
    text += static_cast<char>(kFourthByte + (value & 0x3FU));
    return text;
}

std::string encoded(std::string_view bytes) {
    std::string text;
    while (!bytes.empty()) {
        std::size_t length = utf8_length(bytes);
        if (length == 0 || escaped_byte(bytes) >= 0) {
            text += escape_of(bytes.front());
            length = 1;
        } else {
            text += bytes.substr(0, length);
        }
        bytes.remove_prefix(length);
    }
    return text;
}

std::string decoded(std::string_view text) {
    std::string bytes;
    while (!text.empty()) {
        const int byte = escaped_byte(text);
        bytes += byte >= 0 ? static_cast<char>(byte) : text.front();
        text.remove_prefix(byte >= 0 ? kEscapeLength : 1);
    }
    return bytes;
}

bool is_plain(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

template <class Change>
void change_strings(Json& value, const Change& change);

/// Of an object, whose keys cannot be changed in place.
template <class Change>
void change_members(Json::object_t& members, const Change& change) {
    for (auto& [key, element] : members)
        change_strings(element, change);
    if (std::ranges::all_of(members, [](const auto& member) { return is_plain(member.first); }))
        return;
    Json::object_t changed;
    for (auto& [key, element] : members)
        changed.emplace_back(is_plain(key) ? key : change(key), std::move(element));
    members = std::move(changed);
}

/// Puts every string in the value, keys as well, through `change`.
template <class Change>
void change_strings(Json& value, const Change& change) {
    if (value.is_string()) {
        auto& text = value.get_ref<std::string&>();
        if (!is_plain(text))
            text = change(text);
    } else if (value.is_array()) {
        for (Json& element : value)
            change_strings(element, change);
    } else if (value.is_object()) {
        change_members(value.get_ref<Json::object_t&>(), change);
    }
}

/// Refuses what would take long to read or to go through: an object finds its members one by one.
class ShapeCheck {
public:
    bool operator()(int depth, Json::parse_event_t event, const Json&) {
        if (event == Json::parse_event_t::object_start ||
            event == Json::parse_event_t::array_start) {
            if (depth >= kMaxDepth)
                throw Error(Errc::invalid_argument,
                            fmt::format("JSON more than {} levels deep", kMaxDepth));
            keys_[static_cast<std::size_t>(depth)] = 0;
        }
        // A key stands one level deeper than the beginning of its object.
        if (event == Json::parse_event_t::key &&
            ++keys_[static_cast<std::size_t>(depth - 1)] > kMaxKeys)
            throw Error(Errc::invalid_argument,
                        fmt::format("a JSON object with more than {} keys", kMaxKeys));
        return true;
    }

private:
    std::array<std::size_t, kMaxDepth> keys_{};
};

} // namespace

std::string to_line(const Json& value) {
    Json copy = value;
    change_strings(copy, encoded);
    return copy.dump();
}

Json from_line(std::string_view line) {
    try {
        Json value = Json::parse(line, ShapeCheck());
        change_strings(value, decoded);
        return value;
    } catch (const Json::exception& error) {
        throw Error(Errc::invalid_argument, error.what());
    }
}

} // namespace thinsnap::rpc
