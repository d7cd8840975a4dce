#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "snapshotter/import.hpp"

namespace thinsnap::tools {

/// Shows an import on standard error: on a terminal a bar that moves, else a line for each layer.
class ProgressDisplay {
public:
    /// \param is_wanted  false: nothing is ever shown
    explicit ProgressDisplay(bool is_wanted);
    ProgressDisplay(const ProgressDisplay&) = delete;
    ProgressDisplay& operator=(const ProgressDisplay&) = delete;
    ~ProgressDisplay(); ///< ends a bar's line

    /// Cost: a clock's reading, most of the time.
    void show(const snapshotter::ImportProgress& progress);

private:
    void show_bar(const snapshotter::ImportProgress& progress);

    bool is_wanted_;
    bool is_terminal_;
    bool has_bar_ = false; ///< the cursor stands behind one
    std::chrono::steady_clock::time_point next_{};
};

} // namespace thinsnap::tools
