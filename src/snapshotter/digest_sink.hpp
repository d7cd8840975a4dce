#pragma once

#include <cstdint>

#include "base/byte_sink.hpp"
#include "base/digest.hpp"

namespace thinsnap::snapshotter {

/// Takes bytes to know how many they are and what digest they have, and passes them on if asked.
/// Threads: one at a time.
class DigestSink final : public ByteSink {
public:
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init) there is no empty Digest
    struct Result {
        Digest digest;
        std::uint64_t bytes = 0;
    };

    /// \param next  gets every byte, too; must outlive this; null: nobody
    explicit DigestSink(ByteSink* next = nullptr)
        : next_(next) {}

    void write(std::span<const std::byte> bytes) override {
        sha256_.update(bytes);
        bytes_ += bytes.size();
        if (next_ != nullptr)
            next_->write(bytes);
    }

    [[nodiscard]] Result finish() { return {.digest = sha256_.finish(), .bytes = bytes_}; }

private:
    ByteSink* next_;
    Sha256 sha256_;
    std::uint64_t bytes_ = 0;
};

} // namespace thinsnap::snapshotter
