#include "base/byte_source.hpp"

#include <algorithm>
#include <utility>

namespace thinsnap {

std::size_t read_full(ByteSource& source, std::span<std::byte> into) {
    std::size_t done = 0;
    while (done < into.size()) {
        const std::size_t n = source.read(into.subspan(done));
        if (n == 0)
            break;
        done += n;
    }
    return done;
}

std::size_t MemorySource::read(std::span<std::byte> into) {
    const std::size_t n = std::min(into.size(), rest_.size());
    std::ranges::copy(rest_.first(n), into.begin());
    rest_ = rest_.subspan(n);
    return n;
}

std::span<const std::byte> MemorySource::next(std::span<std::byte> /*scratch*/) {
    return std::exchange(rest_, {});
}

} // namespace thinsnap
