#pragma once
// What stories with checkpoints play on: an object store, and programs that save and resume.

#include <memory>

#include <spillway/sim/object_store_server.h>
#include <spillway/sim/saving_programs.h>

#include "identity_service.h"
#include "scenario_parts.h"

namespace spillway::sim {

inline const std::string kBucket = "checkpoints";

struct CheckpointStage {
  explicit CheckpointStage(World& world);
  ObjectStoreServer store;
  SavingPrograms programs;
  std::unique_ptr<IdentityService> identity;  // where the operator has to ask for its credentials

  // The manifests that are there, by key.
  [[nodiscard]] std::vector<std::string> manifests() const;
};

enum class StoreAccess { kKey, kWebIdentity };
// Sets the stage for the operator to come. The world keeps it.
std::shared_ptr<CheckpointStage> set_stage(World& world, StoreAccess access = StoreAccess::kKey);
// The stage that was set last: stories are told one at a time.
std::shared_ptr<CheckpointStage> stage_of(World& world);

// What must never happen to a checkpoint and did; nothing where no stage is set.
std::vector<std::string> broken_checkpoints(World& world);

// Two ranks on one node each of "H100", two hours of work in 7,200 steps, saved every 15 minutes.
nlohmann::json saving_job(const nlohmann::json& spec = nlohmann::json::object());
// The taint and the annotations that the node agent leaves.
void give_notice(World& world, const std::string& node, Duration until_the_end);
void take_notice_back(World& world, const std::string& node);
// The node on which a rank of the job runs now; empty when none does.
std::string node_of_rank(World& world, int rank = 0);

// The usual market with the zones closer together: which one is taken is a matter of cents.
void market_of_checkpoints(World& world);
// Submits the job, and lets something happen ten minutes after its second checkpoint.
using Act = std::function<void(World&)>;
Act at_forty_minutes(Act act);
Scenario checkpoint_story(std::string name, Act act, std::function<Problems(World&)> expectations);

// What holds of every story with checkpoints: the work is done.
Problems work_is_done(World& world, std::int64_t attempts);
// Of the last resume: the steps between where the attempt before it ended and where it began.
std::int64_t steps_redone(World& world);
// work_is_done(), with at most so many of them.
std::function<Problems(World&)> done_again_at_most(std::int64_t steps, std::int64_t attempts = 2);

// The node of the first rank goes after a notice; whoever cannot act for `missed_after` loses it
// without a word, as far as he can tell.
struct NoticePlan {
  Duration at = std::chrono::minutes(40);
  Duration length = std::chrono::seconds(120);
  Duration missed_after = std::chrono::minutes(1);
  std::int64_t attempts = 2;
  Act before = [](World&) {};  // at the start of the story
  Act beside = [](World&) {};  // with the notice, told or not
};
// Gives the story its script and its unheard ending.
Scenario with_notice(Scenario story, const NoticePlan& plan);

std::vector<Scenario> checkpoint_scenarios();
std::vector<Scenario> deletion_scenarios();
std::vector<Scenario> resume_scenarios();
std::vector<Scenario> replica_scenarios();

}  // namespace spillway::sim
