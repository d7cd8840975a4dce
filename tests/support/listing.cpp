#include "support/listing.hpp"

#include <fmt/format.h>

#include "base/digest.hpp"

namespace thinsnap::test {

void Listing::add(const std::string& path, const ListedFile& file) {
    std::string text = fmt::format("{:04o} {}:{} {}.{:09} {}",
                                   file.attributes.permissions,
                                   file.attributes.uid,
                                   file.attributes.gid,
                                   file.attributes.mtime.seconds,
                                   file.attributes.mtime.nanoseconds,
                                   file.size);
    if (!file.link_target.empty())
        text += " -> " + file.link_target;
    if (file.device)
        text += fmt::format(" {}:{}", file.device->major, file.device->minor);
    for (const auto& [name, value] : file.xattrs)
        text += fmt::format(" {}={}", name, Digest::of(value).hex().substr(0, 12));
    if (!file.content.empty())
        text += " " + Digest::of(file.content).hex().substr(0, 12);
    const char letter = "fdlcbps"[static_cast<std::size_t>(file.type)];
    lines_[path] = {fmt::format("{} '{}' {}", letter, path, text), file.identity};
}

std::string Listing::text() const {
    std::map<std::uint64_t, std::string> first_path;
    std::string text;
    for (const auto& [path, line] : lines_) {
        const auto [first, is_first] = first_path.emplace(line.identity, path);
        text += line.text + (is_first ? "" : " is '" + first->second + "'") + "\n";
    }
    return text;
}

} // namespace thinsnap::test
