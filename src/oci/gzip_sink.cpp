#include "oci/gzip_sink.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

#include <fmt/core.h>
#include <isa-l/igzip_lib.h>

#include <thinsnap/error.hpp>

#include "oci/octets.hpp"

namespace thinsnap::oci {

namespace {

constexpr std::size_t kBuffer = std::size_t{256} << 10U;

} // namespace

GzipSink::GzipSink(ByteSink& out)
    : out_(out)
    , buffer_(kBuffer)
    , level_buffer_(ISAL_DEF_LVL1_DEFAULT)
    , stream_(std::make_unique<isal_zstream>()) {
    isal_deflate_init(stream_.get());
    stream_->level = 1;
    stream_->level_buf = as_octets(level_buffer_);
    stream_->level_buf_size = static_cast<std::uint32_t>(level_buffer_.size());
    stream_->gzip_flag = IGZIP_GZIP;
}

GzipSink::~GzipSink() = default;

void GzipSink::write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const auto piece = bytes.first(
            std::min<std::size_t>(bytes.size(), std::numeric_limits<std::uint32_t>::max()));
        bytes = bytes.subspan(piece.size());
        stream_->next_in = as_octets(piece);
        stream_->avail_in = static_cast<std::uint32_t>(piece.size());
        while (stream_->avail_in > 0)
            deflate();
    }
}

void GzipSink::finish() {
    stream_->end_of_stream = 1;
    while (stream_->internal_state.state != ZSTATE_END)
        deflate();
}

void GzipSink::deflate() {
    stream_->next_out = as_octets(buffer_);
    stream_->avail_out = static_cast<std::uint32_t>(buffer_.size());
    const int result = isal_deflate(stream_.get());
    if (result != COMP_OK)
        throw Error(Errc::internal, fmt::format("ISA-L cannot compress: error {}", result));
    out_.write(std::span(buffer_).first(buffer_.size() - stream_->avail_out));
}

} // namespace thinsnap::oci
