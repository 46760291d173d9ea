#pragma once
// Strings that repeat across thousands of objects (node names, label keys and values, reasons),
// stored once.

#include <compare>
#include <cstddef>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace spillway::kube {

// An immutable string of pointer size. Equal texts share one allocation in a process-wide,
// mutex-guarded table, and the last owner frees it, so the table never outgrows what is alive.
// Copies may be used on any thread. Ordered by text.
class Interned {
 public:
  Interned() = default;  // the empty string: no allocation
  explicit Interned(std::string_view text);
  Interned(const Interned& other) noexcept;
  Interned(Interned&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
  Interned& operator=(Interned other) noexcept {
    std::swap(entry_, other.entry_);
    return *this;
  }
  ~Interned();

  [[nodiscard]] const std::string& str() const noexcept;
  [[nodiscard]] std::string_view view() const noexcept { return str(); }
  [[nodiscard]] bool empty() const noexcept { return entry_ == nullptr; }

  // One entry a text: the address decides equality.
  friend bool operator==(const Interned& a, const Interned& b) noexcept {
    return a.entry_ == b.entry_;
  }
  friend std::strong_ordering operator<=>(const Interned& a, const Interned& b) noexcept {
    return a.entry_ == b.entry_ ? std::strong_ordering::equal : a.view() <=> b.view();
  }
  friend bool operator==(const Interned& a, std::string_view b) noexcept { return a.view() == b; }
  friend std::ostream& operator<<(std::ostream& out, const Interned& text) {
    return out << text.view();
  }

  // How many different texts are alive: a figure for tests and metrics.
  static std::size_t live_count();

 private:
  struct Entry;
  friend struct InternTable;
  Entry* entry_ = nullptr;
};

}  // namespace spillway::kube

template <>
struct std::hash<spillway::kube::Interned> {
  std::size_t operator()(const spillway::kube::Interned& text) const noexcept {
    return std::hash<const void*>{}(&text.str());
  }
};
