#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <string>

#include "base/mutex.hpp"

namespace thinsnap::service {

/// Who works with what at the moment, among the requests of one process. What the pool's lock is
/// between processes, this is between them: two never write one container at the same time, and
/// nobody reads one that is being written.
///
/// Threads: all calls from any thread.
class Claims {
public:
    enum class Use { read, write };

    struct Wish {
        std::string what; ///< as errors call it, "the container web": equal texts are one thing
        Use use = Use::read;
        std::string by; ///< "container.copy_in of process 12"
    };

    /// How long somebody waits, and how that ends early.
    struct Patience {
        std::chrono::milliseconds timeout{};
        std::function<void()> check_interrupt{}; ///< may throw
    };

    /// A wish that is granted, as long as it lives.
    class Claim {
    public:
        Claim() = default;
        Claim(Claim&& other) noexcept;
        Claim& operator=(Claim&& other) noexcept;
        Claim(const Claim&) = delete;
        Claim& operator=(const Claim&) = delete;
        ~Claim();

    private:
        friend class Claims;
        Claim(Claims* claims, std::list<Wish>::iterator granted)
            : claims_(claims)
            , granted_(granted) {}

        Claims* claims_ = nullptr;
        std::list<Wish>::iterator granted_;
    };

    /// Waits until nobody has a claim that is in the way.
    /// \throws Error(busy)  somebody still has after the timeout, and is named
    /// \throws what patience.check_interrupt throws
    [[nodiscard]] Claim take(Wish wish, const Patience& patience);

private:
    [[nodiscard]] const Wish* find_obstacle(const Wish& wish) const TS_REQUIRES(mutex_);
    void give_back(std::list<Wish>::iterator granted);

    Mutex mutex_;
    Condition changed_;
    std::list<Wish> granted_ TS_GUARDED_BY(mutex_);
};

} // namespace thinsnap::service
