#include <spillway/kube/interned.h>

#include <atomic>
#include <mutex>
#include <unordered_set>

namespace spillway::kube {

struct Interned::Entry {
  std::string text;
  std::atomic<std::size_t> owners{1};
};

struct InternTable {
  using Entry = Interned::Entry;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
    std::size_t operator()(const Entry* entry) const {
      return (*this)(std::string_view(entry->text));
    }
  };
  struct Equal {
    using is_transparent = void;
    static std::string_view text(std::string_view value) { return value; }
    static std::string_view text(const Entry* entry) { return entry->text; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return text(a) == text(b);
    }
  };

  std::mutex mutex;  // guards `entries`, and every step of an owner count to zero
  std::unordered_set<Entry*, Hash, Equal> entries;

  // Never destroyed: values with static lifetime may still point into it while the process ends.
  static InternTable& instance() {
    static auto* table = new InternTable;
    return *table;
  }
};

Interned::Interned(std::string_view text) {
  if (text.empty()) return;
  InternTable& table = InternTable::instance();
  const std::lock_guard lock(table.mutex);
  if (const auto at = table.entries.find(text); at != table.entries.end()) {
    entry_ = *at;
    entry_->owners.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  entry_ = new Entry{.text = std::string(text)};
  table.entries.insert(entry_);
}

Interned::Interned(const Interned& other) noexcept : entry_(other.entry_) {
  if (entry_ != nullptr) entry_->owners.fetch_add(1, std::memory_order_relaxed);
}

Interned::~Interned() {
  if (entry_ == nullptr) return;
  // The last owner leaves under the lock, so that nobody can find an entry that is about to go.
  std::size_t owners = entry_->owners.load(std::memory_order_acquire);
  while (owners > 1) {
    if (entry_->owners.compare_exchange_weak(owners, owners - 1, std::memory_order_acq_rel)) return;
  }
  InternTable& table = InternTable::instance();
  const std::lock_guard lock(table.mutex);
  if (entry_->owners.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  table.entries.erase(entry_);
  delete entry_;
}

const std::string& Interned::str() const noexcept {
  static const std::string empty;
  return entry_ == nullptr ? empty : entry_->text;
}

std::size_t Interned::live_count() {
  InternTable& table = InternTable::instance();
  const std::lock_guard lock(table.mutex);
  return table.entries.size();
}

}  // namespace spillway::kube
