#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/byte_sink.hpp"

struct isal_zstream;

namespace thinsnap::oci {

/// Compresses what it takes with ISA-L, fast rather than small, and passes it on. The header names
/// no file and no time. The same bytes in any pieces may give other bytes with another ISA-L or on
/// another kind of processor.
class GzipSink final : public ByteSink {
public:
    /// \param out  must outlive it
    explicit GzipSink(ByteSink& out);
    GzipSink(const GzipSink&) = delete;
    GzipSink& operator=(const GzipSink&) = delete;
    ~GzipSink() override;

    void write(std::span<const std::byte> bytes) override;
    /// Writes what is left; nothing may follow.
    void finish();

private:
    void deflate();

    ByteSink& out_;
    std::vector<std::byte> buffer_;
    std::vector<std::byte> level_buffer_;
    std::unique_ptr<isal_zstream> stream_;
};

} // namespace thinsnap::oci
