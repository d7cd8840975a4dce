#include "tar/input.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <thinsnap/error.hpp>

namespace thinsnap::tar {

namespace {
constexpr std::size_t kScratch = std::size_t{256} << 10U;
} // namespace

Input::Input(ByteSource& source)
    : source_(source)
    , scratch_(kScratch) {}

std::span<const std::byte> Input::take(std::uint64_t length) {
    if (!refill())
        refuse_end(length);
    const auto front =
        rest_.first(static_cast<std::size_t>(std::min<std::uint64_t>(rest_.size(), length)));
    rest_ = rest_.subspan(front.size());
    position_ += front.size();
    return front;
}

bool Input::read_block(Block& block) {
    if (!refill())
        return false;
    for (std::size_t filled = 0; filled < block.size();) {
        const auto piece = take(block.size() - filled);
        std::copy(piece.begin(), piece.end(), block.data() + filled);
        filled += piece.size();
    }
    return true;
}

void Input::read_text(std::string& text, std::uint64_t length) {
    while (length > 0) {
        const auto piece = take(length);
        text.append(field_bytes(piece, {0, piece.size()}));
        length -= piece.size();
    }
}

void Input::skip(std::uint64_t length) {
    while (length > 0)
        length -= take(length).size();
}

void Input::drain() {
    while (refill()) {
        position_ += rest_.size();
        rest_ = {};
    }
}

bool Input::refill() {
    if (rest_.empty())
        rest_ = source_.next(scratch_);
    return !rest_.empty();
}

void Input::refuse_end(std::uint64_t missing) const {
    throw Error(Errc::corrupt,
                fmt::format("the tar ends at byte {}, {} bytes early", position_, missing));
}

} // namespace thinsnap::tar
