#pragma once
// What the stories are told with.

#include <optional>
#include <string>
#include <vector>

#include <spillway/control/world.h>

#include "scenarios.h"

namespace spillway::sim {

using Problems = std::vector<std::string>;

inline void expect(Problems& problems, bool holds, const std::string& otherwise) {
  if (!holds) problems.push_back(otherwise);
}
inline void expect_equal(Problems& problems, const std::string& what, const std::string& found,
                         const std::string& wanted) {
  expect(problems, found == wanted, what + " is \"" + found + "\" instead of \"" + wanted + "\"");
}
// Of a TrainingJob in the namespace "default"; 0 when it never had one.
int attempt_of(World& world, const std::string& name);
// The TrainingJob "train" has succeeded, in so many attempts where that is told.
Problems succeeded(World& world, std::optional<int> attempts = std::nullopt);
// A node of the pool that pods of ours are on goes, if there is one.
void take_node_of(World& world, const std::string& pool);
// Of all services: their pods that are ready and stay.
std::vector<Object> serving(World& world);
// Two spot zones, on demand above them; spot-a is the cheapest.
void usual_market(World& world);

std::vector<Scenario> training_scenarios();
std::vector<Scenario> loss_scenarios();
std::vector<Scenario> inference_scenarios();
std::vector<Scenario> serving_scenarios();
std::vector<Scenario> off_hours_scenarios();
std::vector<Scenario> off_switch_scenarios();

}  // namespace spillway::sim
