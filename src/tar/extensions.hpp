#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tar/entry.hpp"
#include "tar/format.hpp"
#include "tar/pax_header.hpp"

/// \file
/// A member's header and what the extended headers before it say: PAX's "x" and "g", GNU's "L" and
/// "K". Who reads a tar from front to back and who looks only for where its members lie have this
/// in common.

namespace thinsnap::tar {

/// The header's type as it stands there: '0' a file, 'x' an extended header.
[[nodiscard]] char type_flag(const Block& header);
[[nodiscard]] bool is_extension(const Block& header);
/// \return nothing when the type is none of POSIX's; GNU's sparse files ('S') are regular
[[nodiscard]] std::optional<Type> find_type(const Block& header, std::string_view name);
[[nodiscard]] bool has_device_fields(const Block& header);

/// A field's number. \param what  names it \throws Error(corrupt)
[[nodiscard]] std::int64_t header_number(const Block& header, Field field, std::string_view what);
/// \throws Error(corrupt)  it is below 0, too
[[nodiscard]] std::uint64_t
header_unsigned(const Block& header, Field field, std::string_view what);

class Extensions {
public:
    /// Takes an extended header. A PAX header replaces the one before.
    /// \throws Error(corrupt, unsupported)  see read_pax_header(); or it is a global header and
    /// says
    ///                                      what can only be said of one file
    void add(const Block& header, std::string body);
    /// What comes now is about another member. Global headers stay.
    void begin_member();

    /// An extended header came, and its member did not.
    [[nodiscard]] bool is_pending() const noexcept { return is_pending_; }
    /// Global headers included. A large map may be moved out.
    [[nodiscard]] PaxHeader& pax() noexcept { return pax_; }

    /// What the member of this header is called. GNU's long names go before PAX's, as in other
    /// readers, and both before the header's.
    [[nodiscard]] std::string name(const Block& header) const;
    [[nodiscard]] std::string link_target(const Block& header) const;
    /// Bytes of content in the tar, where the member has any. \throws Error(corrupt)
    [[nodiscard]] std::uint64_t stored_size(const Block& header) const;

private:
    PaxHeader global_;
    PaxHeader pax_;
    std::optional<std::string> long_name_;
    std::optional<std::string> long_link_;
    bool is_pending_ = false;
};

} // namespace thinsnap::tar
