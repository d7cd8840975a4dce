#include "oci/json.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include <thinsnap/error.hpp>

#include "base/in_quotes.hpp"

namespace thinsnap::oci {

namespace {

Error bad_json(std::string text) {
    return {Errc::corrupt, std::move(text)};
}

/// Receives the values in the order of the text and puts the tree together. The names of its
/// functions are nlohmann's.
class Builder {
public:
    bool null() { return add(Json()); }
    bool boolean(bool value) { return add(Json(value)); }
    bool number_integer(nlohmann::json::number_integer_t /*value*/) {
        return add(Json(Json::Other()));
    }
    bool number_unsigned(nlohmann::json::number_unsigned_t value) {
        return add(Json(std::uint64_t{value}));
    }
    bool number_float(nlohmann::json::number_float_t /*value*/,
                      const nlohmann::json::string_t& /*text*/) {
        return add(Json(Json::Other()));
    }
    bool string(nlohmann::json::string_t& value) { return add(Json(std::move(value))); }
    bool binary(nlohmann::json::binary_t& /*value*/) { return false; } // never in a text
    bool start_object(std::size_t /*size*/) { return open(true); }
    bool key(nlohmann::json::string_t& value) {
        open_.back().key = std::move(value);
        return true;
    }
    bool end_object() { return close(); }
    bool start_array(std::size_t /*size*/) { return open(false); }
    bool end_array() { return close(); }
    [[noreturn]] bool parse_error(std::size_t position,
                                  const std::string& /*token*/,
                                  const nlohmann::json::exception& /*error*/) {
        throw bad_json(fmt::format("it is no JSON at byte {}", position));
    }

    [[nodiscard]] Json take() { return std::move(root_); }

private:
    struct Level {
        bool is_object = false;
        std::string key;
        Json::Array array{};
        Json::Object object{};
    };

    bool open(bool is_object) {
        if (open_.size() == kMaxJsonDepth)
            throw bad_json(fmt::format("its JSON is nested deeper than {} levels", kMaxJsonDepth));
        open_.push_back({is_object, {}});
        return true;
    }

    bool close() {
        Level level = std::move(open_.back());
        open_.pop_back();
        if (!level.is_object)
            return add(Json(std::move(level.array)));
        // Sorted: members are found by bisection, and a name that is there twice shows.
        std::ranges::sort(level.object, {}, &Json::Object::value_type::first);
        const auto twice =
            std::ranges::adjacent_find(level.object, {}, &Json::Object::value_type::first);
        if (twice != level.object.end())
            throw bad_json(
                fmt::format("its JSON has {} twice in one object", in_quotes(twice->first)));
        return add(Json(std::move(level.object)));
    }

    bool add(Json value) {
        if (++count_ > kMaxJsonValues)
            throw bad_json(fmt::format("its JSON has more than {} values", kMaxJsonValues));
        if (open_.empty())
            root_ = std::move(value);
        else if (open_.back().is_object)
            open_.back().object.emplace_back(std::move(open_.back().key), std::move(value));
        else
            open_.back().array.push_back(std::move(value));
        return true;
    }

    Json root_;
    std::vector<Level> open_;
    std::size_t count_ = 0;
};

} // namespace

Json Json::parse(std::string_view text) {
    if (text.size() > kMaxJsonBytes)
        throw bad_json(fmt::format(
            "its JSON has {} bytes, more than the {} allowed", text.size(), kMaxJsonBytes));
    Builder builder;
    nlohmann::json::sax_parse(text, &builder);
    return builder.take();
}

std::string_view Json::kind() const {
    static constexpr std::array<std::string_view, 7> kKinds{
        "null", "true or false", "a number", "a number", "text", "an array", "an object"};
    return kKinds.at(value_.index());
}

const std::string& Json::as_text(std::string_view what) const {
    if (const auto* text = std::get_if<std::string>(&value_))
        return *text;
    throw bad_json(fmt::format("{}: expected text, found {}", what, kind()));
}

const Json::Array& Json::as_array(std::string_view what) const {
    if (const auto* array = std::get_if<Array>(&value_))
        return *array;
    throw bad_json(fmt::format("{}: expected an array, found {}", what, kind()));
}

const Json::Object& Json::as_object(std::string_view what) const {
    if (const auto* object = std::get_if<Object>(&value_))
        return *object;
    throw bad_json(fmt::format("{}: expected an object, found {}", what, kind()));
}

const Json* Json::find(std::string_view key) const {
    const Object& object = as_object("the value with the member " + std::string(key));
    const auto at = std::ranges::lower_bound(
        object, key, {}, [](const auto& member) { return std::string_view(member.first); });
    if (at == object.end() || at->first != key ||
        std::holds_alternative<std::monostate>(at->second.value_))
        return nullptr;
    return &at->second;
}

const Json& Json::member(std::string_view key) const {
    if (const Json* value = find(key))
        return *value;
    throw bad_json(fmt::format("{} is missing", key));
}

const std::string& Json::text(std::string_view key) const {
    return member(key).as_text(key);
}

std::uint64_t Json::number(std::string_view key) const {
    const Json& value = member(key);
    if (const auto* number = std::get_if<std::uint64_t>(&value.value_))
        return *number;
    throw bad_json(fmt::format("{}: expected a whole number, found {}", key, value.kind()));
}

const Json::Array& Json::array(std::string_view key) const {
    return member(key).as_array(key);
}

std::string Json::text_or_empty(std::string_view key) const {
    const Json* value = find(key);
    return value == nullptr ? std::string() : value->as_text(key);
}

const Json::Array& Json::array_or_empty(std::string_view key) const {
    static const Array kEmpty;
    const Json* value = find(key);
    return value == nullptr ? kEmpty : value->as_array(key);
}

bool Json::flag(std::string_view key) const {
    const Json* value = find(key);
    if (value == nullptr)
        return false;
    if (const auto* flag = std::get_if<bool>(&value->value_))
        return *flag;
    throw bad_json(fmt::format("{}: expected true or false, found {}", key, value->kind()));
}

} // namespace thinsnap::oci
