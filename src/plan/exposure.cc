#include "exposure.h"

#include <map>
#include <tuple>

namespace spillway::plan {

Exposure::Exposure(const Snapshot& snapshot) : by_pool_(snapshot.pools.size()) {
  std::map<std::tuple<std::string_view, std::string_view, std::string_view>, std::size_t> zones;
  zone_.reserve(snapshot.pools.size());
  for (const Pool& pool : snapshot.pools) {
    const auto key = std::tuple<std::string_view, std::string_view, std::string_view>(
        pool.location.provider, pool.location.region.str(), pool.location.zone.str());
    zone_.push_back(zones.try_emplace(key, zones.size()).first->second);
  }
  by_zone_.resize(zones.size());
}

}  // namespace spillway::plan
