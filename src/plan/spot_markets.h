#pragma once
// Markets that many jobs are decided in, listed once for a round of a pass and prepared again only
// where the list has changed. Within a round pools may fill up: whoever asks says which offers are
// closed to it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include <spillway/plan/spot_policy.h>

#include "catalogue.h"

namespace spillway::plan {

struct SpotAnswer {
  SpotMove move = SpotMove::kStay;
  const Offer* offer = nullptr;  // of a launch: has room for all of it
};

class SpotMarketCache {
 public:
  struct Key {
    std::size_t kind = 0;
    std::int64_t replicas = 0;
    HourlyRate max_rate;  // zero: none
    Duration changeover{};
    std::size_t on_demand = 0;  // pool that stands behind
    bool on_demand_available = false;
    std::size_t spot = 0;  // pool that the jobs run in; the largest number: none
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      std::size_t hash = key.kind;
      for (const std::size_t part : {static_cast<std::size_t>(key.replicas), key.on_demand,
                                     key.spot, static_cast<std::size_t>(key.changeover.count()),
                                     std::size_t{key.on_demand_available ? 1U : 0U}})
        hash = hash * 0x100000001b3ULL + part;
      return hash ^ hash >> 32U;
    }
  };
  // An offer, and whether it had room when the round began to look at this market.
  struct Listed {
    const Offer* offer = nullptr;
    bool may_launch = false;
    friend bool operator==(const Listed&, const Listed&) = default;
  };
  struct Entry {
    std::uint64_t round = 0;  // that `offers` is from
    std::uint64_t id = 0;     // of the view
    std::vector<Listed> offers;
    std::optional<SpotMarketView> view;
  };
  Entry& at(const Key& key) { return entries_[key]; }
  [[nodiscard]] std::uint64_t round() const { return round_; }
  void next_round() { ++round_; }
  std::uint64_t next_id() { return ++ids_; }

  // What a job was answered last: as long as nothing of the question changes it need not be asked
  // again.
  struct Memo {
    std::uint64_t market = 0;  // id of the view; 0: never asked
    std::uint32_t closed = 0;  // offers, as bits
    Footing footing = Footing::kNothing;
    SpotAnswer answer;
  };
  Memo& memo(std::size_t job) {
    if (memos_.size() <= job) memos_.resize(job + 1);
    return memos_[job];
  }

 private:
  std::unordered_map<Key, Entry, KeyHash> entries_;  // their addresses are stable
  std::vector<Memo> memos_;
  std::uint64_t round_ = 0;
  std::uint64_t ids_ = 0;
};

}  // namespace spillway::plan
