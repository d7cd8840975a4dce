// Runs a fuzz entry once over each file of its corpus: found once, tested for ever, without Clang.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/fuzz.hpp"

namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
    std::ifstream file{path, std::ios::binary};
    std::string bytes{std::istreambuf_iterator<char>{file}, {}};
    if (!file)
        throw std::runtime_error("reading " + path.string());
    return bytes;
}

int replay(const fs::path& corpus) {
    thinsnap::test::fuzz_one({});
    std::size_t count = 1;
    if (fs::is_directory(corpus)) {
        for (const auto& entry : fs::directory_iterator{corpus}) {
            std::printf("%s\n", entry.path().c_str());
            std::fflush(stdout); // the last line names the input of a crash
            const std::string bytes = read_file(entry.path());
            thinsnap::test::fuzz_one(std::as_bytes(std::span{bytes}));
            ++count;
        }
    }
    std::printf("replayed %zu inputs\n", count);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
        return 2;
    }
    try {
        return replay(argv[1]);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "uncaught: %s\n", error.what());
        return 1;
    }
}
