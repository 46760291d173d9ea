#include "checkpoint_stage.h"

#include <map>

#include <spillway/api/agent_protocol.h>

namespace spillway::sim {
namespace {

using nlohmann::json;
namespace mark = api::agent::node_mark;

std::map<World*, std::weak_ptr<CheckpointStage>>& stages() {
  static std::map<World*, std::weak_ptr<CheckpointStage>> all;
  return all;
}

control::StoreConfig store_config(StoreAccess access) {
  return {.name = api::StoreName("main"),
          .s3 = {.bucket = storage::BucketName(kBucket),
                 .endpoint = ObjectStoreServer::endpoint(),
                 .addressing = storage::Addressing::kPath},
          .prefix = "training",
          .credentials = access == StoreAccess::kKey ? control::CredentialSource::kEnvironment
                                                     : control::CredentialSource::kWorkload};
}

const char* environment(const char* name) {
  if (std::string_view(name) == "AWS_ACCESS_KEY_ID") return "SIMULATED";
  return std::string_view(name) == "AWS_SECRET_ACCESS_KEY" ? "simulated" : nullptr;
}

}  // namespace

CheckpointStage::CheckpointStage(World& world)
    : store(world.time()),
      programs(world.time(), world.server(), world.kubelets(), store,
               {.bucket = kBucket, .save_time = std::chrono::seconds(40)}) {
  store.make_bucket(kBucket);
}

std::vector<std::string> CheckpointStage::manifests() const {
  std::vector<std::string> keys;
  for (const auto& [key, object] : store.objects(kBucket)) {
    if (key.find("/MANIFEST") != std::string::npos) keys.push_back(key);
  }
  return keys;
}

std::shared_ptr<CheckpointStage> set_stage(World& world, StoreAccess access) {
  auto stage = std::make_shared<CheckpointStage>(world);
  if (access == StoreAccess::kWebIdentity)
    stage->identity = std::make_unique<IdentityService>(world.time(), stage->store);
  world.submit(
      {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "spillway-system"}}}});
  CheckpointStage* behind = stage.get();
  world.operator_options().checkpoints = SimulatedCheckpoints{
      .stores = {store_config(access)},
      .to_stores =
          [behind] {
            return behind->identity ? behind->identity->connect() : behind->store.connect();
          },
      .to_pods = [behind] { return behind->programs.connect(); },
      .environment = environment};
  if (stage->identity) {
    world.operator_options().checkpoints->environment = [behind](const char* name) {
      return behind->identity->variable(name);
    };
  }
  world.keep(stage);
  stages()[&world] = stage;
  return stage;
}

std::shared_ptr<CheckpointStage> stage_of(World& world) {
  return stages().at(&world).lock();
}

std::vector<std::string> broken_checkpoints(World& world) {
  const auto found = stages().find(&world);
  const auto stage = found == stages().end() ? nullptr : found->second.lock();
  return stage ? stage->programs.violations() : std::vector<std::string>();
}

json saving_job(const json& spec) {
  json job = training_job({.replicas = 2, .per_replica = 8});
  job["spec"]["template"]["metadata"].erase("annotations");  // the program is the stage's
  job["spec"]["duration"] = "2h";
  job["spec"]["totalSteps"] = 7200;
  job["spec"]["checkpoint"] = {{"store", "main"},   {"format", "Manifest"},
                               {"mode", "Agent"},   {"directory", "/checkpoints"},
                               {"interval", "15m"}, {"trigger", {{"signal", "SIGUSR1"}}},
                               {"worldSize", 2}};
  job["spec"].merge_patch(spec);
  return job;
}

void give_notice(World& world, const std::string& node, Duration until_the_end) {
  if (node.empty()) return;
  world.patch(kube::kNodes, node,
              {{"metadata",
                {{"annotations",
                  {{mark::kDeadline, format_instant(world.time().now() + until_the_end)},
                   {mark::kSource, "aws-metadata"}}}}},
               {"spec",
                {{"taints", json::array({{{"key", "nvidia.com/gpu"}, {"effect", "NoSchedule"}},
                                         {{"key", mark::kTaint},
                                          {"value", mark::kKindInterruption},
                                          {"effect", mark::kEffect}}})}}}});
}

void take_notice_back(World& world, const std::string& node) {
  if (!world.find(kube::kNodes, node)) return;
  world.patch(
      kube::kNodes, node,
      {{"metadata", {{"annotations", {{mark::kDeadline, nullptr}, {mark::kSource, nullptr}}}}},
       {"spec",
        {{"taints", json::array({{{"key", "nvidia.com/gpu"}, {"effect", "NoSchedule"}}})}}}});
}

void market_of_checkpoints(World& world) {
  usual_market(world);
  world.set_spot("spot-b", "9.00");
}

Act at_forty_minutes(Act act) {
  return [act = std::move(act)](World& world) {
    world.submit(saving_job());
    world.time().after(std::chrono::minutes(40), [&world, act] { act(world); });
  };
}

Scenario checkpoint_story(std::string name, Act act, std::function<Problems(World&)> expectations) {
  return {.name = std::move(name),
          .prepare =
              [](World& world) {
                set_stage(world);
                market_of_checkpoints(world);
              },
          .script = at_forty_minutes(std::move(act)),
          .duration = std::chrono::hours(5),
          .expectations = std::move(expectations)};
}

Problems work_is_done(World& world, std::int64_t attempts) {
  Problems problems = succeeded(world, static_cast<int>(attempts));
  const auto& runs = stage_of(world)->programs.runs();
  expect(problems, !runs.empty() && runs.back().to_step == 7200, "the last step was not reached");
  return problems;
}

std::int64_t steps_redone(World& world) {
  const auto& runs = stage_of(world)->programs.runs();
  if (runs.size() < 2) return 0;
  return runs[runs.size() - 2].to_step - runs.back().from_step;
}

std::function<Problems(World&)> done_again_at_most(std::int64_t steps, std::int64_t attempts) {
  return [steps, attempts](World& world) {
    Problems problems = work_is_done(world, attempts);
    expect(problems, steps_redone(world) <= steps,
           std::to_string(steps_redone(world)) + " steps were done again");
    return problems;
  };
}

Scenario with_notice(Scenario story, const NoticePlan& plan) {
  const auto told = [plan](bool with_a_word) {
    return [plan, with_a_word](World& world) {
      world.submit(saving_job());
      plan.before(world);
      world.time().after(plan.at, [&world, plan, with_a_word] {
        const std::string node = node_of_rank(world);
        if (with_a_word) give_notice(world, node, plan.length);
        plan.beside(world);
        world.time().after(plan.length, [&world, node] { world.nodes().remove_node(node); });
      });
    };
  };
  story.script = told(true);
  story.nodes_lost = 1;
  story.unheard = Scenario::Unheard{.after = plan.missed_after,
                                    .script = told(false),
                                    .expectations = done_again_at_most(1000, plan.attempts)};
  return story;
}

std::string node_of_rank(World& world, int rank) {
  for (const auto& [key, pod] : world.server().all(kube::kPods)) {
    const json metadata = pod->at("metadata");
    const std::string index = metadata.value("annotations", json::object())
                                  .value("batch.kubernetes.io/job-completion-index", "");
    if (index == std::to_string(rank) && pod->value("/status/phase"_json_pointer, "") == "Running")
      return pod->at("spec").at("nodeName");
  }
  return "";
}

}  // namespace spillway::sim
