#pragma once
// What stories with checkpoints play on: an object store, and programs that save and resume.

#include <memory>

#include <spillway/sim/object_store_server.h>
#include <spillway/sim/saving_programs.h>

#include "scenario_parts.h"

namespace spillway::sim {

inline const std::string kBucket = "checkpoints";

struct CheckpointStage {
  explicit CheckpointStage(World& world);
  ObjectStoreServer store;
  SavingPrograms programs;

  // The manifests that are there, by key.
  [[nodiscard]] std::vector<std::string> manifests() const;
};

// Sets the stage for the operator to come. The world keeps it.
std::shared_ptr<CheckpointStage> set_stage(World& world);
// The stage that was set last: stories are told one at a time.
std::shared_ptr<CheckpointStage> stage_of(World& world);

// Two ranks on one node each of "H100", two hours of work in 7,200 steps, saved every 15 minutes.
nlohmann::json saving_job(const nlohmann::json& spec = nlohmann::json::object());
// The taint and the annotations that the node agent leaves.
void give_notice(World& world, const std::string& node, Duration until_the_end);
void take_notice_back(World& world, const std::string& node);
// The node on which a rank of the job runs now; empty when none does.
std::string node_of_rank(World& world, int rank = 0);

std::vector<Scenario> checkpoint_scenarios();
std::vector<Scenario> deletion_scenarios();

}  // namespace spillway::sim
