#include "oci/image.hpp"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/in_quotes.hpp"

namespace thinsnap::oci {

std::string Image::label() const {
    return names.empty() ? manifest_digest.to_string() : names.front();
}

Image assemble_image(std::vector<std::string> names,
                     std::string manifest_text,
                     const std::vector<Descriptor>& layers,
                     ImageConfig config) {
    if (layers.size() != config.diff_ids.size())
        throw Error(Errc::corrupt,
                    fmt::format("its manifest has {} layers, its config {} diffIDs; get the image "
                                "again",
                                layers.size(),
                                config.diff_ids.size()));
    const Digest digest = Digest::of(manifest_text);
    Image image{std::move(names), std::move(manifest_text), digest, std::move(config), {}};
    for (std::size_t i = 0; i < layers.size(); ++i)
        image.layers.push_back({layers[i], image.config.diff_ids[i]});
    return image;
}

void add_name(std::vector<std::string>& names, std::string name) {
    constexpr std::size_t most = 1024;
    const bool is_printable = std::ranges::all_of(name, [](char c) { return c > ' ' && c <= '~'; });
    if (name.empty() || name.size() > most || !is_printable)
        throw Error(Errc::corrupt, fmt::format("{} is no name for an image", in_quotes(name)));
    if (std::ranges::find(names, name) == names.end())
        names.push_back(std::move(name));
}

} // namespace thinsnap::oci
