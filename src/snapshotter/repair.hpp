#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <thinsnap/thin_pool.hpp>
#include <thinsnap/types.hpp>

#include "journal/journal_directory.hpp"
#include "journal/reader.hpp"

namespace thinsnap::snapshotter {

enum class FindingKind {
    journal_missing,     ///< fix: one with nothing in it is made
    journal_damaged,     ///< fix: what stands behind the damage is given up
    journal_foreign,     ///< it names another pool's UUID; fix: it names this one
    transaction_gap,     ///< journal and pool are apart; fix: both go on from the larger id
    orphan_device,       ///< in the pool, not in the journal; fix: deleted
    missing_device,      ///< in the journal, not in the pool; fix: the entry goes
    condemned_left,      ///< a delete that was not finished; fix: it is
    preparing_left,      ///< its maker went away; fix: deleted
    image_without_layer, ///< no ready layer has its top chain ID; fix: the image goes
};
/// For example "orphan_device".
[[nodiscard]] std::string_view to_string(FindingKind kind) noexcept;

/// One contradiction between a journal and its pool.
struct Finding {
    FindingKind kind;
    std::optional<DeviceId> device{};
    std::string name{}; ///< of the container or image, or the layer's chain ID; empty: none
    std::string text;   ///< one line for people, with the numbers
    friend bool operator==(const Finding&, const Finding&) = default;
};

/// What is wrong, the journal and the gap first, then by device id. Changes nothing.
///
/// A transaction that the next opening of the store will redo, and a torn tail that it will cut,
/// are no findings. Nor are preparing and condemned entries while a store is open: ask when none
/// is. \throws SystemError; Error(unsupported)  a journal of a newer version
[[nodiscard]] std::vector<Finding> compare(ThinPool& pool, journal::JournalDirectory& directory);

/// Fixes what is listed, of what compare() found. No store may be open.
///
/// First devices are deleted, then the journal is replaced by what is left, then the pool's
/// transaction id is moved. After a crash in between, compare() finds the rest.
/// \throws Error(precondition)  a finding that is not there (any more), or one of a journal that
///                              must be fixed, too, and is not listed; nothing has changed
/// \throws as ThinPool::apply(), SystemError
void repair(ThinPool& pool,
            journal::JournalDirectory& directory,
            std::span<const Finding> findings);

} // namespace thinsnap::snapshotter
