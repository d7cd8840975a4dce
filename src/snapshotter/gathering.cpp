#include "snapshotter/gathering.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "journal/format.hpp"
#include "journal/record_codec.hpp"

namespace thinsnap::snapshotter {

namespace {

/// No more proposals join a frame of that size, lest a small one waits for a large one.
constexpr std::size_t kFullFrame = 1U << 20U;

/// The device that a record brings into the state.
std::optional<DeviceId> added_by(const journal::Record& record) {
    if (const auto* layer = std::get_if<journal::LayerAdded>(&record))
        return layer->device;
    if (const auto* container = std::get_if<journal::ContainerAdded>(&record))
        return container->device;
    return std::nullopt;
}

std::optional<DeviceId> removed_by(const journal::Record& record) {
    if (const auto* layer = std::get_if<journal::LayerRemoved>(&record))
        return layer->device;
    if (const auto* container = std::get_if<journal::ContainerRemoved>(&record))
        return container->device;
    return std::nullopt;
}

} // namespace

// --- BatchNames --------------------------------------------------------------------------------

bool BatchNames::add_one(const PoolOperation& operation) {
    if (const auto* remove = std::get_if<DeleteDevice>(&operation)) {
        if (!made_.empty() || origins_.contains(remove->id))
            return false;
        return deleted_.insert(remove->id).second;
    }
    DeviceId made{};
    if (const auto* snapshot = std::get_if<CreateSnapshot>(&operation)) {
        made = snapshot->id;
        origins_.insert(snapshot->origin);
    } else {
        made = std::get<CreateThin>(operation).id;
    }
    return deleted_.empty() && !origins_.contains(made) && made_.insert(made).second;
}

bool BatchNames::accepts(const std::vector<PoolOperation>& operations) const {
    BatchNames copy = *this;
    return std::ranges::all_of(operations, [&](const PoolOperation& o) { return copy.add_one(o); });
}

void BatchNames::add(const std::vector<PoolOperation>& operations) {
    for (const PoolOperation& operation : operations)
        (void)add_one(operation);
}

// --- Gathering ---------------------------------------------------------------------------------

DeviceId Gathering::new_device() {
    for (std::uint32_t tries = 0; tries <= kMaxDeviceId.value(); ++tries) {
        last_given_ = DeviceId(last_given_ == kMaxDeviceId ? 0 : last_given_.value() + 1);
        if (!state_.knows(last_given_) && !devices_.contains(last_given_))
            return last_given_;
    }
    throw Error(Errc::no_space,
                fmt::format("all {} device ids are taken", kMaxDeviceId.value() + 1));
}

void Gathering::require_present(const PoolOperation& operation, const BatchNames& own) const {
    const auto has = [&](DeviceId id) {
        return (devices_.contains(id) || names_.makes(id) || own.makes(id)) && !names_.deletes(id);
    };
    const auto absent = [](DeviceId id) {
        return Error(Errc::not_found, fmt::format("thin device {} does not exist", id.value()));
    };
    if (const auto* remove = std::get_if<DeleteDevice>(&operation)) {
        if (!has(remove->id))
            throw absent(remove->id);
        return;
    }
    const auto* snapshot = std::get_if<CreateSnapshot>(&operation);
    if (snapshot != nullptr && !has(snapshot->origin))
        throw absent(snapshot->origin);
    const DeviceId made = snapshot != nullptr ? snapshot->id : std::get<CreateThin>(operation).id;
    if (made > kMaxDeviceId)
        throw Error(Errc::invalid_argument,
                    fmt::format("device id {} is over {}", made.value(), kMaxDeviceId.value()));
    if (has(made))
        throw Error(Errc::already_exists, fmt::format("thin device {} exists", made.value()));
}

void Gathering::require_sound(const Proposal& proposal) const {
    BatchNames own;
    if (!own.accepts(proposal.operations))
        throw Error(Errc::invalid_argument,
                    "the pool operations name a device twice, or make and delete in one");
    for (const PoolOperation& operation : proposal.operations) {
        require_present(operation, own);
        own.add({operation});
    }
    if (no_space_ && own.makes_devices())
        std::rethrow_exception(no_space_);
}

/// What is in the state after the proposal is in the pool after it, and the other way round.
void Gathering::require_matched(const Proposal& proposal) const {
    BatchNames own;
    own.add(proposal.operations);
    const auto refuse = [](const char* what, DeviceId id) {
        throw Error(Errc::invalid_argument, fmt::format("device {} {}", id.value(), what));
    };
    for (const journal::Record& record : proposal.records) {
        if (const auto added = added_by(record); added && !own.makes(*added))
            refuse("is added, and no operation makes it", *added);
        const auto removed = removed_by(record);
        if (removed && !own.deletes(*removed) && devices_.contains(*removed))
            refuse("is removed, and no operation deletes it", *removed);
    }
    for (const PoolOperation& operation : proposal.operations) {
        if (const auto* remove = std::get_if<DeleteDevice>(&operation)) {
            if (state_.knows(remove->id))
                refuse("is deleted, and no record removes it", remove->id);
            continue;
        }
        const auto* snapshot = std::get_if<CreateSnapshot>(&operation);
        const DeviceId made =
            snapshot != nullptr ? snapshot->id : std::get<CreateThin>(operation).id;
        if (!state_.knows(made))
            refuse("is made, and no record adds it", made);
    }
}

/// Whether somebody may write to it: everything but a layer that is ready.
bool Gathering::is_active(DeviceId origin) const {
    const journal::Layer* layer = state_.find_layer(origin);
    return layer == nullptr || layer->stage != journal::Stage::ready;
}

std::vector<std::byte> Gathering::encoded(const Proposal& proposal) const {
    std::vector<std::byte> bytes;
    for (const PoolOperation& operation : proposal.operations) {
        const auto* snapshot = std::get_if<CreateSnapshot>(&operation);
        const bool active = snapshot != nullptr && is_active(snapshot->origin);
        journal::encode(journal::record_of(operation, active), bytes);
    }
    for (const journal::Record& record : proposal.records)
        journal::encode(record, bytes);
    if (bytes.size() > journal::kMaxPayload / 2)
        throw Error(Errc::invalid_argument,
                    fmt::format("{} bytes to be recorded at once, {} are possible",
                                bytes.size(),
                                journal::kMaxPayload / 2));
    return bytes;
}

Gathering::Added Gathering::add(const Builder& builder) {
    if (payload_.size() >= kFullFrame)
        return Added::later;
    Proposal proposal = builder(*this);
    if (!names_.accepts(proposal.operations) && BatchNames().accepts(proposal.operations))
        return Added::later;
    require_sound(proposal);
    const auto bytes = encoded(proposal);
    const std::size_t mark = undo_.mark();
    try {
        for (const journal::Record& record : proposal.records)
            state_.apply(record, &undo_);
        require_matched(proposal);
    } catch (...) { // taken back, and thrown on
        state_.take_back(undo_, mark);
        throw;
    }
    names_.add(proposal.operations);
    payload_.insert(payload_.end(), bytes.begin(), bytes.end());
    std::ranges::copy(proposal.operations, std::back_inserter(operations_));
    for (const journal::Record& record : proposal.records)
        commits_layer_ = commits_layer_ || std::holds_alternative<journal::LayerCommitted>(record);
    proposals_.push_back(std::move(proposal));
    return Added::yes;
}

} // namespace thinsnap::snapshotter
