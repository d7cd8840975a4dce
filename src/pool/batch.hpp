#pragma once

#include <functional>
#include <span>

#include <thinsnap/thin_pool.hpp>

namespace thinsnap::pool {

/// The rules of ThinPool::apply() that every driver shares.
///
/// Checks a batch against what exists, before anything is changed: ids in range, none named twice
/// except as an origin after it was made, those to be made absent, origins and those to be deleted
/// present.
/// \throws Error as ThinPool::apply() says
/// Cost: one `exists` for each id named.
void validate_batch(std::span<const PoolOperation> operations,
                    const std::function<bool(DeviceId)>& exists);

/// Whether the batch makes a device (and so needs space).
[[nodiscard]] bool makes_devices(std::span<const PoolOperation> operations);

} // namespace thinsnap::pool
