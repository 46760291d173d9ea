#pragma once
// Reading of fields from the API server's JSON with one error for the first thing that does not
// fit, named by its path.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include <spillway/core/result.h>
#include <spillway/core/text.h>
#include <spillway/core/time.h>

namespace spillway::kube {

// A view of one JSON value that may be absent; absent members read as defaults. Readers live on the
// stack below their parents (the path of an error is walked upwards).
class JsonReader {
 public:
  JsonReader(const nlohmann::json& root, std::optional<Error>& error)
      : value_(&root), error_(error) {}

  [[nodiscard]] bool present() const { return value_ != nullptr; }

  [[nodiscard]] JsonReader at(std::string_view key) const {
    return {member(key), key, this, error_};
  }

  [[nodiscard]] std::string_view text(std::string_view key) const {
    const nlohmann::json* found = member(key);
    if (found == nullptr) return {};
    if (const auto* text = found->get_ptr<const std::string*>()) return *text;
    complain(key, "a string");
    return {};
  }
  [[nodiscard]] std::int64_t integer(std::string_view key, std::int64_t absent = 0) const {
    const nlohmann::json* found = member(key);
    if (found == nullptr) return absent;
    if (found->is_number_integer()) return found->get<std::int64_t>();
    complain(key, "an integer");
    return absent;
  }
  [[nodiscard]] std::int32_t integer32(std::string_view key, std::int32_t absent = 0) const {
    const std::int64_t wide = integer(key, absent);
    if (wide >= INT32_MIN && wide <= INT32_MAX) return static_cast<std::int32_t>(wide);
    complain(key, "a 32-bit integer");
    return absent;
  }
  [[nodiscard]] bool flag(std::string_view key) const {
    const nlohmann::json* found = member(key);
    if (found == nullptr) return false;
    if (found->is_boolean()) return found->get<bool>();
    complain(key, "true or false");
    return false;
  }
  [[nodiscard]] std::optional<Instant> instant(std::string_view key) const {
    const std::string_view written = text(key);
    if (written.empty()) return std::nullopt;
    if (auto parsed = parse_instant(written)) return *parsed;
    complain(key, "an RFC 3339 time");
    return std::nullopt;
  }
  template <class Visit>  // Visit: void(const JsonReader& element)
  void each(std::string_view key, Visit visit) const {
    const nlohmann::json* found = member(key);
    if (found == nullptr) return;
    if (!found->is_array()) return complain(key, "a list");
    for (const nlohmann::json& element : *found)
      visit(JsonReader(&element, key, this, error_));
  }
  template <class Visit>  // Visit: void(const std::string& name, std::string_view value)
  void each_text(std::string_view key, Visit visit) const {
    const nlohmann::json* found = member(key);
    if (found == nullptr) return;
    if (!found->is_object()) return complain(key, "an object");
    for (const auto& [name, value] : found->items()) {
      if (!value.is_string()) return complain(key, "an object of strings");
      visit(name, std::string_view(value.get_ref<const std::string&>()));
    }
  }
  // A value of this object that is not as it has to be.
  void complain(std::string_view key, std::string_view expected) const {
    if (error_) return;
    error_ = Error{.code = ErrorCode::kInvalidArgument,
                   .message = path() + std::string(key) + " has to be " + std::string(expected)};
  }
  [[nodiscard]] const nlohmann::json* member(std::string_view key) const {
    if (value_ == nullptr) return nullptr;
    if (!value_->is_object()) {
      complain("", "an object");
      return nullptr;
    }
    const auto found = value_->find(key);
    return found == value_->end() || found->is_null() ? nullptr : &*found;
  }

 private:
  JsonReader(const nlohmann::json* value, std::string_view name, const JsonReader* parent,
             std::optional<Error>& error)
      : value_(value), name_(name), parent_(parent), error_(error) {}

  [[nodiscard]] std::string path() const {
    return parent_ == nullptr ? std::string() : parent_->path() + std::string(name_) + ".";
  }

  const nlohmann::json* value_;
  std::string_view name_;
  const JsonReader* parent_ = nullptr;
  std::optional<Error>& error_;
};

}  // namespace spillway::kube
