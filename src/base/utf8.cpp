#include "base/utf8.hpp"

#include <algorithm>
#include <array>

namespace thinsnap {

namespace {

/// Characters of so many bytes, by their first byte.
struct Form {
    unsigned char first; ///< the last first byte of this form
    std::size_t length;  ///< 0: no character begins so
    unsigned char second_min;
    unsigned char second_max;
};
constexpr std::array kForms{Form{0x7F, 1, 0, 0},
                            Form{0xC1, 0, 0, 0},
                            Form{0xDF, 2, 0x80, 0xBF},
                            Form{0xE0, 3, 0xA0, 0xBF},
                            Form{0xEC, 3, 0x80, 0xBF},
                            Form{0xED, 3, 0x80, 0x9F},
                            Form{0xEF, 3, 0x80, 0xBF},
                            Form{0xF0, 4, 0x90, 0xBF},
                            Form{0xF3, 4, 0x80, 0xBF},
                            Form{0xF4, 4, 0x80, 0x8F},
                            Form{0xFF, 0, 0, 0}};

unsigned char byte_at(std::string_view text, std::size_t at) {
    return static_cast<unsigned char>(text[at]);
}

} // namespace

std::size_t utf8_length(std::string_view text) {
    const auto* const form =
        std::ranges::find_if(kForms, [first = byte_at(text, 0)](const Form& candidate) {
            return first <= candidate.first;
        });
    if (form->length < 2 || form->length > text.size())
        return form->length == 1 ? 1 : 0;
    if (byte_at(text, 1) < form->second_min || byte_at(text, 1) > form->second_max)
        return 0;
    const bool sound = std::ranges::all_of(text.substr(2, form->length - 2), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) == 0x80;
    });
    return sound ? form->length : 0;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0)
            return false;
        text.remove_prefix(length);
    }
    return true;
}

std::size_t printable_utf8_length(std::string_view text) {
    const std::size_t length = utf8_length(text);
    const unsigned first = byte_at(text, 0);
    const bool is_control = (length == 1 && (first < 0x20 || first == 0x7F)) ||
                            (length == 2 && first == 0xC2 && byte_at(text, 1) < 0xA0);
    return is_control ? 0 : length;
}

} // namespace thinsnap
