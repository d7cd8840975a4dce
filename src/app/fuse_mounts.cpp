#include "app/fuse_mounts.hpp"

#include <algorithm>

namespace thinsnap::app {

namespace {

/// The next word; the rest stays in `line`.
std::string_view take_word(std::string_view& line) {
    const std::string_view word = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(word.size() + 1, line.size()));
    return word;
}

bool is_octal(char c) {
    return c >= '0' && c <= '7';
}

/// The kernel writes blanks and the like as a backslash and three octal digits.
std::string unescape(std::string_view word) {
    std::string text;
    for (std::size_t i = 0; i < word.size(); ++i) {
        if (word[i] == '\\' && i + 3 < word.size() && is_octal(word[i + 1]) &&
            is_octal(word[i + 2]) && is_octal(word[i + 3])) {
            text += static_cast<char>((word[i + 1] - '0') * 64 + (word[i + 2] - '0') * 8 +
                                      (word[i + 3] - '0'));
            i += 3;
        } else {
            text += word[i];
        }
    }
    return text;
}

} // namespace

std::vector<std::string> fuse_mount_points(std::string_view mountinfo) {
    std::vector<std::string> points;
    while (!mountinfo.empty()) {
        std::string_view line = mountinfo.substr(0, mountinfo.find('\n'));
        mountinfo.remove_prefix(std::min(line.size() + 1, mountinfo.size()));
        std::string_view before = line;
        for (int skipped = 0; skipped < 4; ++skipped) // id, parent, device, root
            take_word(before);
        const std::string_view point = take_word(before);
        const std::size_t dash = line.find(" - ");
        if (dash != std::string_view::npos && line.substr(dash + 3).starts_with("fuse"))
            points.push_back(unescape(point));
    }
    return points;
}

bool lies_in(std::string_view path, const std::vector<std::string>& directories) {
    return std::ranges::any_of(directories, [&](const std::string& directory) {
        return path.starts_with(directory) &&
               (directory == "/" || path.size() == directory.size() ||
                path[directory.size()] == '/');
    });
}

} // namespace thinsnap::app
