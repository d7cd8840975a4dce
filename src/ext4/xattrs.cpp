#include "ext4/xattrs.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include <fmt/core.h>

#include "base/crc32c.hpp"
#include "base/endian.hpp"
#include "ext4/acl.hpp"
#include "ext4/checksums.hpp"
#include "ext4/file_content.hpp"

namespace thinsnap::ext4 {

namespace {

constexpr std::uint32_t kMagic = EXT2_EXT_ATTR_MAGIC;
constexpr std::size_t kXattrEntry = sizeof(ext2_ext_attr_entry);
constexpr std::size_t kBlockHeader = sizeof(ext2_ext_attr_header);

std::string to_text(std::span<const std::byte> bytes) {
    return {static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()};
}

class XattrReader {
public:
    XattrReader(FileSystemHandle& handle, InodeNumber number)
        : handle_(handle)
        , number_(number) {}

    [[nodiscard]] std::vector<Xattr> run(const InodeRecord& record) {
        const ext2_inode_large inode = record.fields();
        const std::size_t begin = EXT2_GOOD_OLD_INODE_SIZE + inode.i_extra_isize + sizeof kMagic;
        const std::span<const std::byte> bytes(record.bytes);
        if (begin + sizeof(std::uint32_t) <= kInodeSize &&
            load_le<std::uint32_t>(bytes, begin - sizeof kMagic) == kMagic)
            read_entries(bytes.subspan(begin), 0);
        if (inode.i_file_acl != 0)
            read_block(inode.i_file_acl);
        std::ranges::sort(found_);
        const auto twice = std::ranges::adjacent_find(found_, {}, &Xattr::name);
        if (twice != found_.end())
            fail(fmt::format("two xattrs '{}'", twice->name));
        return std::move(found_);
    }

private:
    [[noreturn]] void fail(std::string_view what) const { throw_corrupt(number_, what); }

    void read_block(std::uint64_t where) {
        if (where >= handle_.nr_blocks())
            fail(fmt::format("xattrs in block {}", where));
        std::array<std::byte, kBlockSize> block{};
        handle_.io().read(where, block);
        if (load_le<std::uint32_t>(block, 0) != kMagic || load_le<std::uint32_t>(block, 8) != 1)
            fail(fmt::format("xattrs in block {}: no xattr block", where));
        if (load_le<std::uint32_t>(block, offsetof(ext2_ext_attr_header, h_checksum)) !=
            xattr_block_checksum(handle_.native()->csum_seed, block, where))
            fail(fmt::format("xattrs in block {}: wrong checksum", where));
        read_entries(block, kBlockHeader);
    }

    /// \param area   what the entries' offsets count from, to the end
    void read_entries(std::span<const std::byte> area, std::size_t at) {
        while (true) {
            if (area.size() - at < sizeof(std::uint32_t))
                fail("xattrs without an end");
            if (load_le<std::uint32_t>(area, at) == 0)
                return;
            if (area.size() - at < kXattrEntry)
                fail("xattrs without an end");
            const std::size_t name = std::to_integer<std::size_t>(area[at]);
            const std::size_t length = (kXattrEntry + name + 3) / 4 * 4;
            if (area.size() - at < length)
                fail(fmt::format("an xattr's name of {} bytes", name));
            read_entry(area, at, name);
            at += length;
        }
    }

    void read_entry(std::span<const std::byte> area, std::size_t at, std::size_t name_length) {
        const auto index = std::to_integer<std::uint8_t>(area[at + 1]);
        const std::size_t offset = load_le<std::uint16_t>(area, at + 2);
        const std::uint32_t inode = load_le<std::uint32_t>(area, at + 4);
        const std::size_t size = load_le<std::uint32_t>(area, at + 8);
        const std::string rest = to_text(area.subspan(at + kXattrEntry, name_length));
        const auto* const prefix = std::ranges::find(kXattrPrefixes, index, &XattrPrefix::index);
        const bool whole = prefix != kXattrPrefixes.end() && !prefix->text.ends_with('.');
        if (prefix == kXattrPrefixes.end() || rest.empty() != whole ||
            rest.find('\0') != std::string::npos)
            fail(fmt::format("an xattr of kind {} with a name of {} bytes", index, name_length));
        Xattr xattr{std::string(prefix->text) + rest, {}};
        if (size > kMaxXattrValue)
            fail(fmt::format("xattr '{}' of {} bytes", xattr.name, size));
        if (inode != 0)
            xattr.value = read_large(InodeNumber(inode), size);
        else if (size > 0 && (offset > area.size() || size > area.size() - offset))
            fail(fmt::format("xattr '{}': {} bytes at {}", xattr.name, size, offset));
        else if (size > 0)
            xattr.value = to_text(area.subspan(offset, size));
        if (whole) {
            xattr.value = acl_from_disk(xattr.value);
            if (xattr.value.empty())
                fail(fmt::format("xattr '{}': no ACL", xattr.name));
        }
        found_.push_back(std::move(xattr));
    }

    /// A value that is the content of an inode of its own.
    [[nodiscard]] std::string read_large(InodeNumber number, std::size_t size) {
        const InodeRecord record = handle_.read_inode(number);
        const ext2_inode_large inode = record.fields();
        if (!record.in_use() || (inode.i_flags & EXT4_EA_INODE_FL) == 0 ||
            !LINUX_S_ISREG(inode.i_mode) || size_of(inode) != size)
            fail(fmt::format("inode {} is no xattr of {} bytes", number.value(), size));
        std::string value(size, '\0');
        const auto bytes = std::as_writable_bytes(std::span(value));
        (void)read_content(handle_, number, record, 0, bytes);
        if (crc32c_raw(bytes, handle_.native()->csum_seed) != inode.i_atime)
            fail(fmt::format("xattr in inode {}: wrong checksum", number.value()));
        return value;
    }

    FileSystemHandle& handle_;
    InodeNumber number_;
    std::vector<Xattr> found_;
};

} // namespace

std::vector<Xattr>
read_xattrs(FileSystemHandle& handle, InodeNumber number, const InodeRecord& record) {
    return XattrReader(handle, number).run(record);
}

} // namespace thinsnap::ext4
