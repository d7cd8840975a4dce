#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "journal/records.hpp"
#include "journal/state.hpp"

/// \file
/// Records and states that tests of the journal start from.

namespace thinsnap::test {

/// A digest like no other of another number.
[[nodiscard]] Digest digest(std::uint64_t number);
[[nodiscard]] journal::Time at_second(std::int64_t second);

/// One record of each type, all fields filled in.
[[nodiscard]] std::vector<journal::Record> sample_records();

/// Records that make a ready layer out of nothing.
[[nodiscard]] std::vector<journal::Record>
layer(std::uint32_t device, std::uint64_t chain, std::optional<DeviceId> parent = std::nullopt);
[[nodiscard]] journal::Record
container(std::uint32_t device, std::string name, std::optional<DeviceId> parent = std::nullopt);
[[nodiscard]] journal::Image image(std::string name, std::uint64_t chain);

void apply_all(journal::State& state, const std::vector<journal::Record>& records);

/// `containers` of them on 200 layers in chains, with labels and images.
[[nodiscard]] journal::State large_state(std::uint32_t containers);

} // namespace thinsnap::test
