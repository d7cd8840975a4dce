#include "unit/layer/random_layer.hpp"

#include "layer/apply.hpp"

#include "support/tar_builder.hpp"

namespace thinsnap::test {

namespace {

std::string some_name(Random& random) {
    return std::string(1, "abcdef"[random.below(6)]) +
           (random.one_in(30) ? std::string(200, 'x') : std::string());
}

/// A path that leads to nothing but directories, or to what is missing.
std::string some_path(Random& random, const MemoryTree& tree) {
    std::string path;
    for (std::uint64_t depth = random.below(4); depth > 0; --depth) {
        const std::string next = path + some_name(random);
        const MemoryTree::File* there = tree.at(next);
        if (there != nullptr && there->type != ext4::FileType::directory)
            break;
        path = next + "/";
    }
    return path + some_name(random);
}

TarBuilder::Header some_file(Random& random) {
    TarBuilder::Header header;
    header.mode = static_cast<unsigned>(random.below(010000));
    header.uid = random.below(100'000);
    header.gid = random.below(10);
    header.pax.emplace_back("mtime",
                            std::to_string(random.below(4'000'000'000)) + "." +
                                std::to_string(100'000'000 + random.below(100'000'000)));
    header.type = "000000523460"[random.below(12)];
    if (header.type == '0') {
        const bool large = random.one_in(10);
        header.content.resize(random.below(large ? 200'000 : 6000));
        for (char& c : header.content)
            c = static_cast<char>(random.next());
    }
    if (header.type == '2')
        header.link = "nowhere/" + std::string(random.below(90), 't');
    if (header.type == '3' || header.type == '4') {
        header.major = static_cast<unsigned>(1 + random.below(500));
        header.minor = static_cast<unsigned>(random.below(100'000));
    }
    if (random.one_in(3) && header.type != '2')
        header.pax.emplace_back("SCHILY.xattr.security.x" + std::to_string(random.below(3)),
                                std::string(random.below(random.one_in(8) ? 5000 : 60), 'v'));
    return header;
}

/// Some file that a link can be made to; empty when there is none.
std::string some_target(Random& random, const MemoryTree& tree) {
    const auto paths = tree.paths();
    if (paths.empty())
        return {};
    const std::string& path = paths[random.below(paths.size())];
    return tree.at(path)->type == ext4::FileType::directory ? std::string() : path;
}

TarBuilder::Header some_entry(Random& random, const MemoryTree& tree) {
    std::string path = some_path(random, tree);
    TarBuilder::Header header = some_file(random);
    if (random.one_in(6)) {
        const std::string target = some_target(random, tree);
        // Not into a directory that the link replaces.
        if (!target.empty() && target.compare(0, path.size(), path) != 0) {
            header = {.type = '1'};
            header.pax.emplace_back("linkpath", target);
        }
    } else if (random.one_in(5)) {
        const std::size_t name = path.rfind('/') + 1;
        header = {};
        path.insert(name, ".wh.");
        if (random.one_in(5))
            path.replace(name, path.size() - name, ".wh..wh..opq");
    }
    header.pax.emplace_back("path", path);
    return header;
}

} // namespace

std::string random_layer(Random& random, MemoryTree& lower, unsigned entries) {
    TarBuilder tar;
    std::string all;
    // One tar, but each entry chosen with what those before have made of the tree. A tree to which
    // they are applied one by one differs where a whiteout meets this layer's own files: those
    // entries are chosen by it and the result is made anew.
    MemoryTree scratch = lower;
    for (unsigned i = 0; i < entries; ++i) {
        const TarBuilder::Header header = some_entry(random, scratch);
        tar.add(header);
        MemoryTree next = lower;
        const std::string bytes = tar.finished();
        MemorySource source(std::as_bytes(std::span(bytes)));
        layer::apply_tar(source, next);
        scratch = next;
    }
    lower = scratch;
    return tar.finished();
}

} // namespace thinsnap::test
