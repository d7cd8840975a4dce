#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <thinsnap/thin_pool.hpp>
#include <thinsnap/types.hpp>

#include "journal/objects.hpp"

/// \file
/// The records of a journal: what a transaction asks of the pool, and what it changes in the state.
/// Which bytes they are: record_codec.hpp and thinsnap-journal(5).

namespace thinsnap::journal {

// What the pool has to do. Made from the pool operations of a commit; a redo reads them back.

struct PoolCreate {
    DeviceId device{};
    friend bool operator==(const PoolCreate&, const PoolCreate&) = default;
};

struct PoolSnapshot {
    DeviceId device{};
    DeviceId origin{};
    /// Somebody may write to the origin: made later, the snapshot would not be what was asked for,
    /// so it is never redone.
    bool origin_active = false;
    friend bool operator==(const PoolSnapshot&, const PoolSnapshot&) = default;
};

struct PoolDelete {
    DeviceId device{};
    friend bool operator==(const PoolDelete&, const PoolDelete&) = default;
};

// What becomes of the state.

/// A device that is to become a layer; its stage is `preparing`.
struct LayerAdded {
    DeviceId device{};
    std::optional<DeviceId> parent{};
    LayerKind kind = LayerKind::applied;
    Time created{};
    std::uint64_t virtual_size = 0;
    Labels labels{};
    friend bool operator==(const LayerAdded&, const LayerAdded&) = default;
};

/// The layer's content is still and durable: what is derived from it. It is `ready` now.
struct LayerCommitted {
    DeviceId device{};
    std::optional<Digest> chain_id{};
    std::optional<Digest> diff_id{};
    std::vector<Digest> blobs{};
    std::uint64_t size = 0;
    std::uint64_t virtual_size = 0;
    friend bool operator==(const LayerCommitted&, const LayerCommitted&) = default;
};

/// Digests of a ready layer that became known later. An ID that is there already stays as it is,
/// and must be the same; blobs are added to those that are there.
struct LayerDigests {
    DeviceId device{};
    std::optional<Digest> chain_id{};
    std::optional<Digest> diff_id{};
    std::vector<Digest> blobs{};
    friend bool operator==(const LayerDigests&, const LayerDigests&) = default;
};

/// With its PoolDelete in one transaction.
struct LayerRemoved {
    DeviceId device{};
    friend bool operator==(const LayerRemoved&, const LayerRemoved&) = default;
};

struct ContainerAdded {
    DeviceId device{};
    std::string name{};
    std::optional<DeviceId> parent{};
    std::string image{};
    Time created{};
    std::uint64_t virtual_size = 0;
    Labels labels{};
    bool preparing = false; ///< ContainerReady follows
    friend bool operator==(const ContainerAdded&, const ContainerAdded&) = default;
};

/// The container can be used, and is that large: ends `preparing`, and follows a growth.
struct ContainerReady {
    DeviceId device{};
    std::uint64_t virtual_size = 0;
    friend bool operator==(const ContainerReady&, const ContainerReady&) = default;
};

/// What was being prepared as a layer holds the container from now on; the device that held it is
/// condemned. The container keeps its name and everything else.
struct ContainerMoved {
    DeviceId device{};     ///< the container's
    DeviceId new_device{}; ///< of a layer that is `preparing`, with the container's parent
    std::uint64_t virtual_size = 0;
    friend bool operator==(const ContainerMoved&, const ContainerMoved&) = default;
};

/// With its PoolDelete in one transaction.
struct ContainerRemoved {
    DeviceId device{};
    friend bool operator==(const ContainerRemoved&, const ContainerRemoved&) = default;
};

/// A new image, or what an image of that name is from now on.
struct ImageSet {
    Image image{};
    friend bool operator==(const ImageSet&, const ImageSet&) = default;
};

struct ImageRemoved {
    std::string name{};
    friend bool operator==(const ImageRemoved&, const ImageRemoved&) = default;
};

/// A layer or a container loses name, chain ID and parent, and is to be deleted.
struct Condemned {
    DeviceId device{};
    friend bool operator==(const Condemned&, const Condemned&) = default;
};

/// Replaces all labels of a layer or a container.
struct LabelsSet {
    DeviceId device{};
    Time updated{};
    Labels labels{};
    friend bool operator==(const LabelsSet&, const LabelsSet&) = default;
};

/// The frame before this one was not carried out: as if it had never been.
struct Aborted {
    TransactionId transaction{}; ///< of that frame
    friend bool operator==(const Aborted&, const Aborted&) = default;
};

/// Everything before this is one state; how much there is of each, to know that all was read.
struct CheckpointEnd {
    std::uint64_t layers = 0;
    std::uint64_t containers = 0;
    std::uint64_t images = 0;
    DeviceId last_device{}; ///< the id that was given away last
    friend bool operator==(const CheckpointEnd&, const CheckpointEnd&) = default;
};

/// A container is to be active after every boot, or is not any more.
struct ActivationSet {
    DeviceId device{};
    bool is_wanted = false;
    std::string mount_point{}; ///< see Activation; empty when it is not wanted
    bool read_only = false;
    friend bool operator==(const ActivationSet&, const ActivationSet&) = default;
};

using Record = std::variant<PoolCreate,
                            PoolSnapshot,
                            PoolDelete,
                            LayerAdded,
                            LayerCommitted,
                            LayerDigests,
                            LayerRemoved,
                            ContainerAdded,
                            ContainerReady,
                            ContainerRemoved,
                            ImageSet,
                            ImageRemoved,
                            Condemned,
                            LabelsSet,
                            Aborted,
                            CheckpointEnd,
                            ActivationSet,
                            ContainerMoved>;

/// For messages, for example "container added".
[[nodiscard]] std::string_view name_of(const Record& record) noexcept;

/// The record of a pool operation. \param origin_active  for a snapshot, else ignored
[[nodiscard]] Record record_of(const PoolOperation& operation, bool origin_active);

} // namespace thinsnap::journal
