#pragma once
// Distinct types for ids and counts, so that a pool name cannot stand where a node name belongs.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace spillway {

template <class Tag>
class StrongString {
 public:
  StrongString() = default;
  explicit StrongString(std::string value) : value_(std::move(value)) {}
  explicit StrongString(std::string_view value) : value_(value) {}
  explicit StrongString(const char* value) : value_(value) {}

  [[nodiscard]] const std::string& str() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }

  friend auto operator<=>(const StrongString&, const StrongString&) = default;
  friend bool operator==(const StrongString&, const StrongString&) = default;
  friend std::ostream& operator<<(std::ostream& out, const StrongString& s) {
    return out << s.value_;
  }

 private:
  std::string value_;
};

// An integer with a meaning: counts that must not be mixed up.
template <class Tag>
class StrongInt {
 public:
  constexpr StrongInt() = default;
  constexpr explicit StrongInt(std::int64_t value) : value_(value) {}
  [[nodiscard]] constexpr std::int64_t value() const { return value_; }

  friend constexpr auto operator<=>(StrongInt, StrongInt) = default;
  friend constexpr StrongInt operator+(StrongInt a, StrongInt b) {
    return StrongInt(a.value_ + b.value_);
  }
  friend constexpr StrongInt operator-(StrongInt a, StrongInt b) {
    return StrongInt(a.value_ - b.value_);
  }
  friend constexpr StrongInt operator*(StrongInt a, std::int64_t n) {
    return StrongInt(a.value_ * n);
  }
  constexpr StrongInt& operator+=(StrongInt b) { return *this = *this + b; }
  constexpr StrongInt& operator-=(StrongInt b) { return *this = *this - b; }
  friend std::ostream& operator<<(std::ostream& out, StrongInt n) { return out << n.value_; }

 private:
  std::int64_t value_ = 0;
};

}  // namespace spillway

template <class Tag>
struct std::hash<spillway::StrongString<Tag>> {
  std::size_t operator()(const spillway::StrongString<Tag>& s) const noexcept {
    return std::hash<std::string>{}(s.str());
  }
};
