#include "dm/pool_status.hpp"

#include <algorithm>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "dm/words.hpp"

namespace thinsnap::dm {

namespace {

enum Field : std::size_t { transaction, metadata, data, held, mode, discards, full, check };

constexpr std::uint64_t kMostKept = 4096; // blocks; dm-thin-metadata.c
constexpr std::uint64_t kKeptShare = 10;

[[noreturn]] void refuse(std::string_view line) {
    throw Error(Errc::corrupt,
                fmt::format("the kernel's status of the pool cannot be understood: '{}'", line));
}

PoolMode parse_mode(std::string_view word, std::string_view line) {
    if (word == "rw")
        return PoolMode::write;
    if (word == "ro")
        return PoolMode::read_only;
    if (word == "out_of_data_space")
        return PoolMode::out_of_data_space;
    refuse(line);
}

} // namespace

std::uint64_t KernelStatus::kept_metadata() const {
    return std::min(kMostKept, total_metadata / kKeptShare);
}

KernelStatus parse_pool_status(std::string_view line) {
    const auto words = words_of(line);
    KernelStatus status;
    if (words.size() == 1 && (words[0] == "Fail" || words[0] == "Error"))
        return status;
    if (words.size() <= full)
        refuse(line);
    const auto id = number_of(words[transaction]);
    const auto blocks = pair_of(words[metadata], '/');
    const auto chunks = pair_of(words[data], '/');
    const auto root = number_of(words[held]);
    if (!id || !blocks || !chunks || (!root && words[held] != "-"))
        refuse(line);
    status.mode = parse_mode(words[mode], line);
    status.transaction_id = TransactionId(*id);
    status.used_metadata = blocks->first;
    status.total_metadata = blocks->second;
    status.used_data = chunks->first;
    status.total_data = chunks->second;
    if (root)
        status.held_root = MetaBlock(*root);
    status.queues = words[full] == "queue_if_no_space";
    status.needs_check = words.size() > check && words[check] == "needs_check";
    return status;
}

std::string reason_of(const KernelStatus& status) {
    switch (status.mode) {
    case PoolMode::write:
        return {};
    case PoolMode::out_of_data_space:
        return fmt::format("all {} data chunks are in use; use `thinsnap pool grow`, or delete "
                           "devices",
                           status.total_data);
    case PoolMode::failed:
        return "the kernel cannot read the pool's metadata; deactivate its devices, then run "
               "`thinsnap pool check`";
    case PoolMode::read_only:
        break;
    }
    if (status.needs_check)
        return "the kernel met an error in the pool's metadata and asks for a check; deactivate "
               "its devices, then run `thinsnap pool check` and `thinsnap pool repair`";
    if (!status.has_metadata_space())
        return "metadata space has run out; use `thinsnap pool grow --metadata-size`";
    return "the kernel opened the pool for reading only";
}

} // namespace thinsnap::dm
