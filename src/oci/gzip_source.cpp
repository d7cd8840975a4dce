#include "oci/gzip_source.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include <fmt/core.h>
#include <isa-l/igzip_lib.h>

#include <thinsnap/error.hpp>

#include "oci/octets.hpp"

namespace thinsnap::oci {

namespace {

constexpr std::size_t kGzipScratch = std::size_t{64} << 10U;
constexpr std::uint8_t kMagicFirst = 0x1F; // RFC 1952, 2.3.1

std::string_view reason(int result) {
    switch (result) {
    case ISAL_INVALID_WRAPPER:
        return "no gzip header";
    case ISAL_UNSUPPORTED_METHOD:
        return "a compression method other than deflate";
    case ISAL_INCORRECT_CHECKSUM:
        return "the checksum or length does not fit the data";
    default:
        return "invalid deflate data";
    }
}

class GzipSource final : public ByteSource {
public:
    explicit GzipSource(ByteSource& in)
        : in_(in)
        , scratch_(kGzipScratch)
        , state_(std::make_unique<inflate_state>()) {}

    std::size_t read(std::span<std::byte> into) override {
        const std::size_t wanted =
            std::min<std::size_t>(into.size(), std::numeric_limits<std::uint32_t>::max());
        state_->next_out = as_octets(into);
        state_->avail_out = static_cast<std::uint32_t>(wanted);
        while (state_->avail_out > 0) {
            if (state_->avail_in == 0)
                refill();
            if (!in_member_ && !begin_member())
                break;
            inflate();
        }
        return wanted - state_->avail_out;
    }

private:
    [[nodiscard]] std::uint64_t position() const { return taken_ - state_->avail_in; }

    [[noreturn]] void fail(std::string_view what) const {
        throw Error(Errc::corrupt,
                    fmt::format("gzip data is damaged at byte {}: {}", position(), what));
    }

    void refill() {
        if (at_end_)
            return;
        const auto piece = in_.next(scratch_);
        at_end_ = piece.empty();
        taken_ += piece.size();
        state_->next_in = as_octets(piece);
        state_->avail_in = static_cast<std::uint32_t>(piece.size());
    }

    /// \return  false at the end of the file
    bool begin_member() {
        if (state_->avail_in == 0)
            return false;
        if (*state_->next_in != kMagicFirst)
            fail("garbage behind the end of the compressed data");
        isal_inflate_reset(state_.get());
        state_->crc_flag = ISAL_GZIP;
        in_member_ = true;
        return true;
    }

    void inflate() {
        const std::uint32_t room = state_->avail_out;
        const int result = isal_inflate(state_.get());
        if (result < 0 || result == ISAL_NEED_DICT)
            fail(reason(result));
        if (state_->block_state == ISAL_BLOCK_FINISH)
            in_member_ = false;
        else if (at_end_ && state_->avail_out == room)
            fail("it ends in the middle");
    }

    ByteSource& in_;
    std::vector<std::byte> scratch_;
    std::unique_ptr<inflate_state> state_; // 80 KiB
    std::uint64_t taken_ = 0;
    bool at_end_ = false;
    bool in_member_ = false;
};

} // namespace

std::unique_ptr<ByteSource> make_gzip_source(ByteSource& in) {
    return std::make_unique<GzipSource>(in);
}

} // namespace thinsnap::oci
