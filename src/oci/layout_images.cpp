#include "oci/layout_images.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "base/in_quotes.hpp"
#include "oci/json.hpp"

namespace thinsnap::oci {

namespace {

constexpr std::size_t kMaxNesting = 8;
constexpr std::size_t kMaxManifests = 10'000;

Error corrupt(std::string text) {
    return {Errc::corrupt, std::move(text)};
}

/// The name that an entry of index.json has; Docker and containerd write the full one beside the
/// tag.
std::string name_of(const Descriptor& descriptor) {
    for (const std::string_view key : {kImageNameAnnotation, kRefNameAnnotation})
        if (const auto found = descriptor.annotations.find(std::string(key));
            found != descriptor.annotations.end() && !found->second.empty())
            return found->second;
    return {};
}

/// Entries of index.json under one name.
struct Group {
    std::string name;
    std::vector<Descriptor> entries;
};

/// A manifest that could be the one that is wanted.
struct Candidate {
    Descriptor descriptor;
    Platform platform;
};

class Lister {
public:
    Lister(const BlobStore& blobs, const std::optional<Platform>& platform)
        : blobs_(blobs)
        , explicit_(platform.has_value())
        , wanted_(platform ? normalised(*platform) : host_platform()) {}

    void add(const Group& group) {
        try {
            add_image(group.name, choose(group));
        } catch (Error& error) {
            error.add_context(group.name.empty()
                                  ? "image " + group.entries.front().digest.to_string()
                                  : "image " + in_quotes(group.name));
            throw;
        }
    }

    [[nodiscard]] std::vector<Image> take() { return std::move(images_); }

private:
    [[nodiscard]] Descriptor choose(const Group& group) {
        seen_.clear();
        std::vector<Candidate> candidates;
        for (const Descriptor& entry : group.entries)
            collect(entry, candidates, 0);
        if (candidates.empty())
            throw corrupt("its index holds no image");
        // What is the only one, and not one of an index, needs no choice.
        if (candidates.size() == 1 && !explicit_ && seen_.size() == 1)
            return candidates.front().descriptor;
        std::vector<Platform> platforms;
        platforms.reserve(candidates.size());
        for (const Candidate& candidate : candidates)
            platforms.push_back(candidate.platform);
        const auto chosen = best_match(platforms, wanted_);
        if (!chosen)
            throw_not_found(platforms);
        return candidates[*chosen].descriptor;
    }

    [[noreturn]] void throw_not_found(const std::vector<Platform>& platforms) const {
        std::set<std::string> names;
        for (const Platform& platform : platforms)
            names.insert(to_string(platform));
        std::string list;
        for (const std::string& name : names)
            list += (list.empty() ? "" : ", ") + name;
        throw Error(Errc::not_found,
                    fmt::format("it is not there for the platform {}, only for {}; choose one with "
                                "--platform",
                                to_string(wanted_),
                                in_quotes(list)));
    }

    /// The manifests that `entry` leads to, through indexes in indexes.
    void collect(const Descriptor& entry, std::vector<Candidate>& candidates, std::size_t depth) {
        if (entry.is_attestation() || !seen_.insert(entry.digest).second)
            return;
        if (depth == kMaxNesting)
            throw corrupt(fmt::format("its indexes are nested deeper than {} levels", kMaxNesting));
        if (seen_.size() > kMaxManifests)
            throw corrupt(fmt::format("its indexes have more than {} entries", kMaxManifests));
        if (entry.platform && !entry.platform->architecture.empty() && !is_index(entry)) {
            candidates.push_back({entry, *entry.platform});
            return;
        }
        const auto parsed = read(entry);
        if (const auto* index = std::get_if<Index>(&parsed))
            for (const Descriptor& below : index->manifests)
                collect(below, candidates, depth + 1);
        else
            candidates.push_back({entry, config_of(std::get<Manifest>(parsed)).platform});
    }

