#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "journal/state.hpp"
#include "snapshotter/context.hpp"

/// \file
/// Names of images, and taking away what nobody needs. All names as normalize_image_name() takes
/// them.

namespace thinsnap::snapshotter {

/// The image called `name`, or the only one whose config digest begins with `name` ("sha256:0123",
/// or at least 4 of its digits).
/// \throws Error(not_found), Error(precondition)  several begin so; they are named
[[nodiscard]] const journal::Image& get_image(const journal::State& state, std::string_view name);

/// The same; null where there is none.
[[nodiscard]] const journal::Image* find_image(const journal::State& state, std::string_view name);

/// Gives an image one more name; a name that another image had moves over.
void tag_image(Context& context, std::string_view image, std::string_view name);

/// What a removal did.
struct Removed {
    std::vector<std::string> names; ///< images or containers
    std::uint64_t layers = 0;       ///< layers that nobody needed any more
    std::uint64_t bytes = 0;        ///< their sizes together
};

enum class InUse {
    refuse, ///< an image that a container was made from keeps its last name
    allow,  ///< its name goes; its layers stay as long as the container
};

/// Takes the names away, all or none, and then every layer that only they needed.
/// \throws Error(not_found)
/// \throws Error(busy)  a container was made from one of them; see InUse
Removed remove_images(Context& context, const std::vector<std::string>& names, InUse in_use);

/// Takes away the layers that no image and no container needs: left by an import that was killed.
Removed prune_layers(Context& context);

} // namespace thinsnap::snapshotter
