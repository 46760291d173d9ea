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

control::StoreConfig store_config() {
  return {.name = api::StoreName("main"),
          .s3 = {.bucket = storage::BucketName(kBucket),
                 .endpoint = ObjectStoreServer::endpoint(),
                 .addressing = storage::Addressing::kPath},
          .prefix = "training",
          .credentials = control::CredentialSource::kEnvironment};
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

std::shared_ptr<CheckpointStage> set_stage(World& world) {
  auto stage = std::make_shared<CheckpointStage>(world);
  world.submit(
      {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "spillway-system"}}}});
  CheckpointStage* behind = stage.get();
  world.operator_options().checkpoints =
      SimulatedCheckpoints{.stores = {store_config()},
                           .to_stores = [behind] { return behind->store.connect(); },
                           .to_pods = [behind] { return behind->programs.connect(); },
                           .environment = environment};
  world.keep(stage);
  stages()[&world] = stage;
  return stage;
}

std::shared_ptr<CheckpointStage> stage_of(World& world) {
  return stages().at(&world).lock();
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
