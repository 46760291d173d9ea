#pragma once
// Stories that every matrix is run over: what is there, what happens when, and how it has to end.

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/sim/end_state.h>
#include <spillway/sim/world.h>

namespace spillway::sim {

struct TrainingPlan {
  std::string name = "train";
  int replicas = 2;
  int per_replica = 4;
  int run_seconds = 1800;
  nlohmann::json spec = nlohmann::json::object();  // laid over
};
nlohmann::json training_job(const TrainingPlan& plan);

struct InferencePlan {
  std::string name = "serve";
  int replicas = 1;
  int per_replica = 4;
  nlohmann::json spec = nlohmann::json::object();
};
nlohmann::json inference_pool(const InferencePlan& plan);

struct Scenario {
  std::string name;
  std::function<void(World&)> prepare;  // before the operator starts
  std::function<void(World&)>
      script;             // asks for what happens later (world.time().after) and returns
  Duration duration;      // after this everything is quiet
  bool in_steps = false;  // replicas end together or one by one, as their successors are seen to be
                          // ready: how often their Deployment was scaled says nothing
  std::function<std::vector<std::string>(World&)>
      expectations;  // what is not as it has to be at the end

  // Nodes that were taken from us, as the pools have it in their books. A crash may forget one that
  // our pods had left in time: only undisturbed runs are held to it.
  std::optional<std::int64_t> nodes_lost = std::nullopt;

  // Where a word has to be acted on at once: how the story ends, as rightly, when nobody was there
  // to hear it. Only runs in which the operator cannot act for `after` may end so, and then so in
  // every detail.
  struct Unheard {
    Duration after{};
    std::function<void(World&)> script;  // the same, without the word
    std::function<std::vector<std::string>(World&)> expectations;
  };
  std::optional<Unheard> unheard = std::nullopt;
};
// The story of which nobody heard.
Scenario as_unheard(const Scenario& scenario);

inline void PrintTo(const Scenario& scenario, std::ostream* out) {
  *out << scenario.name;
}

const std::vector<Scenario>& scenarios();

struct Outcome {
  EndState end;
  std::vector<WriteRecord> writes;            // of the operator, without Events
  std::vector<std::string> broken;            // invariants, requests that nobody knows
  std::vector<std::string> problems;          // these, and expectations
  std::vector<std::string> problems_unheard;  // with the expectations of the unheard ending
  std::uint64_t crashes = 0;
  std::size_t writes_in_quiet_hour = 0;  // Events included
  std::int64_t nodes_lost = 0;           // status.interruptionsLastDay of all pools
};
// What happens to a run: asked for before the story begins.
using Arrangement = std::function<void(World&)>;
// How the story ended otherwise than it does undisturbed.
std::vector<std::string> differences_in(const Scenario& scenario, const EndState& undisturbed,
                                        const EndState& found);
// Runs a story to its end and an hour beyond.
Outcome run(const Scenario& scenario, const Arrangement& arrange = {}, std::uint64_t seed = 1);

}  // namespace spillway::sim
