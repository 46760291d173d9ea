#pragma once
// Where our bought accelerators are, so that among equals the choice falls where we have fewest:
// one zone's bad hour must not take everything.

#include <cstddef>
#include <cstdint>
#include <vector>

#include <spillway/plan/snapshot.h>

namespace spillway::plan {

class Exposure {
 public:
  explicit Exposure(const Snapshot& snapshot);
  void add(std::size_t pool, std::int64_t accelerators) {
    by_pool_[pool] += accelerators;
    by_zone_[zone_[pool]] += accelerators;
  }
  [[nodiscard]] std::int64_t in_pool(std::size_t pool) const { return by_pool_[pool]; }
  [[nodiscard]] std::int64_t in_zone_of(std::size_t pool) const { return by_zone_[zone_[pool]]; }
  [[nodiscard]] std::size_t zone_of(std::size_t pool) const { return zone_[pool]; }

 private:
  std::vector<std::size_t> zone_;
  std::vector<std::int64_t> by_pool_;
  std::vector<std::int64_t> by_zone_;
};

}  // namespace spillway::plan
