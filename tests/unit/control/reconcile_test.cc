#include <spillway/control/reconcile.h>

#include <map>

#include <gmock/gmock.h>

#include "unit/control/fixtures.h"

namespace spillway::control {
namespace {

using plan::Cause;
using plan::TrainingVerdict;
using testing::four_dollars;
using testing::inference_json;
using testing::job_json;
using testing::json;
using testing::kNow;
using testing::node_json;
using testing::pod_json;
using testing::pool_json;
using testing::training_json;
using testing::WorldBuilder;

json placed(int attempt) {
  return testing::placed_json("llama", attempt);
}

WorldBuilder base() {
  WorldBuilder builder;
  builder.pool(pool_json("spot-a", "Spot", 2, "4.00")).node(node_json("n1", "spot-a"));
  return builder;
}

// The work on one kind of object after a plan with this training decision.
std::vector<Work> work_for(const std::string& kind, const World& world,
                           const plan::Plan& plan_of_training, bool observe = false) {
  PictureBuilder builder({.observe = observe});
  const Picture picture = builder.build(world, {}, four_dollars, kNow);
  plan::Plan plan = plan_of_training;
  plan.pools.resize(picture.pools.size());
  PoolMemory memory;
  memory.learn_from_picture(picture, kNow);
  memory.learn_from_plan(picture, plan, kNow);
  Reconciler reconciler(observe);
  auto result = reconciler.reconcile(
      world, picture, plan, memory, [](const auto&) { return Trouble(); }, kNow);
  std::erase_if(result.work, [&](const Work& work) { return work.subject.kind != kind; });
  return std::move(result.work);
}

plan::Plan training_plan(plan::TrainingDecision decision) {
  plan::Plan plan;
  plan.training.push_back(std::move(decision));
  return plan;
}
plan::TrainingDecision place(std::int64_t attempt, Cause cause = Cause::kCheapest) {
  return {.workload = 0,
          .verdict = TrainingVerdict::kPlace,
          .cause = cause,
          .placement =
              plan::TrainingPlacement{.pool = 0, .attempt = AttemptNumber(attempt), .since = kNow}};
}

TEST(Reconcile, decides_records_and_only_then_acts) {
  WorldBuilder builder = base();
  builder.training(training_json("llama"));
  const auto work = work_for("TrainingJob", builder.world, training_plan(place(1)));
  ASSERT_EQ(work.size(), 1U);
  ASSERT_EQ(work[0].writes.size(), 3U);
  EXPECT_EQ(std::get<WriteStatus>(work[0].writes[0]).decided_on.str(), "10");
  EXPECT_EQ(std::get<CreateChild>(work[0].writes[1]).object.at("/metadata/name"_json_pointer),
            "llama-ranks");
  EXPECT_EQ(std::get<CreateChild>(work[0].writes[2]).object.at("/metadata/name"_json_pointer),
            "llama-1");
  ASSERT_NE(work[0].assumed_training_job, nullptr);
  EXPECT_EQ(work[0].assumed_training_job->status.placement->attempt, AttemptNumber(1));
}

TEST(Reconcile, creates_nothing_while_pods_of_the_earlier_attempt_are_there) {
  WorldBuilder builder = base();
  builder.training(placed(1))
      .job(job_json("llama", 1, "spot-a"))
      .pod(pod_json("llama", 1, 0, "n1", "Running"));
  const auto work =
      work_for("TrainingJob", builder.world, training_plan(place(2, Cause::kPriceMove)));
  ASSERT_EQ(work.size(), 1U);
  ASSERT_EQ(work[0].writes.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<WriteStatus>(work[0].writes[0]));
  const auto& deletion = std::get<DeleteObject>(work[0].writes[1]);
  EXPECT_EQ(deletion.key.name.str(), "llama-1");
  EXPECT_EQ(deletion.propagation, kube::Propagation::kForeground);
}

TEST(Reconcile, a_deletion_without_a_status_write_is_confirmed_live_first) {
  WorldBuilder builder = base();
  builder.training(placed(2))
      .job(job_json("llama", 1, "spot-a"))
      .pod(pod_json("llama", 1, 0, "n1", "Running"));
  // First pass: whatever the status needs; then the stored status is what the first pass wrote.
  const plan::Plan plan = training_plan({.workload = 0, .verdict = TrainingVerdict::kKeep});
  auto work = work_for("TrainingJob", builder.world, plan);
  ASSERT_EQ(work.size(), 1U);
  json recorded = placed(2);
  recorded["status"] = api::write(work[0].assumed_training_job->status);
  WorldBuilder next = base();
  next.training(recorded)
      .job(job_json("llama", 1, "spot-a"))
      .pod(pod_json("llama", 1, 0, "n1", "Running"));
  work = work_for("TrainingJob", next.world, plan);
  ASSERT_EQ(work.size(), 1U);
  ASSERT_EQ(work[0].writes.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<ConfirmCurrent>(work[0].writes[0]));
  EXPECT_TRUE(std::holds_alternative<DeleteObject>(work[0].writes[1]));
}

TEST(Reconcile, a_failed_launch_is_recorded_in_the_pool_before_the_placement_is_taken_back) {
  WorldBuilder builder = base();
  builder.training(placed(1)).job(job_json("llama", 1, "spot-a"));
  plan::Plan plan = training_plan(
      {.workload = 0, .verdict = TrainingVerdict::kRelease, .cause = Cause::kLaunchTimeout});
  plan.stock_outs.push_back({.pool = 0, .since = testing::at("2026-11-21T11:10:00Z")});
  EXPECT_TRUE(work_for("TrainingJob", builder.world, plan).empty());
  const auto pools = work_for("CapacityPool", builder.world, plan);
  ASSERT_EQ(pools.size(), 1U);
  const json status = std::get<WriteStatus>(pools[0].writes[0]).status;
  EXPECT_EQ(status.at("availability"), "StockedOut");
  EXPECT_EQ(status.at("/stockOut/failures"_json_pointer), 1);

  json recorded = pool_json("spot-a", "Spot", 2, "4.00");
  recorded["status"] = status;
  WorldBuilder after;
  after.pool(recorded)
      .node(node_json("n1", "spot-a"))
      .training(placed(1))
      .job(job_json("llama", 1, "spot-a"));
  const auto work = work_for("TrainingJob", after.world, plan);
  ASSERT_EQ(work.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<WriteStatus>(work[0].writes[0]));
}

TEST(Reconcile, observing_writes_only_its_own_status) {
  WorldBuilder builder = base();
  builder.training(training_json("llama")).inference(inference_json("chat"));
  plan::Plan plan = training_plan(place(1));
  plan.inference.push_back({.workload = 0, .shares = {{.pool = 0, .replicas = 2}}});
  for (const char* kind : {"TrainingJob", "InferencePool"}) {
    const auto work = work_for(kind, builder.world, plan, true);
    ASSERT_EQ(work.size(), 1U) << kind;
    ASSERT_EQ(work[0].writes.size(), 1U) << kind;
    EXPECT_TRUE(std::holds_alternative<WriteStatus>(work[0].writes[0]));
  }
}

TEST(Reconcile, leaves_an_object_that_is_being_deleted_to_the_garbage_collector) {
  json leaving = placed(1);
  leaving["metadata"]["deletionTimestamp"] = "2026-11-21T11:59:00Z";
  WorldBuilder builder = base();
  builder.training(leaving);
  EXPECT_TRUE(work_for("TrainingJob", builder.world,
                       training_plan({.workload = 0, .verdict = TrainingVerdict::kKeep}))
                  .empty());
}

TEST(Reconcile, makes_the_children_of_an_inference_pool_after_recording_its_tiers) {
  WorldBuilder builder = base();
  builder.inference(inference_json("chat"));
  plan::Plan plan;
  plan.inference.push_back({.workload = 0, .shares = {{.pool = 0, .replicas = 2}}});
  const auto work = work_for("InferencePool", builder.world, plan);
  ASSERT_EQ(work.size(), 1U);
  ASSERT_EQ(work[0].writes.size(), 4U);
  EXPECT_TRUE(std::holds_alternative<WriteStatus>(work[0].writes[0]));
  EXPECT_EQ(std::get<ApplyChild>(work[0].writes[1]).type, kube::kServices);
  const auto& deployment = std::get<ApplyChild>(work[0].writes[2]);
  EXPECT_EQ(deployment.object.at("/metadata/name"_json_pointer), "chat-spot-a");
  EXPECT_EQ(deployment.object.at("/spec/replicas"_json_pointer), 2);
  EXPECT_FALSE(deployment.known);
  EXPECT_EQ(std::get<ApplyChild>(work[0].writes[3]).type, kube::kPodDisruptionBudgets);
}

TEST(Reconcile, a_job_that_cannot_be_placed_as_written_is_told_so_and_gets_nothing) {
  json bad = training_json("llama");
  bad["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "5x";
  WorldBuilder builder = base();
  builder.training(bad);
  const auto work = work_for("TrainingJob", builder.world, {});
  ASSERT_EQ(work.size(), 1U);
  ASSERT_EQ(work[0].writes.size(), 1U);
  const json condition = std::get<WriteStatus>(work[0].writes[0]).status.at("conditions").at(0);
  EXPECT_EQ(condition.at("reason"), "InvalidSpec");
  EXPECT_THAT(condition.at("message").get<std::string>(), ::testing::HasSubstr("5x"));
  ASSERT_EQ(work[0].notables.size(), 1U);
}

// What a pass asks of the Deployments of a pool of two replicas that moves from spot-a to spot-b,
// of which the plan says how many of those on spot-a are kept until their successors serve.
std::map<std::string, int> replicas_asked_for(int old_replicas, int old_ready,
                                              std::optional<int> new_ready, int kept) {
  WorldBuilder builder = base();
  builder.pool(pool_json("spot-b", "Spot", 2, "3.00")).inference(inference_json("chat"));
  builder.node(node_json("n2", "spot-b"));
  builder.deployment(testing::deployment_json("chat", "spot-a", old_replicas, old_ready));
  if (new_ready) builder.deployment(testing::deployment_json("chat", "spot-b", 2, *new_ready));
  const auto add_pods = [&](const std::string& pool, const std::string& node, int ready) {
    for (int i = 0; i < ready; ++i)
      builder.pod(testing::replica_json("chat", pool, i, node, true));
  };
  add_pods("spot-a", "n1", old_ready);
  add_pods("spot-b", "n2", new_ready.value_or(0));
  plan::Plan plan;
  plan.inference.push_back({.workload = 0, .shares = {{.pool = 1, .replicas = 2}}});
  if (kept > 0) plan.inference.back().kept = {{.pool = 0, .replicas = kept}};
  std::map<std::string, int> asked;
  const std::vector<Work> work = work_for("InferencePool", builder.world, plan);
  for (const Write& write : work.at(0).writes) {
    if (const auto* apply = std::get_if<ApplyChild>(&write);
        apply != nullptr && apply->type == kube::kDeployments) {
      asked[apply->object.at("/metadata/name"_json_pointer)] =
          apply->object.at("/spec/replicas"_json_pointer);
    }
    if (const auto* gone = std::get_if<DeleteObject>(&write)) asked[gone->key.name.str()] = 0;
  }
  return asked;
}

TEST(Reconcile, replicas_that_serve_stay_until_those_that_replace_them_are_ready) {
  using Asked = std::map<std::string, int>;
  EXPECT_EQ(replicas_asked_for(2, 2, std::nullopt, 2),
            (Asked{{"chat-spot-a", 2}, {"chat-spot-b", 2}}));
  EXPECT_EQ(replicas_asked_for(2, 2, 0, 2).at("chat-spot-a"), 2);
  EXPECT_EQ(replicas_asked_for(2, 2, 1, 1).at("chat-spot-a"), 1);
  EXPECT_EQ(replicas_asked_for(2, 2, 2, 0).at("chat-spot-a"), 0);
  EXPECT_EQ(replicas_asked_for(2, 0, 0, 0).at("chat-spot-a"),
            0);  // what does not serve protects nobody
  EXPECT_EQ(replicas_asked_for(1, 1, 0, 2).at("chat-spot-a"), 1) << "never more than there are";
}

TEST(Reconcile, a_finished_job_goes_when_its_time_to_live_has_passed) {
  json done = placed(1);
  done["spec"]["ttlSecondsAfterFinished"] = 60;
  done["status"]["finishedAt"] = "2026-11-21T11:58:00Z";
  done["status"]["conditions"] = json::array({{{"type", "Complete"},
                                               {"status", "True"},
                                               {"reason", "Succeeded"},
                                               {"message", ""},
                                               {"lastTransitionTime", "2026-11-21T11:58:00Z"},
                                               {"observedGeneration", 1}}});
  WorldBuilder builder = base();
  builder.training(done);
  const auto work = work_for("TrainingJob", builder.world, {});
  ASSERT_EQ(work.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<ConfirmCurrent>(work[0].writes[0]));
  EXPECT_EQ(std::get<DeleteObject>(work[0].writes[1]).type, kTrainingJobs);
}

// ---- caches of the past

TEST(Reconcile, what_a_recorded_placement_asks_for_is_made_when_it_is_still_in_force) {
  WorldBuilder builder = base();
  builder.training(placed(1));
  const plan::Plan plan = training_plan({.workload = 0, .verdict = TrainingVerdict::kKeep});
  auto work = work_for("TrainingJob", builder.world, plan);
  ASSERT_EQ(work.size(), 1U);
  json recorded = placed(1);
  recorded["status"] = api::write(work[0].assumed_training_job->status);
  WorldBuilder next = base();
  next.training(recorded);
  work = work_for("TrainingJob", next.world, plan);
  ASSERT_EQ(work.size(), 1U);
  ASSERT_FALSE(work[0].writes.empty());
  EXPECT_TRUE(std::holds_alternative<ConfirmCurrent>(work[0].writes.front()));
  EXPECT_TRUE(std::holds_alternative<CreateChild>(work[0].writes.back()));
}
TEST(Reconcile, a_later_attempt_is_created_when_the_one_before_is_gone_or_over) {
  WorldBuilder builder = base();
  builder.training(placed(2));
  const plan::Plan plan = training_plan({.workload = 0, .verdict = TrainingVerdict::kKeep});
  const auto work = work_for("TrainingJob", builder.world, plan);
  ASSERT_EQ(work.size(), 1U);
  ASSERT_GE(work[0].writes.size(), 2U);
  const auto* look = std::get_if<ConfirmAttemptOver>(&work[0].writes[work[0].writes.size() - 2]);
  ASSERT_NE(look, nullptr);
  EXPECT_EQ(look->job.name.str(), "llama-1");
  EXPECT_TRUE(std::holds_alternative<CreateChild>(work[0].writes.back()));
}

// ---- lost nodes

TEST(ReconcileLoss, looks_at_the_node_decides_ends_the_job_and_forces_its_pods_out) {
  WorldBuilder builder = base();
  builder.training(placed(1))
      .job(job_json("llama", 1, "spot-a"))
      .pod(pod_json("llama", 1, 0, "vanished", "Running"));
  const auto work =
      work_for("TrainingJob", builder.world, training_plan(place(2, Cause::kReplicaLost)));
  ASSERT_EQ(work.size(), 1U);
  ASSERT_EQ(work[0].writes.size(), 4U);
  EXPECT_EQ(std::get<ConfirmNodeGone>(work[0].writes[0]).node, NodeName("vanished"));
  EXPECT_TRUE(std::holds_alternative<WriteStatus>(work[0].writes[1]));
  EXPECT_EQ(std::get<DeleteObject>(work[0].writes[2]).type, kube::kJobs);
  const auto& forced = std::get<DeleteObject>(work[0].writes[3]);
  EXPECT_EQ(forced.type, kube::kPods);
  EXPECT_EQ(forced.key.name.str(), "llama-1-0");
  EXPECT_EQ(forced.uid, Uid("uid-llama-1-0"));
  EXPECT_EQ(forced.grace, std::chrono::seconds(0));
}

TEST(ReconcileLoss, a_pod_that_was_forced_out_is_not_asked_for_again) {
  WorldBuilder builder = base();
  json pod = pod_json("llama", 1, 0, "vanished", "Running");
  pod["metadata"]["deletionTimestamp"] = "2026-11-21T11:59:00Z";
  pod["metadata"]["deletionGracePeriodSeconds"] = 0;
  json job = job_json("llama", 1, "spot-a");
  job["metadata"]["deletionTimestamp"] = "2026-11-21T11:59:00Z";
  builder.training(placed(2)).job(job).pod(pod);
  const auto work = work_for("TrainingJob", builder.world, training_plan({.workload = 0}));
  for (const Work& item : work) {
    for (const Write& write : item.writes)
      EXPECT_TRUE(std::holds_alternative<WriteStatus>(write));
  }
}

TEST(ReconcileLoss, replicas_that_retry_alone_are_left_to_their_job) {
  WorldBuilder builder = base();
  json training = placed(1);
  training["spec"]["gang"] = false;
  builder.training(training)
      .job(job_json("llama", 1, "spot-a"))
      .pod(pod_json("llama", 1, 0, "vanished", "Running"));
  plan::TrainingDecision keep{.workload = 0};
  keep.placement = plan::TrainingPlacement{.pool = 0, .attempt = AttemptNumber(1)};
  for (const Work& item : work_for("TrainingJob", builder.world, training_plan(keep))) {
    for (const Write& write : item.writes)
      EXPECT_FALSE(std::holds_alternative<DeleteObject>(write));
  }
}

// ---- notices

World attempt_on(const json& node) {
  WorldBuilder builder;
  builder.pool(pool_json("spot-a", "Spot", 2, "4.00"))
      .node(node)
      .training(placed(1))
      .job(job_json("llama", 1, "spot-a"))
      .pod(pod_json("llama", 1, 0, "n1", "Running"));
  return std::move(builder.world);
}

TEST(ReconcileNotice, an_attempt_ends_for_what_its_node_says_after_a_look_at_it) {
  json node = node_json("n1", "spot-a");
  node["spec"]["taints"] = json::array({{{"key", "aws-node-termination-handler/spot-itn"},
                                         {"value", "x"},
                                         {"effect", "NoSchedule"}}});
  const World world = attempt_on(node);
  const auto work = work_for("TrainingJob", world, training_plan(place(2, Cause::kNotice)));
  ASSERT_EQ(work.size(), 1U);
  ASSERT_EQ(work[0].writes.size(), 3U);
  EXPECT_EQ(std::get<ConfirmNotice>(work[0].writes[0]).nodes, std::vector{NodeName("n1")});
  EXPECT_TRUE(std::holds_alternative<WriteStatus>(work[0].writes[1]));
  const auto moved = work_for("TrainingJob", world, training_plan(place(2, Cause::kPriceMove)));
  EXPECT_TRUE(std::holds_alternative<WriteStatus>(moved.at(0).writes[0]));
}

TEST(ReconcileNotice, what_the_clouds_queue_says_is_not_looked_for_on_the_node) {
  const auto work = work_for("TrainingJob", attempt_on(node_json("n1", "spot-a")),
                             training_plan(place(2, Cause::kNotice)));
  ASSERT_EQ(work.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<WriteStatus>(work[0].writes[0]));
}

json replica_pod(const std::string& name, const std::string& node, const std::string& cost = "") {
  json pod = pod_json("x", 1, 0, node, "Running");
  pod["metadata"] = testing::metadata("team-a", name, "uid-" + name);
  pod["metadata"]["labels"] = {{"spillway.dev/inference-pool", "chat"},
                               {"spillway.dev/pool", "spot-a"}};
  if (!cost.empty())
    pod["metadata"]["annotations"] = {{"controller.kubernetes.io/pod-deletion-cost", cost}};
  return pod;
}

plan::Plan shares(std::vector<plan::InferenceShare> list) {
  plan::Plan plan;
  plan.inference.push_back({.workload = 0, .shares = std::move(list)});
  return plan;
}

TEST(ReconcileLoss, a_lost_replica_is_forced_out_so_that_its_replica_set_replaces_it) {
  WorldBuilder builder = base();
  builder.inference(inference_json("chat"))
      .deployment(testing::deployment_json("chat", "spot-a", 2, 1))
      .pod(replica_pod("chat-1", "n1"))
      .pod(replica_pod("chat-2", "vanished"));
  const auto work =
      work_for("InferencePool", builder.world, shares({{.pool = 0, .replicas = 2, .leave = {}}}));
  ASSERT_EQ(work.size(), 1U);
  EXPECT_EQ(std::get<ConfirmNodeGone>(work[0].writes.front()).node, NodeName("vanished"));
  EXPECT_EQ(std::get<DeleteObject>(work[0].writes.back()).key.name.str(), "chat-2");
}

// ---- which replicas leave

TEST(ReconcileLeave, marks_the_replicas_on_the_named_nodes_before_the_deployment_shrinks) {
  WorldBuilder builder = base();
  builder.node(node_json("n2", "spot-a"))
      .inference(inference_json("chat"))
      .deployment(testing::deployment_json("chat", "spot-a", 4, 4))
      .pod(replica_pod("chat-1", "n1"))
      .pod(replica_pod("chat-2", "n2"))
      .pod(replica_pod("chat-3", "n2"))
      .pod(replica_pod("chat-4", "n1", "-1000"));  // of an earlier shrinking
  const auto work =
      work_for("InferencePool", builder.world, shares({{.pool = 0, .replicas = 3, .leave = {1}}}));
  ASSERT_EQ(work.size(), 1U);
  std::vector<std::string> order;
  for (const Write& write : work[0].writes) {
    if (const auto* mark = std::get_if<Annotate>(&write)) {
      order.push_back(mark->key.name.str() + " " + mark->annotations.begin()->dump());
    } else if (const auto* apply = std::get_if<ApplyChild>(&write)) {
      order.emplace_back(apply->type.kind);
    }
  }
  EXPECT_EQ(order, (std::vector<std::string>{"Service", "chat-2 \"-1000\"", "chat-4 null",
                                             "Deployment", "PodDisruptionBudget"}));
}

TEST(ReconcileLeave, a_cost_of_the_users_own_stays) {
  WorldBuilder builder = base();
  builder.inference(inference_json("chat"))
      .deployment(testing::deployment_json("chat", "spot-a", 2, 2))
      .pod(replica_pod("chat-1", "n1", "7"));
  for (const Work& item : work_for("InferencePool", builder.world,
                                   shares({{.pool = 0, .replicas = 1, .leave = {0}}}))) {
    for (const Write& write : item.writes)
      EXPECT_FALSE(std::holds_alternative<Annotate>(write));
  }
}

// ---- pools

TEST(ReconcilePool, counts_alone_are_written_at_most_once_a_second) {
  WorldBuilder builder = base();
  Reconciler reconciler(false);
  const auto pass = [&](std::int64_t used, Instant now) {
    PictureBuilder pictures({});
    const Picture picture = pictures.build(builder.world, {}, four_dollars, now);
    plan::Plan plan;
    plan.pools.push_back({.used = AcceleratorCount(used)});
    PoolMemory memory;
    memory.learn_from_picture(picture, now);
    memory.learn_from_plan(picture, plan, now);
    return reconciler.reconcile(
        builder.world, picture, plan, memory, [](const auto&) { return Trouble(); }, now);
  };
  const auto first = pass(1, kNow);
  ASSERT_EQ(first.work.size(), 1U);
  json stored = pool_json("spot-a", "Spot", 2, "4.00");
  stored["metadata"]["resourceVersion"] = "11";
  stored["status"] = std::get<WriteStatus>(first.work[0].writes[0]).status;
  builder.pool(stored);
  const auto soon = pass(2, kNow);
  EXPECT_TRUE(soon.work.empty());
  EXPECT_EQ(soon.wake_at, kNow + std::chrono::seconds(1)) << "and it is not forgotten";
  EXPECT_EQ(pass(2, kNow + std::chrono::seconds(1)).work.size(), 1U);
}

}  // namespace
}  // namespace spillway::control
