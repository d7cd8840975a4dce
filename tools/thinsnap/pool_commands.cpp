#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <thinsnap/error.hpp>

#include "app/interrupt.hpp"
#include "app/pool_directory.hpp"

#include "command.hpp"
#include "facts.hpp"
#include "output.hpp"

namespace thinsnap::tools {

namespace {

constexpr std::uint64_t kMaxTransactionId = ~std::uint64_t{0};

int pool_create(const Context& context, const Arguments& arguments) {
    std::filesystem::path directory = context.pool;
    if (!arguments.words().empty()) {
        if (context.pool_named)
            throw Error(Errc::invalid_argument, "the directory is named twice, by --pool as well");
        directory = arguments.words()[0];
    }
    app::CreatePool options;
    options.data = arguments.find_text("data").value_or("");
    options.data_bytes =
        options.data.empty() ? arguments.size("size") : arguments.find_size("size").value_or(0);
    options.chunk_size = arguments.find_size("chunk-size").value_or(options.chunk_size);
    options.metadata_bytes = arguments.find_size("metadata-size");
    options.lock_timeout = context.lock_timeout;
    const app::CreatedPool made = app::create_pool(directory, options);

    if (context.json) {
        context.out.json({{"pool", made.paths.directory.string()},
                          {"uuid", made.uuid},
                          {"data", made.paths.data.string()},
                          {"data_bytes", made.data_bytes},
                          {"metadata_bytes", made.metadata_bytes},
                          {"chunk_size", made.chunk_size}});
    } else {
        context.out.text(fmt::format("pool            {}\nuuid            {}\n"
                                     "data            {}, {}\nmetadata        {}\n"
                                     "chunk size      {}\n",
                                     made.paths.directory.string(),
                                     made.uuid,
                                     made.paths.data.string(),
                                     size_and_bytes(made.data_bytes),
                                     size_and_bytes(made.metadata_bytes),
                                     size_and_bytes(made.chunk_size)));
    }
    return 0;
}

void print_status(const Context& context, app::PoolHandle& handle) {
    const PoolStatus status = handle.status();
    const std::string pool = handle.paths().directory.string();
    if (context.json)
        return context.out.json(json_of(status, pool));
    context.out.text(table_of(status, pool));
    context.out.flush(); // the warnings come behind it
    warn_about(status);
}

int pool_status(const Context& context, const Arguments&) {
    app::PoolHandle handle(context.pool,
                           {.access = app::Access::shared, .lock_timeout = context.lock_timeout});
    print_status(context, handle);
    return 0;
}

int pool_grow(const Context& context, const Arguments& arguments) {
    const auto data = arguments.find_size("size");
    const auto metadata = arguments.find_size("metadata-size");
    if (!data && !metadata)
        throw Error(Errc::invalid_argument,
                    "nothing to grow: give --size, --metadata-size or both");
    app::PoolHandle handle(context.pool, {.lock_timeout = context.lock_timeout});
    // Metadata first: a larger data space needs a larger space map.
    if (metadata)
        handle.grow_metadata(*metadata);
    if (data)
        handle.grow_data(*data);
    app::disregard_interrupts(); // it has grown, and what comes now is printed at once
    print_status(context, handle);
    return 0;
}

int pool_set_transaction_id(const Context& context, const Arguments& arguments) {
    const TransactionId from(
        parse_number(arguments.words()[0], "transaction id", kMaxTransactionId));
    const TransactionId to(parse_number(arguments.words()[1], "transaction id", kMaxTransactionId));
    app::PoolHandle handle(context.pool, {.lock_timeout = context.lock_timeout});
    handle.pool().apply({}, from, to);
    if (context.json)
        context.out.json({{"transaction_id", to.value()}});
    return 0;
}

constexpr Option kCreateOptions[] = {
    {"size", "SIZE", "space for data; not needed with a block device as --data"},
    {"chunk-size", "SIZE", "unit of copy-on-write, a multiple of 64K up to 1G; default 64K"},
    {"metadata-size", "SIZE", "space for metadata; default 48 bytes a chunk, at least 2M"},
    {"data", "FILE", "a file to be made, or a block device, to use instead of DIR/data"},
};

constexpr Option kGrowOptions[] = {
    {"size", "SIZE", "new size of the data"},
    {"metadata-size", "SIZE", "new size of the metadata"},
};

constexpr Command kCommands[] = {
    {"pool", "create", "[DIR]", "make a pool", 0, 1, kCreateOptions, pool_create, Effect::changes},
    {"pool", "status", "", "show use, mode and transaction id", 0, 0, {}, pool_status},
    {"pool",
     "grow",
     "",
     "make data, metadata or both larger",
     0,
     0,
     kGrowOptions,
     pool_grow,
     Effect::changes},
    {"pool",
     "set-transaction-id",
     "FROM TO",
     "move the transaction id, if it is FROM",
     2,
     2,
     {},
     pool_set_transaction_id,
     Effect::changes},
};

} // namespace

std::span<const Command> pool_commands() {
    return kCommands;
}

} // namespace thinsnap::tools
