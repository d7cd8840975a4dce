# Toolchain file of the presets built with Clang: the versioned name first, so that a newer
# default does not change which warnings and sanitizers a check means.
find_program(thinsnap_clangxx NAMES clang++-14 clang++ REQUIRED)
set(CMAKE_CXX_COMPILER "${thinsnap_clangxx}")
