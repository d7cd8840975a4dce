#pragma once

#include <map>
#include <string>
#include <vector>

#include <thinsnap/thin_pool.hpp>

#include "support/pool_model.hpp"

namespace thinsnap::test {

/// A pool at one moment: what a commit makes durable as a whole, and the content of its devices.
struct PoolState {
    TransactionId transaction_id;
    std::uint64_t data_chunks = 0;
    std::uint64_t metadata_blocks = 0;
    PoolModel model;

    [[nodiscard]] bool same_structure(const PoolState& other) const;
};

/// Everything that a pool went through since it was opened, to tell after a crash whether what is
/// there may be there. A state is added before the step that leads to it is tried.
class History {
public:
    explicit History(PoolState first);

    [[nodiscard]] const PoolState& now() const { return states_.back(); }
    /// A copy of the last state, to be changed.
    [[nodiscard]] PoolState& next();

    /// What this device holds now outlasts every crash from here on.
    void flushed(DeviceId id) { durable_[id] = states_.size() - 1; }
    /// Everything does.
    void committed() { all_durable_ = states_.size() - 1; }

    /// What a pool that was opened after the crash holds and must not, or lacks.
    /// \param bytes  how much of each device to look at
    [[nodiscard]] std::vector<std::string> violations(ThinPool& pool, std::uint64_t bytes) const;

private:
    struct Range { ///< of states
        std::size_t first = 0;
        std::size_t last = 0;
    };
    [[nodiscard]] std::optional<Range> states_like(const PoolState& seen) const;
    void compare(ThinPool& pool,
                 DeviceId id,
                 std::uint64_t bytes,
                 Range range,
                 std::vector<std::string>& violations) const;

    std::vector<PoolState> states_;
    std::map<DeviceId, std::size_t> durable_;
    std::size_t all_durable_ = 0;
};

} // namespace thinsnap::test
