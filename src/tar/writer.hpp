#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/byte_sink.hpp"
#include "tar/entry.hpp"
#include "tar/format.hpp"
#include "tar/sparse_map.hpp"

namespace thinsnap::tar {

/// Writes a tar: ustar headers, with a PAX extended header where one cannot say it all.
///
/// The bytes follow from the calls and nothing else, and are part of what a layer's digest means:
/// what is written for an entry must never change. That is why no library writes them.
/// Names go as bytes, with hdrcharset=BINARY where they stand in an extended header and are no
/// UTF-8. A sparse file is stored in GNU's version 1.0, which GNU tar, bsdtar and Go's archive/tar
/// (so umoci, containerd and docker) read.
///
/// Threads: one at a time.
class Writer {
public:
    /// The sink must outlive it.
    explicit Writer(ByteSink& sink)
        : sink_(sink) {}

    /// Begins an entry, and ends the one before. Of a regular file its content must follow:
    /// `entry.size` bytes, or with a map the data alone, one range behind the other. Offset and
    /// ACLs say nothing: an ACL goes as an attribute.
    /// \param map  ranges of data, of whole blocks of 512 bytes but for the last that is not empty
    ///             (GNU tar reads each from a new block on); null: there are no holes
    /// \throws Error(invalid_argument)  a name or attribute that no file can have
    /// \throws Error(internal)          as end_content()
    void begin(const Entry& entry, const SparseMap* map = nullptr);
    /// \throws Error(internal)  more than begin() promised
    void write(std::span<const std::byte> content);
    /// To know at once that the content is whole; what follows does the same.
    /// \throws Error(internal)  less than begin() promised
    void end_content();

    /// Ends the tar, two blocks of zeros; the sink is not flushed.
    /// \throws Error(internal)  as end_content()
    void finish();

private:
    void write_extended(const std::string& body);
    void write_block(const Block& block);
    void write_padded(std::string_view bytes);

    ByteSink& sink_;
    std::uint64_t promised_ = 0; ///< bytes of the entry's content
    std::uint64_t missing_ = 0;  ///< of them, still to come
    std::uint64_t padding_ = 0;  ///< zeros behind it
};

} // namespace thinsnap::tar
