#include "layer/names.hpp"

#include <fmt/format.h>

#include <thinsnap/error.hpp>

namespace thinsnap::layer {

namespace {

[[noreturn]] void refuse_name(std::string_view what) {
    throw Error(Errc::corrupt, std::string(what));
}

void add_component(std::vector<std::string_view>& components, std::string_view part) {
    if (part.empty() || part == ".")
        return;
    if (part == "..")
        refuse_name("a name with a component '..'");
    const bool whiteout = part.substr(0, kWhiteoutPrefix.size()) == kWhiteoutPrefix;
    if (part.size() > kMaxName + (whiteout ? kWhiteoutPrefix.size() : 0))
        refuse_name(
            fmt::format("a component of a name has {} bytes, more than {}", part.size(), kMaxName));
    components.push_back(part);
}

} // namespace

std::vector<std::string_view> split_tar_name(std::string_view name) {
    if (name.empty())
        refuse_name("an empty name");
    if (name.size() > kMaxPath)
        refuse_name(fmt::format("a name of {} bytes, more than {}", name.size(), kMaxPath));
    if (name.find('\0') != std::string_view::npos)
        refuse_name("a name with a NUL in it");
    std::vector<std::string_view> components;
    while (!name.empty()) {
        const std::size_t slash = name.find('/');
        add_component(components, name.substr(0, slash));
        name = slash == std::string_view::npos ? "" : name.substr(slash + 1);
    }
    return components;
}

std::optional<Whiteout> find_whiteout(const std::vector<std::string_view>& components) {
    constexpr std::string_view meta = ".wh..wh.";
    for (std::size_t i = 0; i < components.size(); ++i) {
        const std::string_view part = components[i];
        if (part.substr(0, kWhiteoutPrefix.size()) != kWhiteoutPrefix)
            continue;
        const bool last = i + 1 == components.size();
        if (last && part == ".wh..wh..opq")
            return Whiteout{Whiteout::Kind::opaque, {}};
        if (part.substr(0, meta.size()) == meta)
            return Whiteout{Whiteout::Kind::ignored, {}};
        if (!last)
            refuse_name("a directory with the name of a whiteout");
        const std::string_view hidden = part.substr(kWhiteoutPrefix.size());
        if (hidden.empty() || hidden == "." || hidden == "..")
            refuse_name("a whiteout of nothing");
        return Whiteout{Whiteout::Kind::name, hidden};
    }
    return std::nullopt;
}

} // namespace thinsnap::layer
