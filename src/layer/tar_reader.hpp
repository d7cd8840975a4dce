#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/byte_source.hpp"
#include "ext4/types.hpp"
#include "layer/pax_header.hpp"
#include "layer/sparse_map.hpp"
#include "layer/tar_input.hpp"

namespace thinsnap::layer {

enum class TarType {
    regular,
    hard_link,
    symlink,
    directory,
    character_device,
    block_device,
    fifo,
};

/// What a tar says about one name. Names are bytes as they stand in the tar.
struct TarEntry {
    std::uint64_t offset = 0; ///< where its first header begins in the tar
    std::string name;         ///< not empty, without NULs; else as hostile as can be
    TarType type = TarType::regular;
    ext4::Attributes attributes; ///< a hard link's say nothing
    std::uint64_t size = 0;      ///< of a regular file, holes included
    std::string link_target;     ///< of a hard link or a symlink, not empty, without NULs
    ext4::DeviceNumber device;
    std::vector<ext4::Xattr> xattrs; ///< in the order of their names, each once
    unsigned acls_left_out = 0;      ///< ACLs that name a user or a group without a number
};

/// Reads a tar: ustar, PAX, GNU tar, star and the old format without a name.
///
/// libarchive is not used for this: version 3.6.2 loses the sign of a time in the second before
/// 1970 and is off by up to a second before that, cuts names at a NUL, makes other bytes of names
/// that are no UTF-8 in most locales, does not know global headers and takes types of entries that
/// it does not know for regular files. The two programs that say what a layer means, containerd
/// and umoci, do none of that, except that they pass over or refuse global headers.
///
/// Refused are: multi-volume and incremental archives, and types that are not POSIX's.
/// Memory: 256 KiB, and one entry's extended headers.
/// Threads: one at a time.
class TarReader {
public:
    /// Bytes of an extended header or a long name: no file that Linux can hold needs more.
    static constexpr std::uint64_t kMaxExtendedHeader = std::uint64_t{8} << 20U;

    /// The source must outlive it.
    explicit TarReader(ByteSource& source);

    /// The next entry, after what is left of the former one's content.
    /// \return  null at the end of the archive; the entry is good until the next call
    /// \throws Error(corrupt, unsupported)  with the position in the tar; the reader is of no use
    ///                                      any more; and what the source throws
    [[nodiscard]] const TarEntry* next();

    /// Data of a regular file, `offset` of it on; what lies between pieces is a hole.
    struct Piece {
        std::uint64_t offset = 0;
        std::span<const std::byte> bytes;
    };
    /// The next data of the entry's content, in ascending order; good until the next call.
    /// \return  nothing after the last
    /// \throws Error(corrupt)  the tar ends before
    [[nodiscard]] std::optional<Piece> next_piece();

    /// Reads to the source's end and ignores what is there: a tar is padded at will, and a digest
    /// is of all of it.
    void drain();

    /// Bytes of the tar taken so far.
    [[nodiscard]] std::uint64_t position() const noexcept { return input_.position(); }

private:
    [[nodiscard]] bool read_entry();
    /// \return false when the block was one of an extended header and the entry is still to come
    [[nodiscard]] bool read_header(const TarBlock& block);
    void read_end();
    void read_names(const TarBlock& block);
    void read_attributes(const TarBlock& block);
    void apply_pax();
    void apply_names();
    void collect_xattrs();
    void begin_content(const TarBlock& block);
    [[nodiscard]] bool find_sparse_map(const TarBlock& block, SparseMap& map);
    void finish_content();
    [[nodiscard]] std::string read_body(const TarBlock& block);

    TarInput input_;
    TarEntry entry_;
    PaxHeader global_;
    PaxHeader pax_;
    std::optional<std::string> long_name_;
    std::optional<std::string> long_link_;
    bool extended_ = false; ///< an extended header came, and its entry did not

    std::uint64_t stored_ = 0; ///< bytes of content in the tar that are still to be read
    std::uint64_t padding_ = 0;
    SparseMap map_; ///< where they belong
    std::size_t at_range_ = 0;
    std::uint64_t in_range_ = 0; ///< bytes of that range already given out
    bool at_end_ = false;
};

} // namespace thinsnap::layer
