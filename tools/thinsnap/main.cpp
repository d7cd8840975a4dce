#include <cstdio>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include <thinsnap/version.hpp>

int main(int argc, char** argv) {
    const std::span arguments{argv, static_cast<std::size_t>(argc)};
    if (arguments.size() == 2 && std::string_view{arguments[1]} == "--version") {
        fmt::print("thinsnap {}\n", thinsnap::version());
        return 0;
    }
    fmt::print(stderr, "usage: thinsnap --version\n");
    return 2;
}
