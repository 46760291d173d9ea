#include <spillway/kube/types.h>

#include "kube_fixture.h"

namespace spillway::kube {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

template <class T = Pod>
T read(const json& object) {
  auto result = T::from_json(object);
  if (!result) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

json pod_json(const json& spec, const json& status = json::object()) {
  json pod = object_json("trainer-0", "7");
  pod["spec"] = spec;
  pod["status"] = status;
  return pod;
}
json container(const char* cpu, const char* gpus = nullptr) {
  json requests = {{"cpu", cpu}, {"memory", "1Gi"}};
  if (gpus != nullptr) requests["nvidia.com/gpu"] = gpus;
  return {{"name", "main"}, {"resources", {{"requests", requests}}}};
}
json sidecar(const char* cpu) {
  json made = container(cpu);
  made["name"] = "sync";
  made["restartPolicy"] = "Always";
  return made;
}
std::int64_t cpu_of(const json& spec) {
  return read(pod_json(spec)).requests.cpu.value();
}
Instant instant(const char* text) {
  return *parse_instant(text);
}

TEST(MetaReading, KeepsOurLabelsAndTheNamedOnes) {
  json object = pod_json(json::object());
  object["metadata"].update(
      json{{"creationTimestamp", "2026-11-21T09:00:00Z"},
           {"deletionTimestamp", "2026-11-21T10:00:00Z"},
           {"generation", 3},
           {"labels",
            {{"spillway.dev/team", "ml"},
             {"batch.kubernetes.io/job-completion-index", "4"},
             {"pod-template-hash", "abc"}}},
           {"annotations", {{"spillway.dev/attempt", "2"}, {"other/thing", "x"}}},
           {"ownerReferences",
            {{{"kind", "X"}, {"name", "x"}, {"uid", "1"}},
             {{"kind", "Job"}, {"name", "llama-1"}, {"uid", "u-9"}, {"controller", true}}}}});
  const Pod pod = read(object);
  EXPECT_EQ(pod.meta.key.to_string(), "team-a/trainer-0");
  EXPECT_EQ(pod.meta.generation, 3);
  EXPECT_EQ(pod.meta.created_at, instant("2026-11-21T09:00:00Z"));
  EXPECT_EQ(pod.meta.deleted_at, instant("2026-11-21T10:00:00Z"));
  EXPECT_THAT(pod.meta.labels.to_map(),
              ElementsAre(Pair("batch.kubernetes.io/job-completion-index", "4"),
                          Pair("spillway.dev/team", "ml")));
  EXPECT_THAT(pod.meta.annotations.to_map(), ElementsAre(Pair("spillway.dev/attempt", "2")));
  ASSERT_TRUE(pod.meta.controller);
  EXPECT_EQ(pod.meta.controller->kind, "Job");
  EXPECT_TRUE(pod.meta.controlled_by(Uid("u-9")));
  EXPECT_FALSE(pod.meta.controlled_by(Uid("1")));
}
TEST(MetaReading, NamesTheFieldThatDoesNotFit) {
  json object = pod_json(json::object());
  object["metadata"].erase("uid");
  EXPECT_EQ(Pod::from_json(object).error().message, "metadata.uid has to be set");
  object = pod_json({{"containers", {{{"resources", {{"requests", {{"cpu", "many"}}}}}}}}});
  EXPECT_EQ(Pod::from_json(object).error().message,
            "spec.containers.resources.requests has to be a map of Kubernetes quantities");
  EXPECT_EQ(Pod::from_json(json::array()).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Pod::from_json(json{{"metadata", 5}}).error().code, ErrorCode::kInvalidArgument);
}
TEST(LabelSetTest, IsAMapThatSelectorsMatch) {
  LabelSet labels;
  labels.set("b", "2");
  labels.set("a", "1");
  labels.set("b", "3");
  EXPECT_EQ(labels.size(), 2U);
  EXPECT_EQ(labels.get("b"), "3");
  EXPECT_EQ(labels.get("c"), "");
  EXPECT_FALSE(labels.find("c"));
  EXPECT_TRUE(labels.matches({{"a", "1"}, {"b", "3"}}));
  EXPECT_TRUE(labels.matches({}));
  EXPECT_FALSE(labels.matches({{"a", "2"}}));
  EXPECT_FALSE(labels.matches({{"c", ""}}));
}

TEST(PodRequests, SumsContainers) {
  const Pod pod = read(pod_json({{"containers", {container("500m", "4"), container("2", "4")}}}));
  EXPECT_EQ(pod.requests.cpu, MilliCpu(2500));
  EXPECT_EQ(pod.requests.memory, Bytes(2LL << 30));
  EXPECT_EQ(pod.requests.count(ResourceName("nvidia.com/gpu")), 8);
  EXPECT_EQ(pod.requests.count(ResourceName("amd.com/gpu")), 0);
}
TEST(PodRequests, AnInitContainerCountsOnlyWhereItAsksForMore) {
  EXPECT_EQ(cpu_of({{"initContainers", {container("3"), container("1")}},
                    {"containers", {container("2")}}}),
            3000);
  EXPECT_EQ(cpu_of({{"initContainers", {container("1")}}, {"containers", {container("2")}}}), 2000);
}
TEST(PodRequests, SidecarsRunBesideEverythingAfterThem) {
  EXPECT_EQ(cpu_of({{"initContainers", {sidecar("1")}}, {"containers", {container("2")}}}), 3000);
  EXPECT_EQ(cpu_of({{"initContainers", {sidecar("1"), container("4")}},
                    {"containers", {container("2")}}}),
            5000);
  EXPECT_EQ(cpu_of({{"initContainers", {container("4"), sidecar("1")}},
                    {"containers", {container("2")}}}),
            4000);
  EXPECT_EQ(
      cpu_of({{"initContainers", {sidecar("1"), sidecar("1")}}, {"containers", {container("2")}}}),
      4000);
}
TEST(PodRequests, ALimitStandsInForAMissingRequestAndOverheadIsAdded) {
  const json limited = {{"name", "m"},
                        {"resources", {{"limits", {{"cpu", "2"}, {"nvidia.com/gpu", 1}}}}}};
  const json text_limits = {{"name", "m"},
                            {"resources", {{"limits", {{"cpu", "2"}, {"nvidia.com/gpu", "1"}}}}}};
  EXPECT_FALSE(Pod::from_json(pod_json({{"containers", {limited}}})))
      << "the API server writes quantities as text";
  const Pod pod = read(pod_json({{"containers", {text_limits}}, {"overhead", {{"cpu", "250m"}}}}));
  EXPECT_EQ(pod.requests.cpu, MilliCpu(2250));
  EXPECT_EQ(pod.requests.count(ResourceName("nvidia.com/gpu")), 1);
}
TEST(PodRequests, PodLevelResourcesReplaceTheSum) {
  EXPECT_EQ(
      cpu_of({{"resources", {{"requests", {{"cpu", "8"}}}}}, {"containers", {container("2")}}}),
      8000);
}

TEST(PodStatus, ReadsHowItIsScheduled) {
  const auto scheduled = [](const char* status, const char* reason) {
    return json{{"conditions",
                 {{{"type", "PodScheduled"},
                   {"status", status},
                   {"reason", reason},
                   {"message", "0/3 nodes"},
                   {"lastTransitionTime", "2026-11-21T09:00:00Z"}}}}};
  };
  const Pod waiting = read(pod_json(json::object(), scheduled("False", "Unschedulable")));
  EXPECT_TRUE(waiting.unschedulable);
  EXPECT_EQ(waiting.scheduling_message, "0/3 nodes");
  EXPECT_FALSE(waiting.bound_at);
  EXPECT_TRUE(
      read(pod_json(json::object(), scheduled("False", "SchedulingGated"))).scheduling_gated);
  const Pod bound = read(pod_json({{"nodeName", "gpu-1"}}, scheduled("True", "")));
  EXPECT_EQ(bound.node, "gpu-1");
  EXPECT_EQ(bound.bound_at, instant("2026-11-21T09:00:00Z"));
  EXPECT_TRUE(bound.scheduling_message.empty());
}
TEST(PodStatus, ReadsReadiness) {
  const json ready = {
      {"phase", "Running"},
      {"startTime", "2026-11-21T08:59:00Z"},
      {"conditions",
       {{{"type", "Ready"}, {"status", "True"}, {"lastTransitionTime", "2026-11-21T09:00:00Z"}}}}};
  const Pod pod = read(pod_json(json::object(), ready));
  EXPECT_EQ(pod.phase, PodPhase::kRunning);
  EXPECT_TRUE(pod.ready);
  EXPECT_EQ(pod.ready_since, instant("2026-11-21T09:00:00Z"));
  EXPECT_EQ(pod.started_at, instant("2026-11-21T08:59:00Z"));
  EXPECT_FALSE(pod.finished_at);
}
json ended(const char* name, int code, const char* at, const char* reason = "Error") {
  return {
      {"name", name},
      {"state", {{"terminated", {{"exitCode", code}, {"finishedAt", at}, {"reason", reason}}}}}};
}
TEST(PodStatus, ThePodHasStartedWhenItsLastContainerHas) {
  const auto container = [](const char* name, json state) {
    return json{{"name", name}, {"state", std::move(state)}};
  };
  json status = {{"phase", "Running"}, {"startTime", "2026-11-21T08:59:00Z"}};
  status["initContainerStatuses"] =
      json::array({container("restore", {{"terminated",
                                          {{"exitCode", 0},
                                           {"startedAt", "2026-11-21T09:01:00Z"},
                                           {"finishedAt", "2026-11-21T09:06:00Z"}}}})});
  EXPECT_EQ(read(pod_json(json::object(), status)).started_at, instant("2026-11-21T08:59:00Z"));
  status["containerStatuses"] =
      json::array({container("trainer", {{"running", {{"startedAt", "2026-11-21T09:06:10Z"}}}}),
                   container("logger", {{"running", {{"startedAt", "2026-11-21T09:06:02Z"}}}})});
  EXPECT_EQ(read(pod_json(json::object(), status)).started_at, instant("2026-11-21T09:06:10Z"));
  status["containerStatuses"][0]["state"] = {{"terminated",
                                              {{"exitCode", 0},
                                               {"startedAt", "2026-11-21T09:06:10Z"},
                                               {"finishedAt", "2026-11-21T10:00:00Z"}}}};
  EXPECT_EQ(read(pod_json(json::object(), status)).started_at, instant("2026-11-21T09:06:10Z"));
}

TEST(PodStatus, TheEarliestFailureIsTheCause) {
  const Pod pod =
      read(pod_json(json::object(), {{"phase", "Failed"},
                                     {"containerStatuses",
                                      {ended("b", 143, "2026-11-21T09:00:09Z"),
                                       ended("a", 137, "2026-11-21T09:00:05Z", "OOMKilled"),
                                       ended("c", 0, "2026-11-21T09:00:30Z", "Completed")}}}));
  EXPECT_EQ(pod.exit_code, 137);
  EXPECT_EQ(pod.end_reason, "OOMKilled");
  EXPECT_EQ(pod.finished_at, instant("2026-11-21T09:00:30Z"));
  EXPECT_TRUE(pod.terminal());
}
TEST(PodStatus, ASidecarsExitCodeMeansNothing) {
  const Pod pod = read(
      pod_json({{"initContainers", {sidecar("1")}}},
               {{"phase", "Succeeded"},
                {"initContainerStatuses", {ended("sync", 2, "2026-11-21T09:00:09Z")}},
                {"containerStatuses", {ended("main", 0, "2026-11-21T09:00:05Z", "Completed")}}}));
  EXPECT_FALSE(pod.exit_code);
  EXPECT_EQ(pod.finished_at, instant("2026-11-21T09:00:05Z"));
}
TEST(PodStatus, TellsADisruptionFromAFailure) {
  const json status = {
      {"phase", "Failed"},
      {"reason", "Evicted"},
      {"conditions",
       {{{"type", "DisruptionTarget"}, {"status", "True"}, {"reason", "EvictionByEvictionAPI"}},
        {{"type", "Ready"}, {"status", "False"}, {"lastTransitionTime", "2026-11-21T09:00:00Z"}}}}};
  const Pod pod = read(pod_json(json::object(), status));
  EXPECT_EQ(pod.disruption, "EvictionByEvictionAPI");
  EXPECT_EQ(pod.end_reason, "Evicted");
  EXPECT_EQ(pod.finished_at, instant("2026-11-21T09:00:00Z")) << "no container said when";
  EXPECT_TRUE(
      read(pod_json(json::object(),
                    {{"conditions",
                      {{{"type", "DisruptionTarget"}, {"status", "False"}, {"reason", "x"}}}}}))
          .disruption.empty());
}
TEST(PodStatus, SaysWhyAContainerWaits) {
  const auto waiting = [](const char* reason) {
    return json{
        {"containerStatuses",
         {{{"name", "m"}, {"state", {{"waiting", {{"reason", reason}, {"message", "why"}}}}}}}}};
  };
  EXPECT_EQ(read(pod_json(json::object(), waiting("ImagePullBackOff"))).waiting_reason,
            "ImagePullBackOff");
  EXPECT_EQ(read(pod_json(json::object(), waiting("ImagePullBackOff"))).waiting_message, "why");
  EXPECT_TRUE(read(pod_json(json::object(), waiting("ContainerCreating"))).waiting_reason.empty());
}

TEST(NodeReading, KeepsWhatPlacementNeeds) {
  json object = object_json("gpu-1", "3");
  object["metadata"].erase("namespace");
  object["metadata"]["labels"] = {{"topology.kubernetes.io/zone", "us-east-1a"}};
  object["spec"] = {{"providerID", "aws:///us-east-1a/i-1"},
                    {"unschedulable", true},
                    {"taints", {{{"key", "nvidia.com/gpu"}, {"effect", "NoSchedule"}}}}};
  object["status"] = {{"allocatable",
                       {{"cpu", "95500m"},
                        {"memory", "1Gi"},
                        {"nvidia.com/gpu", "8"},
                        {"pods", "110"},
                        {"ephemeral-storage", "47093746742"},
                        {"hugepages-2Mi", "0"}}},
                      {"conditions",
                       {{{"type", "Ready"},
                         {"status", "True"},
                         {"lastTransitionTime", "2026-11-21T09:00:00Z"},
                         {"lastHeartbeatTime", "2026-11-21T09:05:00Z"}}}}};
  const Node node = read<Node>(object);
  EXPECT_EQ(node.meta.labels.get("topology.kubernetes.io/zone"), "us-east-1a");
  EXPECT_EQ(node.taints,
            (std::vector<Taint>{{Interned("nvidia.com/gpu"), {}, Interned("NoSchedule")}}));
  EXPECT_TRUE(node.unschedulable);
  EXPECT_TRUE(node.ready);
  EXPECT_EQ(node.ready_changed_at, instant("2026-11-21T09:00:00Z"));
  EXPECT_EQ(node.allocatable.cpu, MilliCpu(95500));
  EXPECT_EQ(node.allocatable.extended.size(), 1U);
  EXPECT_EQ(node.allocatable_pods, 110);
  EXPECT_EQ(node.provider_id, "aws:///us-east-1a/i-1");
  json later = object;
  later["status"]["conditions"][0]["lastHeartbeatTime"] = "2026-11-21T09:10:00Z";
  EXPECT_EQ(read<Node>(later), node) << "a heartbeat is no change";
}
TEST(NodeReading, KeepsWhatTellsOfItsEnd) {
  json object = object_json("gpu-1", "3");
  object["metadata"].erase("namespace");
  object["spec"]["taints"] = {{{"key", "example.com/leaving"},
                               {"effect", "NoExecute"},
                               {"timeAdded", "2026-11-21T09:00:00Z"}}};
  object["status"]["conditions"] = {
      {{"type", "VMEventScheduled"}, {"status", "True"}, {"reason", "PreemptScheduled"}},
      {{"type", "Ready"},
       {"status", "False"},
       {"message", "[container runtime is down, node is shutting down]"}}};
  const Node node = read<Node>(object);
  EXPECT_EQ(node.taints.at(0).added_at, instant("2026-11-21T09:00:00Z"));
  EXPECT_TRUE(node.shutting_down);
  EXPECT_EQ(find_condition(node.conditions, "VMEventScheduled")->reason, "PreemptScheduled");
  object["status"]["conditions"][1]["message"] = "Kubelet stopped posting node status.";
  EXPECT_FALSE(read<Node>(object).shutting_down);
  object["status"]["conditions"][1].update(
      json{{"status", "True"}, {"message", "node is shutting down"}});
  EXPECT_FALSE(read<Node>(object).shutting_down);
}
TEST(PodReading, KeepsItsAddressAndDeletionCost) {
  json object = pod_json(json::object(), {{"podIP", "10.0.3.7"}});
  object["metadata"]["annotations"] = {{"controller.kubernetes.io/pod-deletion-cost", "-1"}};
  const Pod pod = read(object);
  EXPECT_EQ(pod.ip, "10.0.3.7");
  EXPECT_EQ(pod.meta.annotations.get("controller.kubernetes.io/pod-deletion-cost"), "-1");
}
TEST(JobReading, KeepsCountsAndConditions) {
  json object = object_json("llama-1", "3");
  object["spec"] = {{"parallelism", 4}, {"completions", 4}, {"suspend", false}};
  object["status"] = {{"active", 1},
                      {"ready", 1},
                      {"succeeded", 2},
                      {"failed", 1},
                      {"terminating", 1},
                      {"startTime", "2026-11-21T09:00:00Z"},
                      {"conditions",
                       {{{"type", "FailureTarget"},
                         {"status", "True"},
                         {"reason", "PodFailurePolicy"},
                         {"message", "m"}},
                        {{"type", "Unknown"}, {"status", "True"}}}}};
  const Job job = read<Job>(object);
  EXPECT_EQ(job.parallelism, 4);
  EXPECT_EQ(job.completions, 4);
  EXPECT_EQ(job.active + job.ready + job.succeeded + job.failed + job.terminating, 6);
  EXPECT_FALSE(job.terminal());
  ASSERT_EQ(job.conditions.size(), 1U);
  EXPECT_EQ(find_condition(job.conditions, "FailureTarget")->reason, "PodFailurePolicy");
  object["status"]["conditions"][0]["type"] = "Failed";
  EXPECT_TRUE(read<Job>(object).has_failed());
  object["status"]["conditions"][0]["type"] = "Complete";
  EXPECT_TRUE(read<Job>(object).complete());
}
TEST(DeploymentReading, KeepsCounts) {
  json object = object_json("chat-spot", "3");
  object["spec"] = {{"replicas", 5}};
  object["status"] = {{"replicas", 4},
                      {"readyReplicas", 3},
                      {"updatedReplicas", 2},
                      {"availableReplicas", 1},
                      {"observedGeneration", 9}};
  const Deployment deployment = read<Deployment>(object);
  EXPECT_EQ(deployment.replicas, 5);
  EXPECT_EQ(deployment.status_replicas, 4);
  EXPECT_EQ(deployment.ready, 3);
  EXPECT_EQ(deployment.updated, 2);
  EXPECT_EQ(deployment.available, 1);
  EXPECT_EQ(deployment.observed_generation, 9);
}
TEST(OtherKinds, KeepTheirMetadata) {
  EXPECT_EQ(read<Service>(object_json("s", "3")).meta.key.name.str(), "s");
  EXPECT_EQ(read<PodDisruptionBudget>(object_json("p", "3")).meta.key.name.str(), "p");
}
TEST(Memory, APodStaysSmall) {
  EXPECT_LE(sizeof(Pod), 560U);
}

}  // namespace
}  // namespace spillway::kube
