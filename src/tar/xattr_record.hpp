#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/file_attributes.hpp"

/// \file
/// Extended attributes as PAX records. There are two forms:
///
/// SCHILY.xattr.<name>=<value>: the one that all know. The name is what it is, so no '=' can be in
/// it. (GNU tar 1.34 and bsdtar 3.6.2 write %3D for one here; containerd, umoci and bsdtar itself
/// then read a name with "%3D" in it, and so do we.)
///
/// LIBARCHIVE.xattr.<name>=<value>: written by bsdtar beside the other. The name is in URL
/// encoding, the value in base 64. GNU tar, containerd and umoci pass it over.

namespace thinsnap::tar {

enum class XattrForm { schily, libarchive };

struct XattrRecord {
    XattrForm form = XattrForm::schily;
    Xattr xattr;
};

/// The first form where the name has no '=', else the second: an attribute that some tools pass
/// over is better than one of another name.
void append_xattr_record(std::string& body, const Xattr& xattr);

/// \return nothing when the record is about something else
/// \throws Error(corrupt)  no base 64; a name or size that Linux does not allow
[[nodiscard]] std::optional<XattrRecord> read_xattr_record(std::string_view key,
                                                           std::string_view value);

} // namespace thinsnap::tar
