#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include <thinsnap/thin_pool.hpp>

#include "journal/objects.hpp"
#include "journal/state.hpp"

namespace thinsnap::snapshotter {

class Store;

/// While one lives, nobody changes the file system on a device, and what was written to it before
/// is on the device.
class Stillness {
public:
    Stillness() = default;
    Stillness(const Stillness&) = delete;
    Stillness& operator=(const Stillness&) = delete;
    virtual ~Stillness() = default; ///< it goes on

    /// It goes on. \throws Error(busy)  it did already, before it was asked to
    virtual void end() = 0;
};

/// What the operations on images, layers and containers work with.
///
/// Threads: operations may run at the same time, each on a Context of its own or on a shared one.
struct Context {
    Store& store;
    ThinPool& pool;
    std::filesystem::path work_directory;  ///< for files without a name, which need no cleaning up
    std::function<journal::Time()> now;    ///< the clock
    std::function<void()> check_interrupt; ///< called often; throws to end an operation
    /// Holds still what is mounted, for the moment of a snapshot. Not set, or null for a device:
    /// it is not mounted.
    std::function<std::unique_ptr<Stillness>(DeviceId)> freeze{};
};

/// What those work with that change nothing.
struct ReadContext {
    ThinPool& pool;
    const journal::State& state;
    std::filesystem::path work_directory;  ///< as in Context
    std::function<void()> check_interrupt; ///< as in Context
};

} // namespace thinsnap::snapshotter
