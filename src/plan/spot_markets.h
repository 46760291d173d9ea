#pragma once
// Markets that many jobs are decided in, made once for a round of a pass. Within a round pools may
// fill up: whoever asks says which offers are closed to it.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include <spillway/plan/spot_policy.h>

#include "catalogue.h"

namespace spillway::plan {

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
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Entry {
    std::vector<const Offer*> offers;  // as in the view's market
    std::optional<SpotMarketView> view;
  };
  Entry& at(const Key& key) { return entries_[key]; }
  void clear() { entries_.clear(); }

 private:
  std::map<Key, Entry> entries_;
};

}  // namespace spillway::plan
