#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include <thinsnap/types.hpp>

#include "journal/format.hpp"
#include "journal/records.hpp"
#include "journal/state.hpp"

namespace thinsnap::journal {

/// The records that make `state` out of nothing, CheckpointEnd last; parents before children, else
/// by device id, so that equal states give equal records.
void for_each_record_of(const State& state, const std::function<void(const Record&)>& visit);

/// A journal file that holds that state and nothing else.
struct Checkpoint {
    Header header;
    std::vector<std::byte> bytes;
    std::uint32_t frames = 0;
};
[[nodiscard]] Checkpoint
make_checkpoint(const Header& header, const State& state, TransactionId transaction);

} // namespace thinsnap::journal
