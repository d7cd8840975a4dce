#include <thinsnap/error.hpp>
#include <thinsnap/thin_pool.hpp>

#include "service/json.hpp"
#include "service/method.hpp"

namespace thinsnap::service {

namespace {

constexpr std::uint64_t kMetadataBlock = 4096;

Json json_of(const SpaceUse& use, std::uint64_t unit, const std::string& name) {
    return {{"used_" + name, use.used},
            {"free_" + name, use.free()},
            {"total_" + name, use.total},
            {"low_water_" + name, use.low_water},
            {"reserve_" + name, use.reserve},
            {"used_bytes", use.used * unit},
            {"free_bytes", use.free() * unit},
            {"total_bytes", use.total * unit},
            {"below_low_water", use.free() < use.low_water}};
}

Json status_of(app::PoolHandle& handle) {
    const PoolStatus status = handle.status();
    return {{"pool", handle.paths().directory.string()},
            {"driver", status.driver},
            {"uuid", status.uuid},
            {"mode", to_string(status.mode)},
            {"reason", status.reason},
            {"needs_check", status.needs_check},
            {"transaction_id", status.transaction_id.value()},
            {"chunk_size", status.chunk_size},
            {"data", json_of(status.data, status.chunk_size, "chunks")},
            {"metadata", json_of(status.metadata, kMetadataBlock, "blocks")},
            {"devices", status.devices},
            {"held_root", number_or_null(status.held_root)}};
}

Json status(Session& session, const Params&, Streams&) {
    return status_of(session.readable_pool());
}

Json grow(Session& session, const Params& params, Streams&) {
    const auto data = params.find_number("size");
    const auto metadata = params.find_number("metadata_size");
    if (!data && !metadata)
        throw Error(Errc::invalid_argument,
                    "nothing to grow: neither size nor metadata_size is given");
    app::PoolHandle& handle = session.writable_pool();
    session.claim(kSizeClaim, Claims::Use::write);
    // Metadata first: a larger data space needs a larger space map.
    if (metadata)
        handle.grow_metadata(*metadata);
    if (data)
        handle.grow_data(*data);
    return status_of(handle);
}

Json set_transaction_id(Session& session, const Params& params, Streams&) {
    const TransactionId from(params.number("from"));
    const TransactionId to(params.number("to"));
    session.raw_pool().pool().apply({}, from, to);
    return {{"transaction_id", to.value()}};
}

constexpr Method kPoolMethods[] = {
    {"pool.status", status},
    {"pool.grow", grow},
    {"pool.set_transaction_id", set_transaction_id},
};

} // namespace

std::span<const Method> pool_methods() {
    return kPoolMethods;
}

} // namespace thinsnap::service
