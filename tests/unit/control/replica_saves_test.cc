// Replicas that retry alone at a notice: who is asked, who is ended, and what is written for it.

#include <spillway/control/replica_saves.h>

#include <gmock/gmock.h>

#include <spillway/control/keys.h>

#include "unit/control/fixtures.h"

namespace spillway::control {
namespace {

using plan::NoticeKind;
using std::chrono::seconds;
using testing::at;
using testing::json;
using testing::kNow;

class Replicas : public ::testing::Test {
 protected:
  Replicas() {
    world_.pool(testing::pool_json("spot-a", "Spot", 4, "4.00"));
    json job = testing::placed_json("sweep", 1, 3);
    job["spec"]["gang"] = false;
    job["spec"]["checkpoint"] = {{"store", "main"},
                                 {"format", "Manifest"},
                                 {"mode", "Native"},
                                 {"trigger", {{"http", {{"port", 8470}}}}}};
    world_.training(job).job(testing::job_json("sweep", 1, "spot-a"));
    for (int i = 0; i < 3; ++i) {
      world_.node(testing::node_json("n" + std::to_string(i), "spot-a"));
      world_.pod(replica(i));
    }
    StoreConfig main{.name = api::StoreName("main"), .credentials = CredentialSource::kEnvironment};
    main.s3.bucket = storage::BucketName("bucket");
    main.s3.endpoint = cloud::parse_url("http://127.0.0.1:1").value();
    main.s3.addressing = storage::Addressing::kPath;
    stores_.emplace(runtime_, std::vector<StoreConfig>{main}, http_,
                    [](const char*) { return nullptr; });
  }
  static json replica(int index) {
    json pod = testing::pod_json("sweep", 1, index, "n" + std::to_string(index), "Running");
    pod["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] = std::to_string(index);
    pod["metadata"]["annotations"] = {{"batch.kubernetes.io/job-index-failure-count", "1"}};
    return pod;
  }
  // The pod is asked already.
  void asked(int index, const std::string& at_instant, const std::string& until) {
    json pod = replica(index);
    pod["metadata"]["annotations"]["spillway.dev/save-asked-at"] = at_instant;
    pod["metadata"]["annotations"]["spillway.dev/save-deadline"] = until;
    pod["metadata"]["resourceVersion"] = "11";
    world_.pod(pod);
  }
  Picture picture() {
    PictureBuilder builder({});
    Picture built =
        builder.build(world_.world, {}, testing::four_dollars, kNow, {.stores = &*stores_});
    for (ReplicaCheckpoint& replica : built.checkpoints.at(0)->replicas)
      replica.facts.can_ask = true;
    return built;
  }
  static void notice(Picture& picture, const std::string& node, Duration left) {
    for (std::size_t i = 0; i < picture.snapshot.nodes.size(); ++i) {
      if (picture.snapshot.nodes[i].name.str() != node) continue;
      picture.snapshot.notices.push_back({.node = i,
                                          .kind = NoticeKind::kInterruption,
                                          .deadline = kNow + left,
                                          .first_seen = kNow,
                                          .source = "test"});
    }
  }
  Work decided(Picture& picture) {
    plan::Plan plan;
    plan.training.push_back({.workload = 0, .verdict = plan::TrainingVerdict::kKeep});
    decide_replicas(picture, plan, kNow, {});
    Work work;
    write_replicas(work, world_.world, *picture.checkpoints[0], kNow);
    return work;
  }
  // As committed by the very pod.
  static void verify(Picture& picture, int index, Instant committed_at) {
    picture.checkpoints[0]->replicas.at(static_cast<std::size_t>(index)).facts.verified =
        plan::VerifiedCheckpoint{
            .step = api::StepNumber(40), .attempt = AttemptNumber(1), .committed_at = committed_at};
  }

  class NoHttp final : public cloud::HttpClient {
   public:
    Task<Result<cloud::HttpResponse>> send(cloud::HttpRequest, Duration) override {
      co_return fail(ErrorCode::kUnavailable, "not in this test");
    }
    void shut_down() override {}
  };
  asio::io_context io_;
  std::unique_ptr<Clock> clock_ = make_system_clock();
  std::unique_ptr<Timers> timers_ = make_system_timers(io_.get_executor());
  std::unique_ptr<Random> random_ = make_random(1);
  Runtime runtime_{io_.get_executor(), *clock_, *timers_, *random_};
  NoHttp http_;
  std::optional<Stores> stores_;
  testing::WorldBuilder world_;
};

TEST_F(Replicas, each_that_runs_has_a_prefix_and_a_target_of_its_own) {
  const Picture built = picture();
  const auto& replicas = built.checkpoints.at(0)->replicas;
  ASSERT_EQ(replicas.size(), 3U);
  EXPECT_EQ(replicas[2].index, ReplicaIndex(2));
  EXPECT_EQ(replicas[2].target.prefix.str(), "team-a/sweep/uid-sweep/index-2/");
  EXPECT_EQ(replicas[2].target.replica, ReplicaIndex(2));
  EXPECT_FALSE(built.checkpoints[0]->target) << "there is nothing of the job as a whole";
}

TEST_F(Replicas, only_those_on_the_node_are_asked_and_first_it_is_recorded_on_their_pod) {
  Picture built = picture();
  notice(built, "n1", seconds(120));
  const Work work = decided(built);
  ASSERT_EQ(work.writes.size(), 1U);
  const auto& record = std::get<Annotate>(work.writes[0]);
  EXPECT_EQ(record.key.name.str(), "sweep-1-1");
  EXPECT_EQ(record.annotations, (json{{"spillway.dev/save-asked-at", "2026-11-21T12:00:00Z"},
                                      {"spillway.dev/save-deadline", "2026-11-21T12:02:00Z"}}));
  EXPECT_TRUE(work.urgent);
  ASSERT_EQ(work.notables.size(), 1U);
  EXPECT_EQ(work.notables[0].note, "replica 1: asked to save before the node goes");
  EXPECT_EQ(describe_replicas(*built.checkpoints[0]),
            "1 of 3 replicas that run are asked to save, 0 may end; until 2026-11-21T12:02:00Z");
  EXPECT_EQ(wake_for_replicas(*built.checkpoints[0]), at("2026-11-21T12:01:40Z"));
}

TEST_F(Replicas, what_is_recorded_is_not_written_again) {
  asked(1, "2026-11-21T11:59:50Z", "2026-11-21T12:01:50Z");
  Picture built = picture();
  notice(built, "n1", seconds(110));
  const Work work = decided(built);
  EXPECT_TRUE(work.writes.empty());
  EXPECT_TRUE(built.checkpoints[0]->replicas[1].step->ask);
}

TEST_F(Replicas, one_that_has_saved_is_marked_and_ended_and_nobody_else) {
  asked(1, "2026-11-21T11:59:50Z", "2026-11-21T12:01:50Z");
  Picture built = picture();
  notice(built, "n1", seconds(110));
  verify(built, 1, at("2026-11-21T11:59:58Z"));
  const Work work = decided(built);
  ASSERT_EQ(work.writes.size(), 2U);
  EXPECT_EQ(std::get<MarkDisrupted>(work.writes[0]).pod.name.str(), "sweep-1-1");
  const auto& end = std::get<DeleteObject>(work.writes[1]);
  EXPECT_EQ(end.uid, Uid("uid-sweep-1-1"));
  EXPECT_EQ(end.grace, seconds(30));
  ASSERT_EQ(work.notables.size(), 1U);
  EXPECT_EQ(work.notables[0].reason, "SaveVerified");
}

TEST_F(Replicas, what_its_node_says_is_looked_at_again_before_one_ends) {
  json node = testing::node_json("n1", "spot-a");
  node["metadata"]["resourceVersion"] = "11";
  node["spec"]["taints"] = json::array({{{"key", "aws-node-termination-handler/spot-itn"},
                                         {"value", "x"},
                                         {"effect", "NoSchedule"}}});
  world_.node(node);
  asked(1, "2026-11-21T11:59:50Z", "2026-11-21T12:01:50Z");
  Picture built = picture();
  notice(built, "n1", seconds(110));
  verify(built, 1, at("2026-11-21T11:59:58Z"));
  const Work work = decided(built);
  ASSERT_EQ(work.writes.size(), 3U);
  EXPECT_EQ(std::get<ConfirmNotice>(work.writes[0]).nodes, std::vector{NodeName("n1")});
  EXPECT_TRUE(std::holds_alternative<MarkDisrupted>(work.writes[1]));
}

TEST_F(Replicas, an_end_that_was_cut_off_after_the_mark_goes_on) {
  json pod = replica(1);
  pod["status"]["conditions"].push_back({{"type", "DisruptionTarget"},
                                         {"status", "True"},
                                         {"reason", "DeletionBySpillway"},
                                         {"lastTransitionTime", "2026-11-21T11:59:59Z"}});
  pod["metadata"]["annotations"]["spillway.dev/save-asked-at"] = "2026-11-21T11:59:50Z";
  pod["metadata"]["annotations"]["spillway.dev/save-deadline"] = "2026-11-21T12:01:50Z";
  pod["metadata"]["resourceVersion"] = "11";
  world_.pod(pod);
  Picture built = picture();
  notice(built, "n1", seconds(110));
  verify(built, 1, at("2026-11-21T11:59:58Z"));
  const Work work = decided(built);
  ASSERT_EQ(work.writes.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<DeleteObject>(work.writes[0]));
}

TEST_F(Replicas, a_checkpoint_of_an_earlier_pod_is_no_answer) {
  asked(1, "2026-11-21T11:59:50Z", "2026-11-21T12:01:50Z");
  Picture built = picture();
  notice(built, "n1", seconds(110));
  verify(built, 1, at("2026-11-21T11:59:58Z"));
  built.checkpoints[0]->replicas[1].facts.verified->attempt = AttemptNumber();
  EXPECT_TRUE(decided(built).writes.empty());
}

TEST_F(Replicas, one_whose_save_does_not_come_in_time_is_ended_with_what_the_notice_leaves) {
  asked(1, "2026-11-21T11:58:20Z", "2026-11-21T12:00:10Z");
  Picture built = picture();
  notice(built, "n1", seconds(10));
  built.snapshot.notices[0].first_seen = at("2026-11-21T11:58:20Z");
  const Work work = decided(built);
  ASSERT_EQ(work.writes.size(), 2U);
  EXPECT_EQ(std::get<DeleteObject>(work.writes[1]).grace, seconds(9));
  ASSERT_EQ(work.notables.size(), 1U);
  EXPECT_EQ(work.notables[0].reason, "SaveGivenUp");
  EXPECT_THAT(work.notables[0].note, ::testing::StartsWith("replica 1: the checkpoint was not"));
}

TEST_F(Replicas, a_notice_that_is_taken_back_takes_the_record_with_it) {
  asked(1, "2026-11-21T11:59:50Z", "2026-11-21T12:01:50Z");
  Picture built = picture();
  const Work work = decided(built);
  ASSERT_EQ(work.writes.size(), 1U);
  EXPECT_TRUE(
      std::get<Annotate>(work.writes[0]).annotations.at("spillway.dev/save-asked-at").is_null());
  EXPECT_EQ(describe_replicas(*built.checkpoints[0]), "");
}

TEST_F(Replicas, a_hint_asks_nobody) {
  Picture built = picture();
  notice(built, "n1", seconds(120));
  built.snapshot.notices[0].kind = NoticeKind::kRebalance;
  EXPECT_TRUE(decided(built).writes.empty());
}

TEST_F(Replicas, an_attempt_that_leaves_as_a_whole_asks_them_itself) {
  Picture built = picture();
  notice(built, "n1", seconds(120));
  plan::Plan plan;
  plan.training.push_back({.workload = 0, .verdict = plan::TrainingVerdict::kKeep});
  plan.training[0].interruption = plan::InterruptionStep{.ask = true};
  decide_replicas(built, plan, kNow, {});
  Work work;
  write_replicas(work, world_.world, *built.checkpoints[0], kNow);
  EXPECT_TRUE(work.writes.empty());
}

TEST_F(Replicas, what_all_of_them_have_is_as_old_as_the_oldest) {
  Picture built = picture();
  EXPECT_FALSE(built.checkpoints[0]->facts.verified) << "one that has nothing is enough";
}

}  // namespace
}  // namespace spillway::control
