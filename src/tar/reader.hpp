#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/byte_source.hpp"
#include "tar/entry.hpp"
#include "tar/extensions.hpp"
#include "tar/input.hpp"
#include "tar/sparse_map.hpp"

namespace thinsnap::tar {

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
class Reader {
public:
    /// Bytes of an extended header or a long name: no file that Linux can hold needs more.
    static constexpr std::uint64_t kMaxExtendedHeader = std::uint64_t{8} << 20U;

    /// The source must outlive it.
    explicit Reader(ByteSource& source);

    /// The next entry, after what is left of the former one's content.
    /// \return  null at the end of the archive; the entry is good until the next call
    /// \throws Error(corrupt, unsupported)  with the position in the tar; the reader is of no use
    ///                                      any more; and what the source throws
    [[nodiscard]] const Entry* next();

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
    /// \return false when the header was an extended one and the entry is still to come
    [[nodiscard]] bool read_header(const Block& header);
    void read_end();
    [[nodiscard]] std::string read_body(const Block& header);
    void read_names(const Block& header);
    void read_attributes(const Block& header);
    void read_device(const Block& header);
    void begin_content(const Block& header);
    [[nodiscard]] bool find_sparse_map(const Block& header);
    void read_gnu_map(const Block& header);
    void read_map_in_data();
    void finish_content();

    Input input_;
    Entry entry_;
    Extensions extensions_;

    std::uint64_t stored_ = 0; ///< bytes of content in the tar that are still to be read
    std::uint64_t padding_ = 0;
    SparseMap map_; ///< where they belong
    std::size_t at_range_ = 0;
    std::uint64_t in_range_ = 0; ///< bytes of that range already given out
    bool at_end_ = false;
};

} // namespace thinsnap::tar
