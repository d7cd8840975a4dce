#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <type_traits>
#include <variant>

#include "journal/records.hpp"

/// \file
/// Types and tags of the records, for the two halves of the codec.

namespace thinsnap::journal::detail {

// Types and tags are persisted: append only. From kOptional on, who does not know one goes on.
inline constexpr std::uint8_t kOptional = 0x80;

/// The types, in the order of Record's alternatives.
inline constexpr std::array<std::uint8_t, 18> kTypes{
    1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 24, 25, 32, 33, 40, 41, 48, 19};
static_assert(kTypes.size() == std::variant_size_v<Record>);

template <class R, class... T>
concept Is = (std::same_as<std::remove_const_t<R>, T> || ...);

// What each record consists of: said once, for writing and for reading. A field that is neither
// optional nor a list must be there.

template <class F, Is<PoolCreate, PoolDelete, LayerRemoved, ContainerRemoved, Condemned> R>
void fields(R& r, F& f) {
    f(1, r.device);
}
template <class F, Is<PoolSnapshot> R>
void fields(R& r, F& f) {
    f(1, r.device);
    f(2, r.origin);
    f(3, r.origin_active);
}
template <class F, Is<LayerAdded> R>
void fields(R& r, F& f) {
    f(1, r.device);
    f(2, r.parent);
    f(3, r.kind);
    f(4, r.created);
    f(5, r.virtual_size);
    f(6, r.labels);
}
template <class F, Is<LayerCommitted> R>
void fields(R& r, F& f) {
    f(1, r.device);
    f(2, r.chain_id);
    f(3, r.diff_id);
    f(4, r.blobs);
    f(5, r.size);
    f(6, r.virtual_size);
}
template <class F, Is<LayerDigests> R>
void fields(R& r, F& f) {
    f(1, r.device);
    f(2, r.chain_id);
    f(3, r.diff_id);
    f(4, r.blobs);
}
template <class F, Is<ContainerAdded> R>
void fields(R& r, F& f) {
    f(1, r.device);
    f(2, r.name);
    f(3, r.parent);
    f(4, r.image);
    f(5, r.created);
    f(6, r.virtual_size);
    f(7, r.labels);
    f(8, r.preparing);
}
template <class F, Is<ContainerReady> R>
void fields(R& r, F& f) {
    f(1, r.device);
    f(2, r.virtual_size);
}
template <class F, Is<ImageSet> R>
void fields(R& r, F& f) {
    f(1, r.image.name);
    f(2, r.image.manifest_digest);
    f(3, r.image.manifest);
    f(4, r.image.config_digest);
    f(5, r.image.config);
    f(6, r.image.diff_ids);
    f(7, r.image.top_chain);
    f(8, r.image.created);
}
template <class F, Is<ImageRemoved> R>
void fields(R& r, F& f) {
    f(1, r.name);
}
template <class F, Is<LabelsSet> R>
void fields(R& r, F& f) {
    f(1, r.device);
    f(2, r.updated);
    f(3, r.labels);
}
template <class F, Is<Aborted> R>
void fields(R& r, F& f) {
    f(1, r.transaction);
}
template <class F, Is<CheckpointEnd> R>
void fields(R& r, F& f) {
    f(1, r.layers);
    f(2, r.containers);
    f(3, r.images);
    f(4, r.last_device);
}
template <class F, Is<ActivationSet> R>
void fields(R& r, F& f) {
    f(1, r.device);
    f(2, r.is_wanted);
    f(3, r.mount_point);
    f(4, r.read_only);
}
template <class F, Is<ContainerMoved> R>
void fields(R& r, F& f) {
    f(1, r.device);
    f(2, r.new_device);
    f(3, r.virtual_size);
}

} // namespace thinsnap::journal::detail
