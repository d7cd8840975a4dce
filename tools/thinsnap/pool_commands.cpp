#include <fmt/format.h>

#include <thinsnap/error.hpp>

#include "app/interrupt.hpp"
#include "app/pool_directory.hpp"

#include "command.hpp"
#include "facts.hpp"
#include "output.hpp"
#include "service/request.hpp"

namespace thinsnap::tools {

namespace {

using rpc::Json;

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

int print_status(const Context& context, const Json& status) {
    if (context.json) {
        context.out.json(status);
        return 0;
    }
    context.out.text(table_of(status));
    return 0;
}

int pool_status(const Context& context, const Arguments&) {
    return print_status(context, service::carry_out(context.address(), {.method = "pool.status"}));
}

int pool_grow(const Context& context, const Arguments& arguments) {
    service::Request request{.method = "pool.grow"};
    if (const auto data = arguments.find_size("size"))
        request.params["size"] = *data;
    if (const auto metadata = arguments.find_size("metadata-size"))
        request.params["metadata_size"] = *metadata;
    if (request.params.empty())
        throw Error(Errc::invalid_argument,
                    "nothing to grow: give --size, --metadata-size or both");
    const Json status = service::carry_out(context.address(), request);
    app::disregard_interrupts(); // it has grown, and what comes now is printed at once
    return print_status(context, status);
}

int pool_set_transaction_id(const Context& context, const Arguments& arguments) {
    const auto id = [&](std::size_t word) {
        return parse_number(arguments.words()[word], "transaction id", kMaxTransactionId);
    };
    const Json result = service::carry_out(
        context.address(),
        {.method = "pool.set_transaction_id", .params = {{"from", id(0)}, {"to", id(1)}}});
    if (context.json)
        context.out.json(result);
    return 0;
}

constexpr Option kNewPool[] = {
    {"size", "SIZE", "space for data; not needed with a block device as --data"},
    {"chunk-size", "SIZE", "unit of copy-on-write, a multiple of 64K up to 1G; default 64K"},
    {"metadata-size", "SIZE", "space for metadata; default 48 bytes a chunk, at least 2M"},
    {"data", "FILE", "a file to be made, or a block device, to use instead of DIR/data"},
};

constexpr Option kGrowOptions[] = {
    {"size", "SIZE", "new size of the data"},
    {"metadata-size", "SIZE", "new size of the metadata"},
};

constexpr Command kPoolCommands[] = {
    {"pool", "create", "[DIR]", "make a pool", 0, 1, kNewPool, pool_create, Effect::changes},
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
    return kPoolCommands;
}

} // namespace thinsnap::tools
