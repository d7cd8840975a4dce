#pragma once

#include <span>
#include <string>

#include "base/byte_sink.hpp"

namespace thinsnap::test {

/// Keeps what it is given.
class TextSink final : public ByteSink {
public:
    void write(std::span<const std::byte> bytes) override {
        for (const std::byte b : bytes)
            text_ += static_cast<char>(b);
    }
    [[nodiscard]] const std::string& text() const { return text_; }

private:
    std::string text_;
};

} // namespace thinsnap::test
