#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "oci/input_file.hpp"

namespace thinsnap::oci {

inline constexpr std::size_t kTarBlock = 512;

/// What the headers of one tar member say, extensions applied.
struct TarMember {
    std::string name;
    std::string link;
    char type = '0';          ///< as in the header
    bool sparse = false;      ///< the content is not the file's, but a map and its pieces
    std::uint64_t offset = 0; ///< of the content
    std::uint64_t size = 0;   ///< of the content
};

/// Walks the headers of a tar, skipping what lies between.
class TarHeaders {
public:
    explicit TarHeaders(FileWindow tar)
        : tar_(std::move(tar)) {}

    /// The next member; none at the end of the archive.
    /// \throws Error(corrupt)  damage, with its offset
    [[nodiscard]] std::optional<TarMember> next();

private:
    using Block = std::array<std::byte, kTarBlock>;

    [[nodiscard]] std::optional<Block> read_header();
    [[nodiscard]] std::string read_content(std::uint64_t size);
    void apply_pax(const std::string& records);
    void apply_extension(char type, std::uint64_t size);
    [[nodiscard]] TarMember finish(const Block& header, char type, std::uint64_t size);
    void skip_sparse_maps(const Block& header);
    void skip(std::uint64_t size);
    [[noreturn]] void fail(const std::string& what) const;

    FileWindow tar_;
    std::uint64_t at_ = 0;
    // From extension headers, for the member that follows them.
    std::optional<std::string> name_;
    std::optional<std::string> link_;
    std::optional<std::uint64_t> size_;
    bool sparse_ = false;
};

/// True when the block could begin a tar: its checksum is right, or it is the end of an empty one.
[[nodiscard]] bool is_tar_header(std::span<const std::byte, kTarBlock> block);

} // namespace thinsnap::oci
