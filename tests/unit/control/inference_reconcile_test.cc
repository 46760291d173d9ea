// From notices to what ends when, and how rollouts go.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/control/children.h>
#include <spillway/control/reconcile.h>

#include "unit/control/fixtures.h"

namespace spillway::control {
namespace {

using std::chrono::seconds;
using testing::deployment_json;
using ::testing::ElementsAre;
using testing::inference_json;
using testing::json;
using testing::kNow;
using testing::must;
using testing::node_json;
using testing::pool_json;
using testing::replica_json;
using testing::WorldBuilder;

// A service with two replicas on spot-a, one of them on n1, which is about to go.
class Drains : public ::testing::Test {
 protected:
  Drains() {
    builder.pool(pool_json("spot-a", "Spot", 3, "4.00"))
        .node(node_json("n1", "spot-a"))
        .node(node_json("n2", "spot-a"))
        .inference(service(1))
        .deployment(deployment_json("chat", "spot-a", 3, 2))
        .pod(replica_json("chat", "spot-a", 0, "n1", true))
        .pod(replica_json("chat", "spot-a", 1, "n2", true));
  }

  static json service(int leaving) {
    json object = inference_json("chat", 2);
    object["spec"]["tiers"] = {"Spot"};
    object["spec"]["capacity"] = {{"spotPercent", 100}};
    object["spec"]["disruption"] = {{"drainSeconds", 40}};
    object["status"] = {{"tiers", json::array({{{"pool", "spot-a"},
                                                {"tier", "Spot"},
                                                {"desired", 2},
                                                {"ready", 2},
                                                {"leaving", leaving},
                                                {"since", "2026-11-21T11:10:00Z"}}})}};
    return object;
  }

  // What the Deployment and the pods are told, in order.
  std::vector<std::string> requests(std::int64_t notice_left_seconds) {
    PictureBuilder pictures({});
    Picture picture = pictures.build(builder.world, {}, testing::four_dollars, kNow);
    picture.snapshot.notices.push_back({.node = 0,
                                        .deadline = kNow + seconds(notice_left_seconds),
                                        .first_seen = kNow - seconds(120 - notice_left_seconds)});
    Picture seen = picture;
    reread(seen);
    const plan::Plan plan = plan::make_plan(seen.snapshot, kNow, {});
    PoolMemory memory;
    memory.learn_from_picture(seen, kNow);
    memory.learn_from_plan(seen, plan, kNow);
    Reconciler reconciler(false);
    const auto result = reconciler.reconcile(
        builder.world, seen, plan, memory, [](const auto&) { return Trouble(); }, kNow);
    std::vector<std::string> list;
    for (const Work& work : result.work) {
      if (work.subject.kind != "InferencePool") continue;
      for (const Write& write : work.writes)
        tell(list, write);
    }
    return list;
  }

  // As the picture would have been built with the notice: replicas on its node do not count as
  // ready.
  static void reread(Picture& picture) {
    for (plan::InferenceAllocation& allocation : picture.snapshot.inference.at(0).allocations) {
      allocation.ready = 0;
      for (const auto& replica : picture.inference_children[0].shares.begin()->second.replicas)
        allocation.ready += replica.pod->ready && replica.node != 0 ? 1 : 0;
    }
  }

  static void tell(std::vector<std::string>& list, const Write& write) {
    if (const auto* mark = std::get_if<Annotate>(&write)) {
      list.push_back("mark " + mark->key.name.str());
    } else if (const auto* apply = std::get_if<ApplyChild>(&write)) {
      if (apply->type == kube::kDeployments)
        list.push_back("replicas " + apply->object.at("/spec/replicas"_json_pointer).dump());
    } else if (const auto* gone = std::get_if<DeleteObject>(&write)) {
      list.push_back("delete " + gone->key.name.str() + " within " +
                     std::to_string(gone->grace.value_or(seconds(-1)).count()) + " s");
    } else if (const auto* look = std::get_if<ConfirmCurrent>(&write)) {
      if (look->type == kube::kPods) list.push_back("look at " + look->key.name.str());
    }
  }

