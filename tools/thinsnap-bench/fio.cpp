#include "fio.hpp"

#include <stdexcept>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "program.hpp"

namespace thinsnap::bench {

namespace {

Command command_for(const std::vector<std::string>& devices, const FioJob& job) {
    Command command{"fio",
                    "--output-format=json",
                    "--direct=1",
                    "--time_based",
                    "--norandommap",
                    "--randrepeat=0",
                    job.depth == 1 ? "--ioengine=psync" : "--ioengine=libaio",
                    "--rw=" + job.access,
                    "--bs=" + job.block,
                    fmt::format("--iodepth={}", job.depth),
                    fmt::format("--fdatasync={}", job.durable ? 1 : 0),
                    fmt::format("--runtime={:.0f}ms", job.seconds * 1000)};
    for (const std::string& device : devices) {
        command.push_back("--name=" + device);
        command.push_back("--filename=" + device);
    }
    return command;
}

} // namespace

double run_fio(const std::vector<std::string>& devices, const FioJob& job) {
    const auto report = nlohmann::json::parse(output_of(command_for(devices, job)));
    const char* const kind = job.access.ends_with("read") ? "read" : "write";
    double operations = 0;
    for (const auto& each : report.at("jobs"))
        operations += each.at(kind).at("iops").get<double>();
    if (operations == 0)
        throw std::runtime_error("fio reports no operation");
    return operations;
}

} // namespace thinsnap::bench
