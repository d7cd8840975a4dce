#include "service/claims.hpp"

#include <algorithm>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::service {

namespace {

using Clock = std::chrono::steady_clock;

/// How soon a wait notices that it is not wanted any more.
constexpr std::chrono::milliseconds kRecheck{50};

} // namespace

Claims::Claim::Claim(Claim&& other) noexcept
    : claims_(std::exchange(other.claims_, nullptr))
    , granted_(other.granted_) {}

Claims::Claim& Claims::Claim::operator=(Claim&& other) noexcept {
    if (this != &other) {
        if (claims_ != nullptr)
            claims_->give_back(granted_);
        claims_ = std::exchange(other.claims_, nullptr);
        granted_ = other.granted_;
    }
    return *this;
}

Claims::Claim::~Claim() {
    if (claims_ != nullptr)
        claims_->give_back(granted_);
}

const Claims::Wish* Claims::find_obstacle(const Wish& wish) const {
    const auto found = std::ranges::find_if(granted_, [&](const Wish& other) {
        return other.what == wish.what && (other.use == Use::write || wish.use == Use::write);
    });
    return found == granted_.end() ? nullptr : &*found;
}

Claims::Claim Claims::take(Wish wish, const Patience& patience) {
    const auto deadline = Clock::now() + patience.timeout;
    const MutexLock lock(mutex_);
    while (const Wish* obstacle = find_obstacle(wish)) {
        const auto now = Clock::now();
        if (now >= deadline)
            throw Error(Errc::busy,
                        fmt::format("{} is being {} by {}, waited {:.1f} s",
                                    wish.what,
                                    obstacle->use == Use::write ? "changed" : "read",
                                    obstacle->by,
                                    static_cast<double>(patience.timeout.count()) / 1000));
        if (patience.check_interrupt)
            patience.check_interrupt();
        changed_.wait_until(mutex_, std::min(deadline, now + kRecheck));
    }
    granted_.push_front(std::move(wish));
    return {this, granted_.begin()};
}

void Claims::give_back(std::list<Wish>::iterator granted) {
    const MutexLock lock(mutex_);
    granted_.erase(granted);
    changed_.notify_all();
}

} // namespace thinsnap::service
