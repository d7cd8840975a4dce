#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <thinsnap/types.hpp>

#include "base/digest.hpp"

/// \file
/// What a journal knows: layers and containers, each a thin device of the pool, and images, which
/// are names. Byte counts are plain numbers.

namespace thinsnap::journal {

/// A moment, UTC, to the nanosecond: 1677 to 2262.
using Time = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

using Labels = std::map<std::string, std::string, std::less<>>;

/// What a layer's content came from. Persisted: append only.
enum class LayerKind : std::uint8_t {
    applied = 1,   ///< a tar, on the parent: the same bytes on every host
    committed = 2, ///< a container, whose bytes are what its life made them
};
[[nodiscard]] std::string_view to_string(LayerKind kind) noexcept;

/// How far a layer or a container is.
///
///     preparing --> ready --> condemned --> (gone)
///         \_____________________^
///
/// What is preparing when a journal is opened for writing belongs to nobody any more: it is
/// condemned, and deleted.
enum class Stage : std::uint8_t {
    preparing, ///< the device is being filled; nobody but its maker uses it
    ready,     ///< a layer: committed, its content never changes again. A container: usable
    condemned, ///< it has no name, no chain ID and no parent any more; the device is to be deleted
};
[[nodiscard]] std::string_view to_string(Stage stage) noexcept;

struct Layer {
    DeviceId device{};
    std::optional<DeviceId> parent{}; ///< a ready layer; none: a bottom layer
    LayerKind kind = LayerKind::applied;
    Stage stage = Stage::preparing;
    std::optional<Digest> chain_id{}; ///< known once it is ready, at the latest when it is saved
    std::optional<Digest> diff_id{};
    std::vector<Digest> blobs{};    ///< as which its tar was distributed: one, or several
    std::uint64_t size = 0;         ///< growth over the parent, fixed when it became ready
    std::uint64_t virtual_size = 0; ///< of the device
    Time created{};
    Time updated{}; ///< when the labels were last set; at first `created`
    Labels labels{};

    friend bool operator==(const Layer&, const Layer&) = default;
};

/// How a container is to be active after every boot.
struct Activation {
    std::string mount_point{}; ///< an absolute path; empty: a block device, and no mount
    bool read_only = false;

    friend bool operator==(const Activation&, const Activation&) = default;
};

struct Container {
    DeviceId device{};
    std::string name{};
    std::optional<DeviceId> parent{}; ///< a ready layer; none: on nothing
    std::string image{};              ///< the image's name that was used; empty: none
    Stage stage = Stage::ready;
    std::uint64_t virtual_size = 0;
    Time created{};
    Time updated{}; ///< as in Layer
    Labels labels{};
    std::optional<Activation> activation{}; ///< none: only when somebody asks for it

    friend bool operator==(const Container&, const Container&) = default;
};

struct Image {
    std::string name{};
    Digest manifest_digest{Digest::Bytes{}};
    std::string manifest{}; ///< the bytes that the digest is of
    Digest config_digest{Digest::Bytes{}};
    std::string config{};
    std::vector<Digest> diff_ids{};    ///< bottom first
    std::optional<Digest> top_chain{}; ///< none: an image without layers
    Time created{};                    ///< when it was set

    friend bool operator==(const Image&, const Image&) = default;
};

} // namespace thinsnap::journal
