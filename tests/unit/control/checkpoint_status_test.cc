// The interruption protocol as requests and status: what a plan's step becomes.

#include <gmock/gmock.h>

#include <spillway/control/reconcile.h>
#include <spillway/control/save_record.h>

#include "unit/control/fixtures.h"

namespace spillway::control {
namespace {

using plan::Cause;
using plan::InterruptionState;
using plan::TrainingVerdict;
using std::chrono::seconds;
using testing::at;
using testing::four_dollars;
using testing::job_json;
using testing::json;
using testing::kNow;
using testing::node_json;
using testing::pod_json;
using testing::pool_json;
using testing::WorldBuilder;

json checkpointed(int attempt) {
  json object = testing::placed_json("llama", attempt);
  object["spec"]["checkpoint"] = {{"store", "main"},
                                  {"format", "Manifest"},
                                  {"mode", "Native"},
                                  {"trigger", {{"http", {{"port", 8470}}}}}};
  return object;
}

// A stores object that no request is ever made with.
class NoHttp final : public cloud::HttpClient {
 public:
  Task<Result<cloud::HttpResponse>> send(cloud::HttpRequest, Duration) override {
    co_return fail(ErrorCode::kUnavailable, "not in this test");
  }
  void shut_down() override {}
};

class Protocol : public ::testing::Test {
 protected:
  Protocol() {
    world_.pool(pool_json("spot-a", "Spot", 2, "4.00")).node(node_json("n1", "spot-a"));
    StoreConfig main{.name = api::StoreName("main"), .credentials = CredentialSource::kEnvironment};
    main.s3.bucket = storage::BucketName("bucket");
    main.s3.endpoint = cloud::parse_url("http://127.0.0.1:1").value();
    main.s3.addressing = storage::Addressing::kPath;
    stores_.emplace(runtime_, std::vector<StoreConfig>{main}, http_,
                    [](const char*) { return nullptr; });
  }
  Picture picture() {
    PictureBuilder builder({});
    return builder.build(world_.world, {}, four_dollars, kNow, {.stores = &*stores_});
  }
  std::vector<Work> work(plan::TrainingDecision decision) {
    const Picture built = picture();
    plan::Plan plan;
    plan.training.push_back(std::move(decision));
    plan.pools.resize(built.pools.size());
    PoolMemory memory;
    memory.learn(built, plan, kNow);
    Reconciler reconciler(false, {.token_key = Secret("key")});
    auto result = reconciler.reconcile(
        world_.world, built, plan, memory, [](const auto&) { return Trouble(); }, kNow);
    std::erase_if(result.work, [](const Work& w) { return w.subject.kind != "TrainingJob"; });
    return std::move(result.work);
  }
  static json status_in(const std::vector<Work>& work) {
    for (const Work& item : work) {
      for (const Write& write : item.writes) {
        if (const auto* status = std::get_if<WriteStatus>(&write)) return status->status;
      }
    }
    return {};
  }
  static std::string condition(const json& status, const std::string& type) {
    for (const json& entry : status.at("conditions")) {
      if (entry.at("type") == type)
        return entry.at("status").get<std::string>() + " " + entry.at("reason").get<std::string>();
    }
    return "absent";
  }
  static plan::TrainingPlacement placement(std::int64_t attempt) {
    return {.pool = 0, .attempt = AttemptNumber(attempt), .since = kNow};
  }
  asio::io_context io_;
  std::unique_ptr<Clock> clock_ = make_system_clock();
  std::unique_ptr<Timers> timers_ = make_system_timers(io_.get_executor());
  std::unique_ptr<Random> random_ = make_random(1);
  Runtime runtime_{io_.get_executor(), *clock_, *timers_, *random_};
  NoHttp http_;
  std::optional<Stores> stores_;
  WorldBuilder world_;
};

TEST_F(Protocol, a_request_to_save_is_recorded_with_its_deadline_and_told) {
  world_.training(checkpointed(1))
      .job(job_json("llama", 1, "spot-a"))
      .pod(pod_json("llama", 1, 0, "n1", "Running"));
  plan::TrainingDecision keep{.workload = 0, .cause = Cause::kNotice, .placement = placement(1)};
  keep.interruption =
      plan::InterruptionStep{.state = InterruptionState::kSaving,
                             .save = api::SaveStatus{.attempt = AttemptNumber(1),
                                                     .reason = api::SaveReason::kNotice,
                                                     .requested_at = kNow,
                                                     .deadline = kNow + seconds(120)},
                             .ask = true};
  const auto work = this->work(keep);
  const json status = status_in(work);
  EXPECT_EQ(status.at("save").at("state"), "Requested");
  EXPECT_EQ(status.at("save").at("deadline"), format_instant(kNow + seconds(120)));
  EXPECT_EQ(status.at("phase"), "Saving");
  EXPECT_THAT(condition(status, "Interrupted"), ::testing::StartsWith("True "));
  ASSERT_FALSE(work[0].notables.empty());
  EXPECT_TRUE(std::ranges::any_of(work[0].notables, [](const Notable& told) {
    return told.reason == "SaveRequested" && told.warning;
  }));
  for (const Write& write : work[0].writes)
    EXPECT_FALSE(std::holds_alternative<DeleteObject>(write)) << "it has not saved yet";
}

TEST_F(Protocol, an_attempt_that_may_end_is_ended_within_what_the_notice_leaves) {
  world_.training(checkpointed(1))
      .job(job_json("llama", 1, "spot-a"))
      .pod(pod_json("llama", 1, 0, "n1", "Running"));
  plan::TrainingDecision next{.workload = 0,
                              .verdict = TrainingVerdict::kPlace,
                              .cause = Cause::kNotice,
                              .placement = placement(2)};
  next.may_start = false;
  next.work_done = std::chrono::minutes(40);
  next.interruption = plan::InterruptionStep{.state = InterruptionState::kSaved,
                                             .may_end = true,
                                             .grace = std::chrono::milliseconds(7500)};
  const auto work = this->work(next);
  ASSERT_EQ(work.size(), 1U);
  ASSERT_EQ(work[0].writes.size(), 3U);
  EXPECT_TRUE(std::holds_alternative<WriteStatus>(work[0].writes[0]));
  EXPECT_EQ(std::get<DeleteObject>(work[0].writes[1]).type, kube::kJobs);
  const auto& pod = std::get<DeleteObject>(work[0].writes[2]);
  EXPECT_EQ(pod.type, kube::kPods);
  EXPECT_EQ(pod.grace, seconds(8));
}

TEST_F(Protocol, the_successor_starts_from_what_was_verified_and_books_what_was_lost) {
  json job = checkpointed(2);
  job["status"]["checkpoint"] = {{"state", "Committed"},
                                 {"uri", "s3://bucket/x/step-000000000040/"},
                                 {"step", 40},
                                 {"attempt", 1},
                                 {"computeTime", "30m0s"}};
  job["status"]["ended"] = {{"attempt", 1},
                            {"endedAt", "2026-11-21T11:50:00Z"},
                            {"reason", "Notice"},
                            {"computeTime", "40m0s"},
                            {"rate", "6.00"}};
  job["status"]["interruptions"] = {{"count", 1}, {"lostSeconds", 60}};
  world_.training(job);
  plan::TrainingDecision keep{.workload = 0, .placement = placement(2)};
  keep.resume_step = api::StepNumber(40);
  keep.lost_work = std::chrono::minutes(10);
  const auto work = this->work(keep);
  const json status = status_in(work);
  EXPECT_EQ(status.at("placement").at("resumeFrom").at("step"), 40);
  EXPECT_EQ(status.at("interruptions").at("lostSeconds"), 660);
  EXPECT_EQ(status.at("interruptions").at("cost"), "1.00") << "ten minutes at six dollars";
  EXPECT_FALSE(status.contains("ended"));
  std::vector<std::string> made;
  for (const Write& write : work[0].writes) {
    if (const auto* child = std::get_if<CreateChild>(&write)) made.emplace_back(child->type.kind);
    if (const auto* once = std::get_if<CreateOnce>(&write)) made.emplace_back(once->type.kind);
    if (std::holds_alternative<ConfirmAttemptOver>(write)) made.emplace_back("look");
  }
  EXPECT_EQ(made, (std::vector<std::string>{"Service", "look", "Secret", "Job"}));
  const auto& child = std::get<CreateChild>(work[0].writes.back());
  EXPECT_THAT(child.object.dump(), ::testing::HasSubstr("SPILLWAY_RESUME_STEP"));
  EXPECT_EQ(child.object.at("metadata").at("annotations").at("spillway.dev/resumed-compute-time"),
            "30m");
}

TEST_F(Protocol, nothing_starts_before_the_store_has_told) {
  world_.training(checkpointed(2));
  plan::TrainingDecision keep{
      .workload = 0, .cause = Cause::kCheckpointUnknown, .placement = placement(2)};
  keep.may_start = false;
  const auto work = this->work(keep);
  for (const Work& item : work) {
    for (const Write& write : item.writes)
      EXPECT_FALSE(std::holds_alternative<CreateChild>(write));
  }
  EXPECT_EQ(condition(status_in(work), "Running"), "False CheckpointUnknown");
}

TEST_F(Protocol, a_store_that_nobody_configured_is_said_with_the_names_that_there_are) {
  json job = checkpointed(1);
  job["spec"]["checkpoint"]["store"] = "elsewhere";
  world_.training(job);
  const Picture built = picture();
  ASSERT_TRUE(built.checkpoints.at(0));
  EXPECT_EQ(built.checkpoints[0]->reason, "StoreUnknown");
  EXPECT_THAT(built.checkpoints[0]->message, ::testing::HasSubstr("write one of main"));
  const auto work = this->work({.workload = 0, .placement = placement(1)});
  for (const Work& item : work) {
    for (const Write& write : item.writes)
      EXPECT_FALSE(std::holds_alternative<CreateChild>(write)) << "it would save nothing";
  }
}

TEST_F(Protocol, what_was_recorded_stands_while_nothing_else_is_known) {
  json job = checkpointed(2);
  job["status"]["checkpoint"] = {{"state", "Committed"},
                                 {"uri", "s3://bucket/x/step-000000000040/"},
                                 {"step", 40},
                                 {"attempt", 1},
                                 {"committedAt", "2026-11-21T11:40:00Z"},
                                 {"computeTime", "30m0s"}};
  world_.training(job);
  const Picture built = picture();
  const auto& facts = built.checkpoints.at(0)->facts;
  ASSERT_TRUE(facts.verified);
  EXPECT_EQ(facts.verified->step, api::StepNumber(40));
  EXPECT_EQ(facts.verified->work, std::chrono::minutes(30));
  EXPECT_EQ(facts.verified->committed_at, at("2026-11-21T11:40:00Z"));
  EXPECT_FALSE(facts.can_ask) << "nobody to ask through";
}

TEST_F(Protocol, the_ranks_service_of_a_running_attempt_is_made_again) {
  world_.training(checkpointed(1))
      .job(job_json("llama", 1, "spot-a"))
      .pod(pod_json("llama", 1, 0, "n1", "Running"));
  const auto work = this->work({.workload = 0, .placement = placement(1)});
  ASSERT_EQ(work.size(), 1U);
  EXPECT_EQ(std::get<CreateChild>(work[0].writes.back()).type, kube::kServices);
}

TEST_F(Protocol, how_often_a_notice_was_enough_is_remembered_by_pool) {
  world_.training(checkpointed(1))
      .job(job_json("llama", 1, "spot-a"))
      .pod(pod_json("llama", 1, 0, "n1", "Running"));
  SaveRecord record;
  const auto settle = [&](seconds requested, api::SaveState state) {
    plan::TrainingDecision decision{.workload = 0, .placement = placement(1)};
    decision.interruption =
        plan::InterruptionStep{.save = api::SaveStatus{.attempt = AttemptNumber(1),
                                                       .reason = api::SaveReason::kNotice,
                                                       .requested_at = kNow + requested,
                                                       .state = state}};
    plan::Plan plan;
    plan.training.push_back(std::move(decision));
    record.learn(picture(), plan);
  };
  settle(seconds(0), api::SaveState::kRequested);
  settle(seconds(0), api::SaveState::kVerified);
  settle(seconds(0), api::SaveState::kVerified);  // a second look at the same
  settle(seconds(9), api::SaveState::kGivenUp);
  Picture built = picture();
  record.show(built);
  EXPECT_EQ(built.snapshot.training.at(0).checkpointing->notice_saves, 2);
  EXPECT_EQ(built.snapshot.training.at(0).checkpointing->notice_saves_verified, 1);
}

}  // namespace
}  // namespace spillway::control
