#include "thin/check/leaves.hpp"

#include <fmt/format.h>

#include "thin/mapping.hpp"

namespace thinsnap::thin::check {

using pdata::NodeView;

namespace {

bool ids_fit(NodeView leaf) {
    return leaf.size() == 0 || leaf.key(leaf.size() - 1) <= kMaxDeviceId.value();
}

void tell_ids(NodeView leaf, MetaBlock where, const TreeFaultSink& sink) {
    for (std::uint32_t i = 0; i < leaf.size(); ++i)
        if (leaf.key(i) > kMaxDeviceId.value())
            sink({.begin = leaf.key(i),
                  .past = leaf.key(i) + 1,
                  .block = where,
                  .message = fmt::format("{} is no device id", leaf.key(i))});
}

} // namespace

MappingLeaves::Fault MappingLeaves::fault_of(std::uint64_t value) const {
    const Mapping mapping = unpack_mapping(value);
    if (mapping.chunk.value() >= limits_.nr_chunks)
        return Fault::behind_map;
    if (mapping.chunk.value() >= limits_.nr_there)
        return Fault::behind_device;
    return mapping.time > limits_.time ? Fault::future : Fault::none;
}

std::string MappingLeaves::message(Fault fault, std::uint64_t value) const {
    const Mapping mapping = unpack_mapping(value);
    if (fault == Fault::behind_map)
        return fmt::format("mapped to data chunk {}, the data space map has {}",
                           mapping.chunk.value(),
                           limits_.nr_chunks);
    if (fault == Fault::behind_device)
        return fmt::format("mapped to data chunk {}, the data device has {}",
                           mapping.chunk.value(),
                           limits_.nr_there);
    return fmt::format("mapped at time {}, the pool's time is {}", mapping.time, limits_.time);
}

bool MappingLeaves::take(NodeView leaf) {
    bool good = true;
    for (std::uint32_t i = 0; i < leaf.size(); ++i) {
        const std::uint64_t value = leaf.value64(i);
        good = fault_of(value) == Fault::none && good;
        if (unpack_mapping(value).chunk.value() < limits_.nr_chunks)
            counts_.add(unpack_mapping(value).chunk);
    }
    return good;
}

void MappingLeaves::tell(NodeView leaf, MetaBlock where, const TreeFaultSink& sink) const {
    for (std::uint32_t i = 0; i < leaf.size();) {
        const Fault fault = fault_of(leaf.value64(i));
        std::uint32_t end = i + 1;
        while (end < leaf.size() && leaf.key(end) == leaf.key(end - 1) + 1 &&
               fault_of(leaf.value64(end)) == fault)
            ++end;
        if (fault != Fault::none)
            sink({.begin = leaf.key(i),
                  .past = leaf.key(end - 1) + 1,
                  .block = where,
                  .message = message(fault, leaf.value64(i))});
        i = end;
    }
}

bool DeviceRootLeaves::take(NodeView leaf) {
    for (std::uint32_t i = 0; i < leaf.size(); ++i)
        roots.emplace_back(leaf.value64(i));
    return ids_fit(leaf);
}

void DeviceRootLeaves::tell(NodeView leaf, MetaBlock where, const TreeFaultSink& sink) const {
    tell_ids(leaf, where, sink);
}

bool DetailsLeaves::take(NodeView leaf) {
    return ids_fit(leaf);
}

void DetailsLeaves::tell(NodeView leaf, MetaBlock where, const TreeFaultSink& sink) const {
    tell_ids(leaf, where, sink);
}

bool IndexLeaves::take(NodeView leaf) {
    for (std::uint32_t i = 0; i < leaf.size(); ++i)
        entries.emplace_back(leaf.key(i), pdata::IndexEntry::unpack(leaf.value(i)));
    return true;
}

bool OverflowLeaves::take(NodeView leaf) {
    for (std::uint32_t i = 0; i < leaf.size(); ++i)
        counts.emplace_back(leaf.key(i), load_le<std::uint32_t>(leaf.value(i), 0));
    return true;
}

} // namespace thinsnap::thin::check
