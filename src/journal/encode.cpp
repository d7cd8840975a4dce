#include <array>
#include <span>

#include "journal/record_codec.hpp"
#include "journal/record_fields.hpp"

namespace thinsnap::journal {

namespace {

using Bytes = std::vector<std::byte>;

void put_byte(Bytes& to, std::uint64_t value) {
    to.push_back(static_cast<std::byte>(value));
}

/// LEB128: seven bits a byte, lowest first, the top bit set in all but the last.
void put_length(Bytes& to, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U)
        put_byte(to, value | 0x80U);
    put_byte(to, value);
}

void put_bytes(Bytes& to, std::span<const std::byte> bytes) {
    to.insert(to.end(), bytes.begin(), bytes.end());
}

class Writer {
public:
    explicit Writer(Bytes& to)
        : to_(to) {}

    void operator()(std::uint8_t tag, std::uint64_t value) {
        std::array<std::byte, 8> bytes{};
        std::size_t length = 0;
        for (; value != 0; value >>= 8U)
            bytes.at(length++) = static_cast<std::byte>(value);
        field(tag, std::span(bytes).first(length));
    }
    void operator()(std::uint8_t tag, bool value) { (*this)(tag, std::uint64_t{value}); }
    void operator()(std::uint8_t tag, DeviceId id) { (*this)(tag, std::uint64_t{id.value()}); }
    void operator()(std::uint8_t tag, TransactionId id) { (*this)(tag, id.value()); }
    void operator()(std::uint8_t tag, LayerKind kind) {
        (*this)(tag, static_cast<std::uint64_t>(kind));
    }
    void operator()(std::uint8_t tag, Time time) {
        const std::int64_t count = time.time_since_epoch().count();
        field(tag, std::as_bytes(std::span(&count, 1)));
    }
    void operator()(std::uint8_t tag, const std::string& text) {
        field(tag, std::as_bytes(std::span(text)));
    }
    void operator()(std::uint8_t tag, const Digest& digest) { field(tag, digest.bytes()); }
    template <class T>
    void operator()(std::uint8_t tag, const std::optional<T>& value) {
        if (value)
            (*this)(tag, *value);
    }
    void operator()(std::uint8_t tag, const std::vector<Digest>& digests) {
        for (const Digest& digest : digests)
            field(tag, digest.bytes());
    }
    void operator()(std::uint8_t tag, const Labels& labels) {
        for (const auto& [key, value] : labels) {
            Bytes label;
            put_length(label, key.size());
            put_bytes(label, std::as_bytes(std::span(key)));
            put_bytes(label, std::as_bytes(std::span(value)));
            field(tag, label);
        }
    }

private:
    void field(std::uint8_t tag, std::span<const std::byte> value) {
        put_byte(to_, tag);
        put_length(to_, value.size());
        put_bytes(to_, value);
    }

    Bytes& to_;
};

} // namespace

void encode(const Record& record, std::vector<std::byte>& to) {
    std::vector<std::byte> body;
    body.reserve(128);
    Writer writer(body);
    std::visit([&](const auto& r) { detail::fields(r, writer); }, record);
    put_byte(to, detail::kTypes.at(record.index()));
    put_length(to, body.size());
    put_bytes(to, body);
}

} // namespace thinsnap::journal
