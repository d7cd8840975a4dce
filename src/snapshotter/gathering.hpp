#pragma once

#include <cstddef>
#include <exception>
#include <unordered_set>
#include <vector>

#include "snapshotter/store.hpp"

namespace thinsnap::snapshotter {

/// The device ids that a batch names, and whether another operation may join it.
///
/// No id may be named twice, except as an origin after it was made or by several snapshots; makes
/// and deletes do not mix. Then a redo can tell from what is there what was done.
class BatchNames {
public:
    [[nodiscard]] bool accepts(const std::vector<PoolOperation>& operations) const;
    void add(const std::vector<PoolOperation>& operations);
    [[nodiscard]] bool makes(DeviceId id) const { return made_.contains(id); }
    [[nodiscard]] bool deletes(DeviceId id) const { return deleted_.contains(id); }
    [[nodiscard]] bool makes_devices() const { return !made_.empty(); }

private:
    bool add_one(const PoolOperation& operation);

    std::unordered_set<DeviceId> made_;
    std::unordered_set<DeviceId> deleted_;
    std::unordered_set<DeviceId> origins_;
};

/// Puts proposals together, each made on what those before it leave.
///
/// The state is tentative while this exists: the destructor takes everything back, so that readers
/// see it when it is done, and not before.
/// Threads: one, with the state locked exclusively.
class Gathering final : public Draft {
public:
    /// \param devices     that the pool has
    /// \param last_given  the id that new_device() gave last; moved on
    Gathering(journal::State& state,
              const std::unordered_set<DeviceId>& devices,
              DeviceId& last_given)
        : state_(state)
        , devices_(devices)
        , last_given_(last_given) {}
    Gathering(const Gathering&) = delete;
    Gathering& operator=(const Gathering&) = delete;
    ~Gathering() { state_.take_back(undo_); }

    [[nodiscard]] const journal::State& state() const override { return state_; }
    [[nodiscard]] DeviceId new_device() override;
    [[nodiscard]] bool pool_has(DeviceId device) const override {
        return devices_.contains(device);
    }

    enum class Added { yes, later };
    /// \return later: it would break a rule of batches together with those that are in, or the
    ///         batch is large enough; nothing has changed
    /// \throws what commit() throws for one caller; nothing has changed
    [[nodiscard]] Added add(const Builder& builder);

    /// Makes are refused with this. \param error  null: they are not
    void refuse_makes(std::exception_ptr error) { no_space_ = std::move(error); }

    [[nodiscard]] std::vector<Proposal>& proposals() { return proposals_; }
    [[nodiscard]] std::vector<PoolOperation>& operations() { return operations_; }
    [[nodiscard]] std::vector<std::byte>& payload() { return payload_; }
    [[nodiscard]] bool commits_layer() const { return commits_layer_; }

private:
    void require_sound(const Proposal& proposal) const;
    void require_present(const PoolOperation& operation, const BatchNames& own) const;
    void require_matched(const Proposal& proposal) const;
    [[nodiscard]] bool is_active(DeviceId origin) const;
    [[nodiscard]] std::vector<std::byte> encoded(const Proposal& proposal) const;

    journal::State& state_;
    const std::unordered_set<DeviceId>& devices_;
    DeviceId& last_given_;
    std::exception_ptr no_space_;
    journal::Undo undo_;
    BatchNames names_;
    std::vector<Proposal> proposals_;
    std::vector<PoolOperation> operations_;
    std::vector<std::byte> payload_;
    bool commits_layer_ = false;
};

} // namespace thinsnap::snapshotter
