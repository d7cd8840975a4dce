#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "thin/check.hpp"

namespace thinsnap::thin::check {

/// Passes findings on and counts them.
class Findings {
public:
    explicit Findings(const std::function<void(const Finding&)>& sink)
        : sink_(sink) {}

    void add(const Finding& finding);
    void add(Severity severity,
             std::string structure,
             std::optional<MetaBlock> block,
             std::string message);

    [[nodiscard]] std::uint64_t warnings() const { return warnings_; }
    [[nodiscard]] std::uint64_t leaks() const { return leaks_; }
    [[nodiscard]] std::uint64_t damages() const { return damages_; }

private:
    const std::function<void(const Finding&)>& sink_;
    std::uint64_t warnings_ = 0;
    std::uint64_t leaks_ = 0;
    std::uint64_t damages_ = 0;
};

} // namespace thinsnap::thin::check
