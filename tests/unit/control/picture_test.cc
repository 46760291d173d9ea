#include <spillway/control/picture.h>

#include "unit/control/fixtures.h"

namespace spillway::control {
namespace {

using plan::AttemptState;
using testing::four_dollars;
using testing::job_json;
using testing::json;
using testing::kNow;
using testing::node_json;
using testing::pod_json;
using testing::pool_json;
using testing::training_json;
using testing::WorldBuilder;

Picture picture_of(const World& world, PictureOptions options = {},
                   const Assumptions& assumptions = {}) {
  PictureBuilder builder(options);
  return builder.build(world, assumptions, four_dollars, kNow);
}

WorldBuilder one_pool() {
  WorldBuilder builder;
  builder.pool(pool_json("spot-a", "Spot", 2, "3.00"))
      .node(node_json("n1", "spot-a"))
      .node(node_json("n2", "spot-a"));
  return builder;
}

TEST(Picture, a_node_belongs_to_the_pool_whose_selector_it_satisfies) {
  WorldBuilder builder = one_pool();
  builder.node(node_json("other", "elsewhere"));
  const Picture picture = picture_of(builder.world);
  ASSERT_EQ(picture.snapshot.nodes.size(), 2U);
  EXPECT_EQ(picture.ready_nodes.at(0), 2);
  EXPECT_EQ(picture.snapshot.nodes[0].free.accelerators, AcceleratorCount(4));
}

TEST(Picture, pods_of_others_take_room_and_own_replicas_are_bound) {
  WorldBuilder builder = one_pool();
  builder.training(testing::placed_json("llama", 1))
      .job(job_json("llama", 1, "spot-a"))
      .pod(pod_json("llama", 1, 0, "n1", "Running"));
  json stranger = pod_json("stranger", 1, 0, "n2", "Running");
  stranger["metadata"]["labels"] = json::object();
  builder.pod(stranger);
  const Picture picture = picture_of(builder.world);
  EXPECT_EQ(picture.snapshot.nodes[0].free.accelerators, AcceleratorCount(4));
  EXPECT_EQ(picture.snapshot.nodes[1].free.accelerators, AcceleratorCount(2));
  ASSERT_EQ(picture.snapshot.training.at(0).bound.size(), 1U);
  EXPECT_EQ(picture.snapshot.training[0].bound[0].replicas, 1);
}

TEST(Picture, a_pod_that_only_claims_to_be_ours_takes_room) {
  WorldBuilder builder = one_pool();
  builder.training(testing::placed_json("llama", 1));  // without a Job: the pod's owner is unknown
  builder.pod(pod_json("llama", 1, 0, "n1", "Running"));
  EXPECT_EQ(picture_of(builder.world).snapshot.nodes[0].free.accelerators, AcceleratorCount(2));
}

TEST(Picture, tells_the_states_of_an_attempt_apart) {
  const auto state_with = [](const std::function<void(WorldBuilder&)>& change) {
    WorldBuilder builder = one_pool();
    builder.training(testing::placed_json("llama", 1, 2));
    change(builder);
    return picture_of(builder.world).snapshot.training.at(0).state;
  };
  const auto job = job_json("llama", 1, "spot-a");
  EXPECT_EQ(state_with([](WorldBuilder&) {}), AttemptState::kNotCreated);
  EXPECT_EQ(state_with([&](WorldBuilder& b) { b.job(job); }), AttemptState::kStarting);
  EXPECT_EQ(state_with([&](WorldBuilder& b) {
              b.job(job)
                  .pod(pod_json("llama", 1, 0, "n1", "Running"))
                  .pod(pod_json("llama", 1, 1, "", "Pending"));
            }),
            AttemptState::kStarting);
  EXPECT_EQ(state_with([&](WorldBuilder& b) {
              b.job(job)
                  .pod(pod_json("llama", 1, 0, "n1", "Running"))
                  .pod(pod_json("llama", 1, 1, "n1", "Succeeded"));
            }),
            AttemptState::kRunning);
  EXPECT_EQ(
      state_with([&](WorldBuilder& b) {
        json disrupted = pod_json("llama", 1, 0, "n1", "Failed");
        disrupted["status"]["conditions"].push_back(
            {{"type", "DisruptionTarget"}, {"status", "True"}, {"reason", "DeletionByPodGC"}});
        b.job(job).pod(disrupted).pod(pod_json("llama", 1, 1, "n1", "Running"));
      }),
      AttemptState::kLost);
}

TEST(Picture, a_started_gang_that_misses_a_replica_is_not_starting_again) {
  json training = testing::placed_json("llama", 1, 2);
  training["status"]["startedAt"] = "2026-11-21T11:20:00Z";
  WorldBuilder builder = one_pool();
  builder.training(training).job(job_json("llama", 1, "spot-a"));
  builder.pod(pod_json("llama", 1, 0, "n1", "Running"));  // the other is gone without a word
  EXPECT_EQ(picture_of(builder.world).snapshot.training.at(0).state, AttemptState::kRunning);
}

TEST(Picture, a_failed_job_is_the_programs_fault_only_without_a_disruption) {
  const auto state_with = [](const std::string& reason, bool failed_pod) {
    WorldBuilder builder = one_pool();
    builder.training(testing::placed_json("llama", 1));
    json job = job_json("llama", 1, "spot-a");
    job["status"]["conditions"] =
        json::array({{{"type", "Failed"}, {"status", "True"}, {"reason", reason}}});
    builder.job(job);
    if (failed_pod) builder.pod(pod_json("llama", 1, 0, "n1", "Failed"));
    return picture_of(builder.world).snapshot.training.at(0).state;
  };
  EXPECT_EQ(state_with("BackoffLimitExceeded", true), AttemptState::kFailed);
  EXPECT_EQ(state_with("BackoffLimitExceeded", false), AttemptState::kFailed);
  EXPECT_EQ(state_with("PodFailurePolicy", false), AttemptState::kLost);
}

TEST(Picture, a_lost_status_is_rebuilt_from_the_latest_job) {
  WorldBuilder builder = one_pool();
  builder.training(training_json("llama"))
      .job(job_json("llama", 2, "spot-a"))
      .pod(pod_json("llama", 2, 0, "n1", "Running"));
  const Picture picture = picture_of(builder.world);
  ASSERT_TRUE(picture.training.at(0)->status.placement.has_value());
  EXPECT_EQ(picture.training[0]->status.placement->attempt, AttemptNumber(2));
  EXPECT_EQ(picture.training[0]->status.placement->pool, PoolName("spot-a"));
  EXPECT_EQ(picture.snapshot.training.at(0).state, AttemptState::kRunning);
}

TEST(Picture, pods_of_an_earlier_attempt_keep_the_next_from_starting) {
  WorldBuilder builder = one_pool();
  builder.training(testing::placed_json("llama", 2))
      .job(job_json("llama", 1, "spot-a"))
      .pod(pod_json("llama", 1, 0, "n1", "Running"));
  const plan::TrainingWorkload& workload = picture_of(builder.world).snapshot.training.at(0);
  EXPECT_TRUE(workload.earlier_attempt_ending);
  EXPECT_TRUE(workload.bound.empty());
}

TEST(Picture, a_job_of_a_predecessor_of_the_same_name_is_not_adopted) {
  WorldBuilder builder = one_pool();
  json job = job_json("llama", 1, "spot-a");
  job["metadata"]["ownerReferences"][0]["uid"] = "another-life";
  builder.training(training_json("llama")).job(job);
  const Picture picture = picture_of(builder.world);
  EXPECT_FALSE(picture.training.at(0)->status.placement.has_value());
  EXPECT_TRUE(picture.snapshot.training.at(0).earlier_attempt_ending);
}

TEST(Picture, decisions_under_way_stand_for_the_stored_object) {
  WorldBuilder builder = one_pool();
  builder.training(training_json("llama"));
  Assumptions assumptions;
  const auto assumed = std::make_shared<api::TrainingJob>(
      testing::must(api::read<api::TrainingJob>(testing::placed_json("llama", 1))));
  assumptions.training_jobs.emplace(assumed->meta.key, assumed);
  const Picture picture = picture_of(builder.world, {}, assumptions);
  ASSERT_TRUE(picture.snapshot.training.at(0).placement.has_value());
}

TEST(Picture, observing_counts_a_placement_as_running) {
  WorldBuilder builder = one_pool();
  builder.training(testing::placed_json("llama", 1));
  EXPECT_EQ(picture_of(builder.world, {.observe = true}).snapshot.training.at(0).state,
            AttemptState::kRunning);
}

TEST(Picture, a_job_that_runs_on_a_pool_that_is_gone_is_left_alone) {
  WorldBuilder builder = one_pool();
  json job = testing::placed_json("llama", 1);
  job["status"]["placement"]["pool"] = "gone";
  job["status"]["startedAt"] = "2026-11-21T11:20:00Z";
  builder.training(job);
  const Picture picture = picture_of(builder.world);
  EXPECT_TRUE(picture.snapshot.training.empty());
  EXPECT_EQ(picture.held.size(), 1U);
}

TEST(Picture, only_labels_that_somebody_asks_for_tell_nodes_apart) {
  WorldBuilder builder = one_pool();
  builder.training(training_json("llama"));
  EXPECT_EQ(picture_of(builder.world).snapshot.traits.size(), 1U);
  json picky = training_json("picky");
  picky["spec"]["template"]["spec"]["nodeSelector"] = {{"kubernetes.io/hostname", "n2"}};
  builder.training(picky);
  EXPECT_EQ(picture_of(builder.world).snapshot.traits.size(), 2U);
}

WorldBuilder running_gang() {
  WorldBuilder builder;
  builder.pool(pool_json("spot-a", "Spot", 2, "4.00"))
      .node(node_json("n1", "spot-a"))
      .node(node_json("n2", "spot-a"))
      .training(testing::placed_json("llama", 1, 2))
      .job(job_json("llama", 1, "spot-a"))
      .pod(pod_json("llama", 1, 0, "n1", "Running"))
      .pod(pod_json("llama", 1, 1, "n2", "Running"));
  return builder;
}

TEST(PictureOfLostNodes, a_pod_whose_node_is_gone_is_lost_and_so_is_its_gang) {
  WorldBuilder builder = running_gang();
  EXPECT_EQ(picture_of(builder.world).snapshot.training.at(0).state, plan::AttemptState::kRunning);
  builder.world.nodes.erase({Namespace(), ObjectName("n2")}, Uid("uid-n2"));
  const Picture picture = picture_of(builder.world);
  EXPECT_EQ(picture.snapshot.training.at(0).state, plan::AttemptState::kLost);
  EXPECT_EQ(picture.snapshot.training.at(0).loss, plan::LossKind::kNode);
  ASSERT_EQ(picture.training_children.at(0).lost_pods.size(), 1U);
  EXPECT_EQ(picture.training_children.at(0).lost_pods[0]->node, "n2");
  EXPECT_TRUE(picture.gone_by_word.empty());
}

TEST(PictureOfLostNodes, a_node_that_is_only_not_ready_is_a_suspicion) {
  WorldBuilder builder = running_gang();
  json node = node_json("n2", "spot-a");
  node["metadata"]["resourceVersion"] = "11";
  node["status"]["conditions"][0]["status"] = "Unknown";
  builder.node(node);
  const Picture picture = picture_of(builder.world);
  EXPECT_EQ(picture.snapshot.training.at(0).state, plan::AttemptState::kRunning);
  EXPECT_EQ(picture.snapshot.nodes.at(1).health, plan::NodeHealth::kSuspected);
  node["metadata"]["resourceVersion"] = "12";
  node["spec"]["taints"] =
      json::array({{{"key", "node.kubernetes.io/out-of-service"}, {"effect", "NoExecute"}}});
  builder.node(node);
  const Picture confirmed = picture_of(builder.world);
  EXPECT_EQ(confirmed.snapshot.training.at(0).state, plan::AttemptState::kLost);
  EXPECT_EQ(confirmed.snapshot.nodes.at(1).health, plan::NodeHealth::kGone);
}

TEST(PictureOfLostNodes, a_pod_that_ended_before_its_node_went_is_not_lost) {
  WorldBuilder builder = running_gang();
  json pod = pod_json("llama", 1, 1, "n2", "Succeeded");
  pod["metadata"]["resourceVersion"] = "11";
  builder.pod(pod);
  builder.world.nodes.erase({Namespace(), ObjectName("n2")}, Uid("uid-n2"));
  EXPECT_TRUE(picture_of(builder.world).training_children.at(0).lost_pods.empty());
}

TEST(Picture, a_job_that_is_over_leaves_the_pass_unless_it_is_still_to_be_deleted_or_let_go) {
  const auto picture_with = [](const std::function<void(json&)>& change) {
    json over = testing::placed_json("llama", 1);
    over["status"]["finishedAt"] = "2026-11-21T11:30:00Z";
    over["status"]["conditions"] = json::array({{{"type", "Complete"},
                                                 {"status", "True"},
                                                 {"observedGeneration", 1},
                                                 {"reason", "Succeeded"},
                                                 {"message", ""},
                                                 {"lastTransitionTime", "2026-11-21T11:30:00Z"}}});
    change(over);
    WorldBuilder builder = one_pool();
    builder.training(over).job(job_json("llama", 1, "spot-a"));
    return picture_of(builder.world);
  };
  const Picture plain = picture_with([](json&) {});
  EXPECT_TRUE(plain.training.empty());
  EXPECT_TRUE(plain.finished.empty());
  const Picture expiring =
      picture_with([](json& job) { job["spec"]["ttlSecondsAfterFinished"] = 60; });
  EXPECT_TRUE(expiring.training.empty());
  EXPECT_EQ(expiring.finished.size(), 1U);
  const Picture held = picture_with([](json& job) {
    job["metadata"]["finalizers"] = json::array({std::string(api::kCheckpointFinalizer)});
  });
  EXPECT_EQ(held.finished.size(), 1U);
  const Picture going = picture_with([](json& job) {
    job["metadata"]["finalizers"] = json::array({std::string(api::kCheckpointFinalizer)});
    job["metadata"]["deletionTimestamp"] = "2026-11-21T11:40:00Z";
  });
  EXPECT_EQ(going.training.size(), 1U) << "who is held by us is looked after to the end";
}

TEST(Picture, a_pod_of_a_job_that_is_over_takes_its_room_until_it_has_ended) {
  json over = testing::placed_json("llama", 1);
  over["status"]["conditions"] = json::array({{{"type", "Failed"},
                                               {"status", "True"},
                                               {"observedGeneration", 1},
                                               {"reason", "ProgramFailed"},
                                               {"message", ""},
                                               {"lastTransitionTime", "2026-11-21T11:30:00Z"}}});
  WorldBuilder builder = one_pool();
  builder.training(over).pod(pod_json("llama", 1, 0, "n1", "Running"));
  EXPECT_EQ(picture_of(builder.world).snapshot.nodes[0].free.accelerators, AcceleratorCount(2));
  json ended = pod_json("llama", 1, 0, "n1", "Failed");
  ended["metadata"]["resourceVersion"] = "100";
  builder.pod(ended);
  EXPECT_EQ(picture_of(builder.world).snapshot.nodes[0].free.accelerators, AcceleratorCount(4));
}

std::optional<std::int64_t> floor_of(const json& survives, const json& min_available) {
  json object = testing::inference_json("chat", 7);
  object["spec"]["capacity"] = {{"spotPercent", 100}};
  if (!survives.is_null()) object["spec"]["capacity"]["survives"] = survives;
  if (!min_available.is_null()) object["spec"]["disruption"]["minAvailable"] = min_available;
  WorldBuilder builder = one_pool();
  builder.inference(object);
  return picture_of(builder.world).snapshot.inference.at(0).floor_through_zone_loss;
}

TEST(PictureOfServices, what_is_promised_through_a_zone_loss_is_min_available_or_all) {
  EXPECT_EQ(floor_of(nullptr, "50%"), std::nullopt);
  EXPECT_EQ(floor_of("Spare", 3), std::nullopt);
  EXPECT_EQ(floor_of("ZoneLoss", nullptr), 7);
  EXPECT_EQ(floor_of("ZoneLoss", 3), 3);
  EXPECT_EQ(floor_of("ZoneLoss", 9), 7);
  EXPECT_EQ(floor_of("ZoneLoss", "50%"), 4);  // rounded up
  EXPECT_EQ(floor_of("ZoneLoss", "100%"), 7);
}

}  // namespace
}  // namespace spillway::control
