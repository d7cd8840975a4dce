#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <fmt/core.h>

#include <thinsnap/error.hpp>

#include "journal/record_codec.hpp"
#include "journal/record_fields.hpp"

namespace thinsnap::journal {

namespace {

using detail::kOptional;
using detail::kTypes;

[[noreturn]] void corrupt(const std::string& what) {
    throw Error(Errc::corrupt, what);
}

/// Takes bytes from the front of what is left.
class Source {
public:
    explicit Source(std::span<const std::byte> bytes)
        : rest_(bytes) {}

    [[nodiscard]] bool empty() const { return rest_.empty(); }
    [[nodiscard]] std::size_t left() const { return rest_.size(); }

    std::uint8_t byte() { return std::to_integer<std::uint8_t>(take(1)[0]); }
    std::uint64_t length() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 35; shift += 7) {
            const std::uint8_t part = byte();
            value |= std::uint64_t{part & 0x7FU} << shift;
            if ((part & 0x80U) == 0)
                return value;
        }
        corrupt("a length of more than five bytes");
    }
    std::span<const std::byte> take(std::uint64_t n) {
        if (n > rest_.size())
            corrupt(fmt::format("{} bytes are said to follow, {} do", n, rest_.size()));
        const auto taken = rest_.first(n);
        rest_ = rest_.subspan(n);
        return taken;
    }

private:
    std::span<const std::byte> rest_;
};

std::string text_of(std::span<const std::byte> bytes) {
    std::string text(bytes.size(), '\0');
    if (!bytes.empty())
        std::memcpy(text.data(), bytes.data(), bytes.size());
    return text;
}

std::uint64_t number_of(std::span<const std::byte> bytes) {
    if (bytes.size() > 8)
        corrupt(fmt::format("a number of {} bytes", bytes.size()));
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i > 0; --i)
        value = value << 8U | std::to_integer<std::uint64_t>(bytes[i - 1]);
    return value;
}

Digest digest_of(std::span<const std::byte> bytes) {
    Digest::Bytes raw{};
    if (bytes.size() != raw.size())
        corrupt(fmt::format("a digest of {} bytes, expected {}", bytes.size(), raw.size()));
    std::ranges::copy(bytes, raw.begin());
    return Digest(raw);
}

void parse(std::span<const std::byte> bytes, std::uint64_t& to) {
    to = number_of(bytes);
}
void parse(std::span<const std::byte> bytes, bool& to) {
    const std::uint64_t value = number_of(bytes);
    if (value > 1)
        corrupt(fmt::format("{} where 0 or 1 belongs", value));
    to = value == 1;
}
void parse(std::span<const std::byte> bytes, DeviceId& to) {
    const std::uint64_t value = number_of(bytes);
    if (value > kMaxDeviceId.value())
        corrupt(fmt::format("device id {} is over {}", value, kMaxDeviceId.value()));
    to = DeviceId(static_cast<std::uint32_t>(value));
}
void parse(std::span<const std::byte> bytes, TransactionId& to) {
    to = TransactionId(number_of(bytes));
}
void parse(std::span<const std::byte> bytes, LayerKind& to) {
    const std::uint64_t value = number_of(bytes);
    if (value != static_cast<std::uint64_t>(LayerKind::applied) &&
        value != static_cast<std::uint64_t>(LayerKind::committed))
        corrupt(fmt::format("{} is no kind of a layer", value));
    to = static_cast<LayerKind>(value);
}
void parse(std::span<const std::byte> bytes, Time& to) {
    std::int64_t count = 0;
    if (bytes.size() != sizeof count)
        corrupt(fmt::format("a time of {} bytes, expected {}", bytes.size(), sizeof count));
    std::memcpy(&count, bytes.data(), sizeof count);
    to = Time(std::chrono::nanoseconds(count));
}
void parse(std::span<const std::byte> bytes, std::string& to) {
    to = text_of(bytes);
}
void parse(std::span<const std::byte> bytes, Digest& to) {
    to = digest_of(bytes);
}
void parse(std::span<const std::byte> bytes, std::optional<Digest>& to) {
    to = digest_of(bytes);
}
void parse(std::span<const std::byte> bytes, std::optional<DeviceId>& to) {
    parse(bytes, to.emplace());
}
void parse(std::span<const std::byte> bytes, std::vector<Digest>& to) {
    to.push_back(digest_of(bytes));
}
void parse(std::span<const std::byte> bytes, Labels& to) {
    Source source(bytes);
    std::string key = text_of(source.take(source.length()));
    if (!to.emplace(std::move(key), text_of(source.take(source.left()))).second)
        corrupt("a label's key stands there twice");
}

template <class T>
constexpr bool kIsList = std::same_as<T, Labels> || std::same_as<T, std::vector<Digest>>;
template <class T>
constexpr bool kIsOptional = false;
template <class T>
constexpr bool kIsOptional<std::optional<T>> = true;

constexpr std::uint64_t bit(std::uint8_t tag) {
    return tag < 64 ? std::uint64_t{1} << tag : 0;
}

/// Gives the field that was read to the member that has its tag.
struct Match {
    std::uint8_t tag = 0;
    std::span<const std::byte> value;
    std::uint64_t seen = 0; ///< tags met so far
    bool matched = false;

    template <class T>
    void operator()(std::uint8_t of, T& member) {
        if (of != tag)
            return;
        matched = true;
        if (!kIsList<T> && (seen & bit(tag)) != 0)
            corrupt(fmt::format("the field with tag {} stands there twice", tag));
        parse(value, member);
    }
};

/// Complains of what must be there and is not.
struct Require {
    std::uint64_t seen = 0;

    template <class T>
    void operator()(std::uint8_t tag, const T& /*member*/) const {
        if (!kIsList<T> && !kIsOptional<T> && (seen & bit(tag)) == 0)
            corrupt(fmt::format("the field with tag {} is missing", tag));
    }
};

template <class R>
R decode(std::span<const std::byte> body) {
    R record{};
    Match match;
    for (Source source(body); !source.empty();) {
        match.tag = source.byte();
        match.value = source.take(source.length());
        match.matched = false;
        detail::fields(record, match);
        if (!match.matched && match.tag < kOptional)
            throw Error(Errc::unsupported,
                        fmt::format("a field with the unknown tag {}; written by a newer version",
                                    match.tag));
        match.seen |= bit(match.tag);
    }
    const Require require{match.seen};
    detail::fields(std::as_const(record), require);
    return record;
}

template <std::size_t I = 0>
bool decode_as(std::uint8_t type,
               std::span<const std::byte> body,
               const std::function<void(Record&&)>& visit) {
    if constexpr (I < std::variant_size_v<Record>) {
        if (type != kTypes[I])
            return decode_as<I + 1>(type, body, visit);
        visit(Record(std::in_place_index<I>, decode<std::variant_alternative_t<I, Record>>(body)));
        return true;
    }
    return false;
}

} // namespace

void for_each_record(std::span<const std::byte> payload,
                     const std::function<void(Record&&)>& visit) {
    Source source(payload);
    while (!source.empty()) {
        const std::size_t offset = payload.size() - source.left();
        try {
            const std::uint8_t type = source.byte();
            const auto body = source.take(source.length());
            if (!decode_as(type, body, visit) && type < kOptional)
                throw Error(Errc::unsupported,
                            fmt::format("the unknown type {}; written by a newer version", type));
        } catch (Error& error) {
            error.add_context(fmt::format("record at byte {} of the payload", offset));
            throw;
        }
    }
}

} // namespace thinsnap::journal
