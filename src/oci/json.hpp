#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace thinsnap::oci {

/// Sizes that no honest index, manifest or config comes near.
inline constexpr std::uint64_t kMaxJsonBytes = std::uint64_t{8} << 20U;
inline constexpr std::size_t kMaxJsonDepth = 64;
inline constexpr std::size_t kMaxJsonValues = 1'000'000;

/// A JSON value that came with an image. What it says is taken out by accessors that throw
/// Error(corrupt) naming the member, what was expected and what is there.
///
/// A member that is null counts as absent, as in the Go programs that write these files.
class Json {
public:
    using Array = std::vector<Json>;
    using Object = std::vector<std::pair<std::string, Json>>;
    struct Other {}; ///< a fraction or a negative number: nothing here has use for one
    using Value =
        std::variant<std::monostate, bool, std::uint64_t, Other, std::string, Array, Object>;

    Json() = default;
    explicit Json(Value value)
        : value_(std::move(value)) {}

    /// \throws Error(corrupt)  no JSON (with the offset), too long, too deep, too many values, or
    ///                         two members of one name
    [[nodiscard]] static Json parse(std::string_view text);

    [[nodiscard]] bool is_object() const { return std::holds_alternative<Object>(value_); }
    [[nodiscard]] bool is_array() const { return std::holds_alternative<Array>(value_); }

    /// Of the value itself; `what` names it in the error.
    [[nodiscard]] const std::string& as_text(std::string_view what) const;
    [[nodiscard]] const Array& as_array(std::string_view what) const;
    [[nodiscard]] const Object& as_object(std::string_view what) const;

    /// A member of an object; null when it is absent. \throws Error(corrupt) no object
    [[nodiscard]] const Json* find(std::string_view key) const;
    [[nodiscard]] const Json& member(std::string_view key) const;

    [[nodiscard]] const std::string& text(std::string_view key) const;
    [[nodiscard]] std::uint64_t number(std::string_view key) const;
    [[nodiscard]] const Array& array(std::string_view key) const;

    /// The same; absent: empty, false.
    [[nodiscard]] std::string text_or_empty(std::string_view key) const;
    [[nodiscard]] const Array& array_or_empty(std::string_view key) const;
    [[nodiscard]] bool flag(std::string_view key) const;

private:
    [[nodiscard]] std::string_view kind() const;

    Value value_;
};

} // namespace thinsnap::oci
