#pragma once
// How the spot share of a service is spread so that losing everything in any one zone leaves
// enough: of all ways to do it the cheapest. More zones need fewer spare replicas and may be
// dearer; on-demand needs none. Pure values.
//
// With x_z replicas on spot in zone z and d on on-demand the share stands when
//     d + sum(x) >= share              and, whatever zone goes,
//     d + sum(x) - max(x) >= share - slack
// For a given largest zone m the cheapest is to fill places in order of cost, none of their zones
// above m, until m + share - slack are there; so the few values of m are tried.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace spillway::plan {

// Replicas of one cost per useful hour that can be had, or are held, in one place.
struct Places {
  static constexpr std::size_t kOnDemand = static_cast<std::size_t>(-1);
  std::size_t pool = 0;          // of spot
  std::size_t zone = kOnDemand;  // kOnDemand: no zone takes it away
  std::int64_t replicas = 0;     // at most
  double cost = 0;
};

struct SpreadGoal {
  std::int64_t share = 0;  // replicas that serve on a good day
  std::int64_t slack = 0;  // of them may be missing after a zone was lost
  std::int64_t spare = 0;  // further ones on spot, as far as there are places
};

// What is missing of either inequality above with these numbers, on on-demand or anywhere else.
std::int64_t missing_for(const SpreadGoal& goal, std::int64_t total, std::int64_t largest_zone);

// How many replicas to take of each of the places, in their order. Equal costs: the earlier place
// first, the smaller largest zone first.
std::vector<std::int64_t> cheapest_spread(const SpreadGoal& goal,
                                          const std::vector<Places>& places);

}  // namespace spillway::plan
