#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "journal/records.hpp"

/// \file
/// Records as bytes, thinsnap-journal(5), RECORDS: a type, a length, fields; a field is a tag, a
/// length, a value. A type or tag from 0x80 on that a reader does not know may be passed over; any
/// other that it does not know makes it refuse the journal.

namespace thinsnap::journal {

/// Appends the record to `to`.
void encode(const Record& record, std::vector<std::byte>& to);

/// Calls `visit` with each record of a frame's payload, in order.
/// \throws Error(corrupt)      the bytes contradict themselves; the offset in `payload` in the text
/// \throws Error(unsupported)  a type or tag of a newer version
void for_each_record(std::span<const std::byte> payload,
                     const std::function<void(Record&&)>& visit);

} // namespace thinsnap::journal