    [[nodiscard]] static bool is_index(const Descriptor& entry) {
        return entry.media_type.empty() || entry.media_type.find("index") != std::string::npos ||
               entry.media_type.find("manifest.list") != std::string::npos;
    }

    [[nodiscard]] std::variant<Manifest, Index> read(const Descriptor& entry) const {
        return parse(read_blob(blobs_, entry), entry);
    }

    [[nodiscard]] static std::variant<Manifest, Index> parse(const std::string& text,
                                                             const Descriptor& entry) {
        try {
            return parse_manifest(text, entry.media_type);
        } catch (Error& error) {
            error.add_context(fmt::format("manifest {}", entry.digest.to_string()));
            throw;
        }
    }

    [[nodiscard]] ImageConfig config_of(const Manifest& manifest) const {
        std::string text = read_blob(blobs_, manifest.config);
        try {
            return parse_config(std::move(text));
        } catch (Error& error) {
            error.add_context(fmt::format("config {}", manifest.config.digest.to_string()));
            throw;
        }
    }

    void add_image(const std::string& name, const Descriptor& chosen) {
        auto known = std::ranges::find(images_, chosen.digest, &Image::manifest_digest);
        if (known == images_.end()) {
            std::string text = read_blob(blobs_, chosen);
            const auto parsed = parse(text, chosen);
            const auto* manifest = std::get_if<Manifest>(&parsed);
            if (manifest == nullptr)
                throw corrupt(fmt::format("{} is an index where a manifest was promised",
                                          chosen.digest.to_string()));
            images_.push_back(
                assemble_image({}, std::move(text), manifest->layers, config_of(*manifest)));
            known = std::prev(images_.end());
        }
        if (!name.empty())
            add_name(known->names, name);
    }

    const BlobStore& blobs_;
    bool explicit_;
    Platform wanted_;
    std::set<Digest> seen_; ///< of the image that is being chosen
    std::vector<Image> images_;
};

/// Without names, only platforms can tell that entries are one image.
bool are_one_image(const std::vector<Descriptor>& entries) {
    std::set<std::string> platforms;
    return std::ranges::all_of(entries, [&](const Descriptor& entry) {
        return entry.platform && platforms.insert(to_string(*entry.platform)).second;
    });
}

std::vector<Group> group(const Index& index) {
    std::vector<Group> groups;
    std::vector<Descriptor> nameless;
    std::map<std::string, std::size_t> by_name;
    for (const Descriptor& entry : index.manifests) {
        if (entry.is_attestation())
            continue;
        const std::string name = name_of(entry);
        if (name.empty()) {
            nameless.push_back(entry);
            continue;
        }
        const auto [at, is_new] = by_name.emplace(name, groups.size());
        if (is_new)
            groups.push_back({name, {}});
        groups[at->second].entries.push_back(entry);
    }
    if (!nameless.empty() && are_one_image(nameless))
        groups.push_back({{}, std::move(nameless)});
    else
        for (Descriptor& entry : nameless)
            groups.push_back({{}, {std::move(entry)}});
    return groups;
}

} // namespace

std::vector<Image> list_layout_images(const BlobStore& blobs,
                                      const std::optional<Platform>& platform) {
    const auto file = blobs.find_file("index.json");
    if (!file)
        throw corrupt("the OCI layout has no index.json");
    Index index;
    try {
        index = parse_index(read_text(*file, kMaxJsonBytes));
    } catch (Error& error) {
        error.add_context("index.json");
        throw;
    }
    if (index.manifests.size() > kMaxManifests)
        throw corrupt(fmt::format("index.json lists {} manifests, more than the {} allowed",
                                  index.manifests.size(),
                                  kMaxManifests));
    Lister lister(blobs, platform);
    for (const Group& each : group(index))
        lister.add(each);
    auto images = lister.take();
    if (images.empty())
        throw Error(Errc::not_found, "the OCI layout holds no image");
    return images;
}

} // namespace thinsnap::oci