  WorldBuilder builder;
};

TEST_F(Drains, the_replica_serves_while_its_successor_loads) {
  builder.pod(replica_json("chat", "spot-a", 2, "n2", false));
  EXPECT_THAT(requests(110), ElementsAre("replicas 3"));
}

TEST_F(Drains, the_replica_set_is_told_which_one_to_end_when_the_successor_serves) {
  builder.pod(replica_json("chat", "spot-a", 2, "n2", true));
  EXPECT_THAT(requests(110),
              ElementsAre("mark chat-spot-a-0", "replicas 2", "delete chat-spot-a-0 within 40 s"));
}

TEST_F(Drains, when_time_is_up_the_replica_ends_before_the_replica_set_chooses_another) {
  builder.pod(replica_json("chat", "spot-a", 2, "n2", false));
  // 20 s are for the end of the node, so 30 s are left to drain.
  EXPECT_THAT(requests(50), ElementsAre("delete chat-spot-a-0 within 30 s", "look at chat-spot-a-2",
                                        "replicas 2"));
}

// Else it would keep one that goes and end one that has just come.
TEST_F(Drains, the_replica_set_is_told_of_every_one_that_is_on_the_node) {
  builder.inference(service(2))
      .deployment(deployment_json("chat", "spot-a", 4, 4))
      .pod(replica_json("chat", "spot-a", 2, "n1", true))
      .pod(replica_json("chat", "spot-a", 3, "n2", true));
  EXPECT_THAT(requests(110),
              ElementsAre("mark chat-spot-a-0", "mark chat-spot-a-2", "replicas 2",
                          "delete chat-spot-a-0 within 40 s", "delete chat-spot-a-2 within 40 s"));
}

// ---- what pods and Deployments look like

json deployment_on(const std::string& tier, int replicas, const json& spec = {}) {
  json object = inference_json("chat");
  if (!spec.is_null()) object["spec"].merge_patch(spec);
  json pool = pool_json("p", tier, 3, "4.00");
  return inference_deployment(must(api::read<api::InferencePool>(object)),
                              must(api::read<api::CapacityPool>(pool)), {.replicas = replicas});
}

TEST(Rollout, bought_capacity_never_serves_with_less) {
  const json rolling = deployment_on("Spot", 4).at("/spec/strategy/rollingUpdate"_json_pointer);
  EXPECT_EQ(rolling.at("maxUnavailable"), 0);
  EXPECT_EQ(rolling.at("maxSurge"), "25%");
}

TEST(Rollout, full_reserved_capacity_makes_room_for_the_next_but_never_with_the_only_one) {
  const auto unavailable = "/spec/strategy/rollingUpdate/maxUnavailable"_json_pointer;
  EXPECT_EQ(deployment_on("Reserved", 2).at(unavailable), 1);
  EXPECT_EQ(deployment_on("Reserved", 1).at(unavailable), 0);
}

TEST(DrainSeconds, become_the_grace_of_the_pods_unless_the_template_has_one) {
  const auto grace = "/spec/template/spec/terminationGracePeriodSeconds"_json_pointer;
  const json drain = {{"disruption", {{"drainSeconds", 90}}}};
  EXPECT_EQ(deployment_on("Spot", 1, drain).at(grace), 90);
  EXPECT_FALSE(deployment_on("Spot", 1).contains(grace));
  json both = drain;
  both["template"]["spec"]["terminationGracePeriodSeconds"] = 5;
  EXPECT_EQ(deployment_on("Spot", 1, both).at(grace), 5);
}

TEST(GatewayPool, selects_the_same_pods_by_a_port_number) {
  json object = inference_json("chat");
  object["spec"]["service"] = {{"port", 80}, {"targetPort", 8000}};
  object["spec"]["gateway"] = {{"endpointPicker", {{"name", "picker"}}}};
  const json pool = gateway_pool(must(api::read<api::InferencePool>(object)));
  EXPECT_EQ(pool.at("spec"),
            json::parse(R"({"selector": {"matchLabels": {"spillway.dev/inference-pool": "chat"}},
                            "targetPorts": [{"number": 8000}],
                            "endpointPickerRef": {"name": "picker", "port": {"number": 9002},
                                                  "failureMode": "FailClose"}})"));
  EXPECT_EQ(pool.at("/metadata/ownerReferences/0/kind"_json_pointer), "InferencePool");
  object["spec"]["gateway"] = {{"targetPort", 8001}};
  EXPECT_EQ(gateway_pool(must(api::read<api::InferencePool>(object))).at("spec").at("targetPorts"),
            json::parse(R"([{"number": 8001}])"));
}

TEST(UsersTemplate, sidecars_probes_and_topology_spread_are_left_as_they_are) {
  const json spread = json::array({{{"maxSkew", 1},
                                    {"topologyKey", "topology.kubernetes.io/zone"},
                                    {"whenUnsatisfiable", "ScheduleAnyway"}}});
  const json sidecar =
      json::array({{{"name", "proxy"}, {"image", "example/proxy:1"}, {"restartPolicy", "Always"}}});
  const json probe = {{"httpGet", {{"path", "/ready"}, {"port", 8000}}}};
  const json hook = {{"preStop", {{"sleep", {{"seconds", 5}}}}}};
  json object = {{"template",
                  {{"spec",
                    {{"topologySpreadConstraints", spread},
                     {"initContainers", sidecar},
                     {"containers", json::array({{{"name", "main"},
                                                  {"image", "example/serve:1"},
                                                  {"readinessProbe", probe},
                                                  {"lifecycle", hook}}})}}}}}};
  const json pods = deployment_on("Spot", 2, object).at("/spec/template/spec"_json_pointer);
  EXPECT_EQ(pods.at("topologySpreadConstraints"), spread);
  EXPECT_EQ(pods.at("initContainers"), sidecar);
  EXPECT_EQ(pods.at("/containers/0/readinessProbe"_json_pointer), probe);
  EXPECT_EQ(pods.at("/containers/0/lifecycle"_json_pointer), hook);
}

}  // namespace
}  // namespace spillway::control
