#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "journal/state.hpp"
#include "snapshotter/context.hpp"
#include "snapshotter/images.hpp"

namespace thinsnap::snapshotter {

struct CreateContainer {
    std::string name;
    std::optional<std::string> image{};  ///< none: an empty file system
    std::optional<std::uint64_t> size{}; ///< bytes; none: its image's
    journal::Labels labels{};
};

/// A writable snapshot of the image's top layer, its file system grown to `size`.
/// Cost: two appends and one commit whatever the image's size; growing: a few chunks more.
/// \throws Error(already_exists)    the name is taken
/// \throws Error(not_found)         there is no such image
/// \throws Error(invalid_argument)  a bad name; a size smaller than the image's, or too large
journal::Container create_container(Context& context, const CreateContainer& request);

/// Grows a container that nobody uses, with its file system, whole or not at all.
/// \param size  bytes, rounded down to what a file system can have
/// \throws Error(not_found)
/// \throws Error(invalid_argument)  smaller than it is, or too large
/// \throws Error(busy)              somebody else changed it meanwhile
journal::Container resize_container(Context& context, std::string_view name, std::uint64_t size);

/// What a container is to become that shall have `size` bytes.
/// \throws Error(invalid_argument)  smaller than it is, or too large
[[nodiscard]] std::uint64_t size_to_grow_to(const journal::Container& container,
                                            std::uint64_t size);

/// Says that a container whose file system others grow is that large.
void record_size(Context& context, DeviceId container, std::uint64_t size);

/// Puts in place what only the journal of a container's file system says, for who cannot replay it
/// because he must not write. Does nothing where there is nothing to replay, or no such container.
void settle_container(Context& context, std::string_view name);

/// Containers are removed all or none; their layers stay.
/// \throws Error(not_found)
Removed remove_containers(Context& context, const std::vector<std::string>& names);

/// \throws Error(not_found)
[[nodiscard]] const journal::Container& get_container(const journal::State& state,
                                                      std::string_view name);

} // namespace thinsnap::snapshotter
