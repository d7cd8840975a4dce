#include "pool/batch.hpp"

#include <algorithm>
#include <unordered_set>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

namespace thinsnap::pool {

namespace {

class Validator {
public:
    explicit Validator(const std::function<bool(DeviceId)>& exists)
        : exists_(exists) {}

    void operator()(const CreateThin& create) { make(create.id); }

    void operator()(const CreateSnapshot& create) {
        if (deleted_.contains(create.origin) ||
            (!made_.contains(create.origin) && !exists_(create.origin)))
            throw Error(Errc::not_found,
                        fmt::format("the snapshot's origin, thin device {}, does not exist",
                                    create.origin.value()));
        make(create.id);
    }

    void operator()(const DeleteDevice& remove) {
        name(remove.id);
        if (!exists_(remove.id))
            throw Error(Errc::not_found,
                        fmt::format("thin device {} does not exist", remove.id.value()));
        deleted_.insert(remove.id);
    }

private:
    void make(DeviceId id) {
        name(id);
        if (exists_(id))
            throw Error(Errc::already_exists, fmt::format("thin device {} exists", id.value()));
        made_.insert(id);
    }

    void name(DeviceId id) {
        if (id > kMaxDeviceId)
            throw Error(Errc::invalid_argument,
                        fmt::format("device id {} is over {}", id.value(), kMaxDeviceId.value()));
        if (made_.contains(id) || deleted_.contains(id))
            throw Error(Errc::invalid_argument,
                        fmt::format("the batch names thin device {} twice", id.value()));
    }

    const std::function<bool(DeviceId)>& exists_;
    std::unordered_set<DeviceId> made_;
    std::unordered_set<DeviceId> deleted_;
};

} // namespace

void validate_batch(std::span<const PoolOperation> operations,
                    const std::function<bool(DeviceId)>& exists) {
    Validator validator(exists);
    for (const PoolOperation& operation : operations)
        std::visit(validator, operation);
}

bool makes_devices(std::span<const PoolOperation> operations) {
    return std::ranges::any_of(operations, [](const PoolOperation& operation) {
        return !std::holds_alternative<DeleteDevice>(operation);
    });
}

} // namespace thinsnap::pool
