#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "ext4/tree/grouped_bitmap.hpp"

namespace thinsnap::ext4::tree {

/// Units handed out one behind another from reserved runs: what one stream takes lies together, and
/// apart from what other streams take.
class RunStream {
public:
    /// Reserves units: whole chunks where there are any. \throws Error(no_space)
    using Reserve = std::function<UnitRun()>;

    explicit RunStream(Reserve reserve)
        : reserve_(std::move(reserve)) {}

    /// Begins in a run that is reserved already.
    void start_in(UnitRun run) { rest_ = run; }

    /// At least one unit, at most `most`.
    [[nodiscard]] UnitRun take(std::uint32_t most) {
        if (rest_.count == 0)
            rest_ = reserve_();
        const UnitRun taken{rest_.start, most < rest_.count ? most : rest_.count};
        rest_ = {rest_.start + taken.count, rest_.count - taken.count};
        return taken;
    }

    /// What is reserved and not taken; the stream has it no longer.
    [[nodiscard]] UnitRun give_up_rest() { return std::exchange(rest_, {}); }

private:
    Reserve reserve_;
    UnitRun rest_;
};

} // namespace thinsnap::ext4::tree
