#include <cstdio>
#include <string>

#include <thinsnap/version.hpp>

int main() {
    const std::string version{thinsnap::version()};
    std::puts(version.c_str());
    return 0;
}
