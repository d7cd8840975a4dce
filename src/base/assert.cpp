#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace thinsnap {

void assertion_failed(const char* condition, const char* file, int line) noexcept {
    std::fprintf(stderr,
                 "thinsnap: internal error: '%s' does not hold (%s:%d); nothing uncommitted was "
                 "written over committed metadata\n",
                 condition,
                 file,
                 line);
    std::abort();
}

} // namespace thinsnap
