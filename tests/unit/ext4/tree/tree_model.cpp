#include "unit/ext4/tree/tree_model.hpp"

#include <algorithm>
#include <array>

#include <doctest/doctest.h>
#include <fmt/core.h>

#include "support/content.hpp"

namespace thinsnap::test {

using ext4::Attributes;
using ext4::DeviceNumber;
using ext4::FileSystem;
using ext4::FileType;
using ext4::InodeInfo;
using ext4::InodeNumber;
using ext4::kRootInode;
using ext4::NewInode;
using ext4::TreeWriter;
using ext4::Xattr;

namespace {

constexpr std::array kPrefixes = {"user.", "trusted.", "security."};

std::vector<std::byte> content_of(const ModelFile& file) {
    std::vector<std::byte> bytes(file.size);
    for (const auto& [offset, length] : file.pieces) {
        const auto piece = pattern(file.seed, offset, length);
        std::copy(piece.begin(), piece.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    }
    return bytes;
}

void lose_name(const std::shared_ptr<ModelFile>& file) {
    --file->names;
    for (const auto& [name, child] : file->entries)
        lose_name(child);
}

std::uint32_t links_of(const ModelFile& file) {
    if (file.what.type != FileType::directory)
        return file.names;
    std::uint32_t links = 2;
    for (const auto& [name, child] : file.entries)
        links += child->what.type == FileType::directory ? 1U : 0U;
    return links;
}

std::string difference_of(const ModelFile& file, const InodeInfo& info) {
    if (info.type != file.what.type)
        return "type";
    if (info.attributes != file.what.attributes)
        return "attributes";
    if (info.links != links_of(file))
        return fmt::format("{} links, not {}", info.links, links_of(file));
    if (info.device != file.what.device)
        return "device";
    if (info.type == FileType::regular && info.size != file.size)
        return fmt::format("size {}, not {}", info.size, file.size);
    return {};
}

std::string content_difference(const ModelFile& file, const FileSystem& fs, InodeNumber number) {
    if (fs.xattrs(number) != file.xattrs)
        return "xattrs";
    if (file.what.type == FileType::symlink && fs.link_target(number) != file.what.link_target)
        return "target";
    if (file.what.type != FileType::regular)
        return {};
    std::vector<std::byte> bytes(file.size);
    if (fs.read(number, 0, bytes) != bytes.size() || bytes != content_of(file))
        return "content";
    return {};
}

} // namespace

TreeModel::TreeModel(std::uint64_t seed)
    : random_(seed)
    , root_(std::make_shared<ModelFile>()) {
    root_->what = {FileType::directory, {0755, 0, 0, {1'600'000'000, 0}}};
    root_->names = 1;
}

TreeModel::Place TreeModel::random_directory(TreeWriter& writer) {
    Place place{root_, kRootInode};
    while (!random_.one_in(3)) {
        std::vector<std::string> below;
        for (const auto& [name, child] : place.directory->entries)
            if (child->what.type == FileType::directory)
                below.push_back(name);
        if (below.empty())
            break;
        const std::string& name = below[random_.below(below.size())];
        place = {place.directory->entries.at(name), writer.find(place.number, name)->inode};
    }
    return place;
}

std::string TreeModel::random_name() {
    if (!random_.one_in(20))
        return fmt::format("n{}", random_.below(40));
    std::string name(1 + random_.below(255), ' ');
    for (char& c : name)
        c = static_cast<char>('a' + random_.below(200) % 128);
    std::replace(name.begin(), name.end(), '/', '\n');
    return name;
}

Attributes TreeModel::random_attributes() {
    auto seconds = static_cast<std::int64_t>(random_.below(1ULL << 34U)) - (1LL << 31U);
    if (seconds >= ext4::kFirstDoubtedSecond && seconds <= ext4::kLastDoubtedSecond)
        seconds = 0; // e2fsck is asked afterwards
    return {static_cast<std::uint16_t>(random_.below(010000)),
            static_cast<std::uint32_t>(random_.next()),
            static_cast<std::uint32_t>(random_.below(70000)),
            {seconds, static_cast<std::uint32_t>(random_.below(1'000'000'000))}};
}

NewInode TreeModel::random_inode() {
    NewInode what;
    what.attributes = random_attributes();
    switch (random_.below(8)) {
    case 0:
        what.type = FileType::symlink;
        what.link_target = std::string(1 + random_.below(random_.one_in(2) ? 70 : 4095), 't');
        break;
    case 1:
        what.type = random_.one_in(2) ? FileType::block_device : FileType::character_device;
        what.device = DeviceNumber{static_cast<std::uint32_t>(random_.below(4096)),
                                   static_cast<std::uint32_t>(random_.below(1U << 20U))};
        break;
    case 2:
        what.type = random_.one_in(2) ? FileType::fifo : FileType::socket;
        break;
    case 3:
    case 4:
        what.type = FileType::directory;
        break;
    default:
        break;
    }
    return what;
}

void TreeModel::set_content(TreeWriter& writer, ModelFile& file, InodeNumber number) {
    file.seed = random_.next();
    file.pieces.clear();
    auto content = writer.open_content(number);
    std::uint64_t end = 0;
    const std::uint64_t pieces = random_.below(random_.one_in(10) ? 60 : 3);
    for (std::uint64_t i = 0; i < pieces; ++i) {
        const std::uint64_t offset = end + (random_.one_in(2) ? 0 : random_.below(30000));
        const std::uint64_t length = 1 + random_.below(20000);
        content.write(offset, pattern(file.seed, offset, length));
        file.pieces[offset] = length;
        end = offset + length;
    }
    file.size = end + (random_.one_in(4) ? random_.below(50000) : 0);
    content.close(file.size);
}

void TreeModel::set_xattrs(TreeWriter& writer, ModelFile& file, InodeNumber number) {
    std::map<std::string, std::string> xattrs;
    for (std::uint64_t n = random_.below(4); n > 0; --n) {
        const std::size_t size = random_.below(random_.one_in(5) ? 20000 : 60);
        xattrs[fmt::format("{}{}", kPrefixes[random_.below(3)], random_name())] =
            std::string(size, static_cast<char>('A' + random_.below(26)));
    }
    file.xattrs.clear();
    for (const auto& [name, value] : xattrs)
        if (name.size() <= 255)
            file.xattrs.push_back({name, value});
    writer.set_xattrs(number, file.xattrs);
}

void TreeModel::create(TreeWriter& writer, const Place& place) {
    const std::string name = random_name();
    const NewInode what = random_inode();
    const auto attempt = [&] { return writer.create(place.number, name, what); };
    if (place.directory->entries.contains(name)) {
        CHECK(failure_of([&] { (void)attempt(); }) == Errc::already_exists);
        return;
    }
    const InodeNumber number = attempt();
    auto file = std::make_shared<ModelFile>();
    file->what = what;
    file->names = 1;
    place.directory->entries[name] = file;
    if (what.type == FileType::regular)
        set_content(writer, *file, number);
    if (random_.one_in(5))
        set_xattrs(writer, *file, number);
}

void TreeModel::link(TreeWriter& writer, const Place& place) {
    const Place from = random_directory(writer);
    const std::string name = random_name();
    if (from.directory->entries.empty() || place.directory->entries.contains(name))
        return;
    auto entry = from.directory->entries.begin();
    std::advance(entry, static_cast<std::ptrdiff_t>(random_.below(from.directory->entries.size())));
    const auto& [old_name, file] = *entry;
    const InodeNumber number = writer.find(from.number, old_name)->inode;
    if (file->what.type == FileType::directory) {
        CHECK(failure_of([&] { writer.link(place.number, name, number); }) ==
              Errc::invalid_argument);
        return;
    }
    writer.link(place.number, name, number);
    ++file->names;
    place.directory->entries[name] = file;
}

void TreeModel::change_entry(TreeWriter& writer, const Place& place, const std::string& name) {
    const auto file = place.directory->entries.at(name);
    const InodeNumber number = writer.find(place.number, name)->inode;
    switch (random_.below(5)) {
    case 0:
        writer.remove(place.number, name);
        place.directory->entries.erase(name);
        lose_name(file);
        break;
    case 1:
        file->what.attributes = random_attributes();
        writer.set_attributes(number, file->what.attributes);
        break;
    case 2:
        set_xattrs(writer, *file, number);
        break;
    default:
        if (file->what.type == FileType::regular)
            set_content(writer, *file, number);
        break;
    }
}

void TreeModel::change(TreeWriter& writer) {
    const Place place = random_directory(writer);
    if (random_.one_in(8))
        return link(writer, place);
    if (place.directory->entries.empty() || random_.one_in(2))
        return create(writer, place);
    auto entry = place.directory->entries.begin();
    std::advance(entry,
                 static_cast<std::ptrdiff_t>(random_.below(place.directory->entries.size())));
    change_entry(writer, place, std::string(entry->first));
}

std::string TreeModel::difference(const FileSystem& file_system) const {
    std::vector<std::pair<std::shared_ptr<ModelFile>, InodeNumber>> waiting = {{root_, kRootInode}};
    while (!waiting.empty()) {
        const std::shared_ptr<ModelFile> file = waiting.back().first;
        const InodeNumber number = waiting.back().second;
        waiting.pop_back();
        std::string differs = difference_of(*file, file_system.inode(number));
        if (differs.empty())
            differs = content_difference(*file, file_system, number);
        if (!differs.empty())
            return fmt::format("inode {}: {}", number.value(), differs);
        if (file->what.type != FileType::directory)
            continue;
        std::size_t count = 0;
        file_system.for_each_entry(number, [&](const ext4::Entry& entry) {
            const auto found = file->entries.find(entry.name);
            if (found == file->entries.end())
                return;
            ++count;
            waiting.emplace_back(found->second, entry.inode);
        });
        if (count != file->entries.size())
            return fmt::format(
                "directory {}: {} of {} names", number.value(), count, file->entries.size());
    }
    return {};
}

std::string TreeModel::difference(TreeWriter& writer) const {
    std::vector<std::pair<std::shared_ptr<ModelFile>, InodeNumber>> waiting = {{root_, kRootInode}};
    while (!waiting.empty()) {
        const auto [file, number] = waiting.back();
        waiting.pop_back();
        std::string differs = difference_of(*file, writer.inode(number));
        if (file->what.type == FileType::symlink &&
            writer.link_target(number) != file->what.link_target)
            differs = "target";
        if (!differs.empty())
            return fmt::format("pending inode {}: {}", number.value(), differs);
        for (const auto& [name, child] : file->entries) {
            const auto found = writer.find(number, name);
            if (!found || found->type != child->what.type)
                return fmt::format("pending directory {}: '{}'", number.value(), name);
            waiting.emplace_back(child, found->inode);
        }
    }
    return {};
}

} // namespace thinsnap::test
