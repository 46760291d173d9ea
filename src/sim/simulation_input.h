#pragma once
// What a user gave to be simulated, understood and checked before anything runs.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/api/capacity_pool.h>
#include <spillway/api/training_job.h>
#include <spillway/sim/simulation.h>

namespace spillway::sim {

// When something happens: an instant, or so long after the start.
struct When {
  std::optional<Instant> at;
  Duration after{};
  [[nodiscard]] Instant from(Instant start) const { return at ? *at : start + after; }
};

struct ScenePool {
  api::CapacityPool pool;
  nlohmann::json object;
  Duration provisioning{};
  Duration idle_removal{};
  Duration notice{};  // before a node is taken; zero: none
};

struct SceneObject {
  std::string who;  // "jobs.yaml, document 2: TrainingJob team-a/train"
  nlohmann::json object;
  When submit;
  std::optional<Duration> delete_after;
  std::optional<Duration> deadline_after;
  std::optional<api::TrainingJob> job;  // when it is one
};

struct Scene {
  std::vector<ScenePool> pools;
  // Those that workloads are in, as given or by name alone: a user's cluster has them already.
  std::map<std::string, nlohmann::json> namespaces;
  std::vector<SceneObject> objects;  // workloads
  std::vector<std::string> notes;
};

// kInvalidArgument names the source, the object and the field, and says what to write instead.
Result<Scene> read_scene(const std::vector<Manifest>& manifests);

}  // namespace spillway::sim
