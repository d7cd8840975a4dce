#pragma once

#include "rpc/json.hpp"

namespace thinsnap::tools {

/// Shows an import on standard error: on a terminal a bar that moves, else a line for each layer.
class ProgressDisplay {
public:
    /// \param is_wanted  false: nothing is ever shown
    explicit ProgressDisplay(bool is_wanted);
    ProgressDisplay(const ProgressDisplay&) = delete;
    ProgressDisplay& operator=(const ProgressDisplay&) = delete;
    ~ProgressDisplay(); ///< ends a bar's line

    /// \param progress  what image.import tells
    void show(const rpc::Json& progress);

private:
    void show_bar(const rpc::Json& progress);

    bool is_wanted_;
    bool is_terminal_;
    bool has_bar_ = false; ///< the cursor stands behind one
};

} // namespace thinsnap::tools
