#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/byte_sink.hpp"
#include "layer/sparse_map.hpp"
#include "layer/tar_format.hpp"
#include "layer/tar_reader.hpp"

namespace thinsnap::layer {

/// Writes a tar: ustar headers, with a PAX extended header where one cannot say it all.
///
/// The bytes follow from the calls and nothing else, and are part of what a layer's digest means:
/// what is written for an entry must never change. That is why no library writes them.
/// Names go as bytes, with hdrcharset=BINARY where they stand in an extended header and are no
/// UTF-8. A sparse file is stored in GNU's version 1.0, which GNU tar, bsdtar and Go's archive/tar
/// (so umoci, containerd and docker) read.
///
/// Threads: one at a time.
class TarWriter {
public:
    /// The sink must outlive it.
    explicit TarWriter(ByteSink& sink)
        : sink_(sink) {}

    /// Begins an entry. Of a regular file its content must follow: `entry.size` bytes, or with a
    /// map the data alone, one range behind the other. Offset and acls_left_out say nothing.
    /// \param map  ranges of data, of whole blocks of 512 bytes but for the last that is not empty
    ///             (GNU tar reads each from a new block on); null: there are no holes
    /// \throws Error(invalid_argument)  a name or attribute that no file can have
    /// \throws Error(unsupported)       an extended attribute with a '=' in its name
    void begin(const TarEntry& entry, const SparseMap* map = nullptr);
    void write(std::span<const std::byte> content);

    /// Ends the tar, two blocks of zeros; the sink is not flushed.
    void finish();

private:
    void write_extended(const std::string& body);
    void write_block(const TarBlock& block);
    void write_padded(std::string_view bytes);
    void end_content();

    ByteSink& sink_;
    std::uint64_t missing_ = 0; ///< content of the entry that is still to come
    std::uint64_t padding_ = 0; ///< zeros behind it
};

} // namespace thinsnap::layer
