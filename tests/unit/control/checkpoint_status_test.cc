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
    stores_.emplace(runtime_, std::vector<StoreConfig>{store_config(true)}, http_,
                    [](const char*) { return nullptr; });
  }
  static StoreConfig store_config(bool prune) {
    StoreConfig main{.name = api::StoreName("main"),
                     .credentials = CredentialSource::kEnvironment,
                     .prune = prune};
    main.s3.bucket = storage::BucketName("bucket");
    main.s3.endpoint = cloud::parse_url("http://127.0.0.1:1").value();
    main.s3.addressing = storage::Addressing::kPath;
    return main;
  }
  Picture picture() {
    PictureBuilder builder({});
    return builder.build(world_.world, {}, four_dollars, kNow, {.stores = &*stores_});
  }
  std::vector<Work> work(plan::TrainingDecision decision) {
    plan::Plan plan;
    plan.training.push_back(std::move(decision));
    return carry_out(std::move(plan));
  }
  std::vector<Work> carry_out(plan::Plan plan) {
    const Picture built = picture();
    plan.pools.resize(built.pools.size());
    PoolMemory memory;
    memory.learn_from_picture(built, kNow);
    memory.learn_from_plan(built, plan, kNow);
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
  ASSERT_EQ(work[0].writes.size(), 4U);
  EXPECT_TRUE(std::holds_alternative<WriteStatus>(work[0].writes[0]));
  EXPECT_EQ(std::get<DeleteObject>(work[0].writes[1]).type, kube::kJobs);
  const auto& pod = std::get<DeleteObject>(work[0].writes[2]);
  EXPECT_EQ(pod.type, kube::kPods);
  EXPECT_EQ(pod.grace, seconds(8));
  EXPECT_TRUE(std::holds_alternative<HoldDeletion>(work[0].writes[3])) << "that is not urgent";
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
  json held = checkpointed(1);
  held["metadata"]["finalizers"] = json::array({"spillway.dev/checkpoint"});
  world_.training(held)
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

TEST_F(Protocol, after_a_restart_the_last_saves_of_the_jobs_are_remembered_once) {
  json job = checkpointed(2);
  job["status"]["save"] = {{"attempt", 1},
                           {"reason", "Notice"},
                           {"requestedAt", "2026-11-21T11:50:00Z"},
                           {"deadline", "2026-11-21T11:52:00Z"},
                           {"state", "Verified"}};
  world_.training(job).job(job_json("llama", 1, "spot-a")).job(job_json("llama", 2, "spot-a"));
  SaveRecord record;
  record.recall(picture());
  record.recall(picture());
  Picture built = picture();
  record.show(built);
  EXPECT_EQ(built.snapshot.training.at(0).checkpointing->notice_saves, 1);
  EXPECT_EQ(built.snapshot.training.at(0).checkpointing->notice_saves_verified, 1);
}

// ---- deletion

json deleted(json job, bool held = true) {
  job["metadata"]["deletionTimestamp"] = format_instant(kNow - seconds(5));
  if (held)
    job["metadata"]["finalizers"] = json::array({"example.com/own", "spillway.dev/checkpoint"});
  return job;
}

template <class T>
std::size_t position(const Work& work) {
  const auto at = std::ranges::find_if(
      work.writes, [](const Write& write) { return std::holds_alternative<T>(write); });
  return static_cast<std::size_t>(at - work.writes.begin());
}

const HoldDeletion* hold_in(const std::vector<Work>& work) {
  if (work.empty()) return nullptr;
  const std::size_t at = position<HoldDeletion>(work[0]);
  return at < work[0].writes.size() ? &std::get<HoldDeletion>(work[0].writes[at]) : nullptr;
}

plan::InterruptionStep saving_for_deletion() {
  return {.state = InterruptionState::kSaving,
          .save = api::SaveStatus{.attempt = AttemptNumber(1),
                                  .reason = api::SaveReason::kDeleted,
                                  .requested_at = kNow,
                                  .deadline = kNow + seconds(600)},
          .ask = true};
}

TEST_F(Protocol, an_attempt_that_could_save_is_held_before_it_begins) {
  world_.training(checkpointed(1));
  const auto work = this->work({.workload = 0, .placement = placement(1)});
  const HoldDeletion* hold = hold_in(work);
  ASSERT_NE(hold, nullptr);
  EXPECT_TRUE(hold->hold);
  EXPECT_LT(position<HoldDeletion>(work[0]), position<CreateChild>(work[0]));
}

// Its last status was written, and the operator ended before it took the finalizer away.
TEST_F(Protocol, a_finished_job_that_is_still_held_is_let_go) {
  json done = checkpointed(1);
  done["metadata"]["finalizers"] = json::array({"spillway.dev/checkpoint"});
  done["status"]["conditions"] = json::array({{{"type", "Complete"},
                                               {"status", "True"},
                                               {"reason", "Succeeded"},
                                               {"message", ""},
                                               {"lastTransitionTime", "2026-11-21T11:58:00Z"},
                                               {"observedGeneration", 1}}});
  world_.training(done);
  const auto work = carry_out({});
  const HoldDeletion* hold = hold_in(work);
  ASSERT_NE(hold, nullptr);
  EXPECT_FALSE(hold->hold);
}

TEST_F(Protocol, a_job_that_cannot_be_asked_to_save_is_never_held) {
  json job = checkpointed(1);
  job["spec"]["checkpoint"].erase("trigger");
  world_.training(job);
  EXPECT_EQ(hold_in(this->work({.workload = 0, .placement = placement(1)})), nullptr);
}

TEST_F(Protocol, a_deleted_job_is_asked_to_save_before_it_is_let_go) {
  world_.training(deleted(checkpointed(1)))
      .job(job_json("llama", 1, "spot-a"))
      .pod(pod_json("llama", 1, 0, "n1", "Running"));
  plan::TrainingDecision keep{.workload = 0, .cause = Cause::kTerminating};
  keep.placement = placement(1);
  keep.interruption = saving_for_deletion();
  const auto saving = this->work(keep);
  EXPECT_EQ(status_in(saving).at("save").at("state"), "Requested");
  EXPECT_EQ(hold_in(saving), nullptr);

  keep.interruption->state = InterruptionState::kSaved;
  keep.interruption->save->state = api::SaveState::kVerified;
  keep.interruption->ask = false;
  keep.interruption->may_end = true;
  const auto saved = this->work(keep);
  EXPECT_EQ(status_in(saved).at("save").at("state"), "Verified");
  ASSERT_NE(hold_in(saved), nullptr);
  EXPECT_FALSE(hold_in(saved)->hold);
  EXPECT_LT(position<WriteStatus>(saved[0]), position<HoldDeletion>(saved[0]));
}

// Its Job may have been made while nobody was told of it.
TEST_F(Protocol, a_deleted_job_whose_attempt_is_not_seen_is_let_go_when_it_is_known_to_be_over) {
  world_.training(deleted(checkpointed(1)));
  const auto work = this->work({.workload = 0, .cause = Cause::kTerminating});
  ASSERT_NE(hold_in(work), nullptr);
  EXPECT_LT(position<ConfirmAttemptOver>(work[0]), position<HoldDeletion>(work[0]));
}

TEST_F(Protocol, a_deleted_job_with_nothing_to_save_is_let_go_at_once) {
  json never_started = checkpointed(1);
  never_started.erase("status");
  world_.training(deleted(never_started));
  const auto work = this->work({.workload = 0, .cause = Cause::kTerminating});
  ASSERT_NE(hold_in(work), nullptr);
  EXPECT_FALSE(hold_in(work)->hold);
  EXPECT_TRUE(std::holds_alternative<ConfirmCurrent>(work[0].writes.front()));
}

TEST_F(Protocol, who_does_not_want_to_wait_for_a_deletion_need_not) {
  json job = deleted(checkpointed(1));
  job["metadata"]["annotations"] = {{"spillway.dev/delete-now", "true"}};
  world_.training(job)
      .job(job_json("llama", 1, "spot-a"))
      .pod(pod_json("llama", 1, 0, "n1", "Running"));
  plan::TrainingDecision keep{.workload = 0, .cause = Cause::kTerminating};
  keep.placement = placement(1);
  keep.interruption = saving_for_deletion();
  const auto work = this->work(keep);
  ASSERT_NE(hold_in(work), nullptr);
  EXPECT_FALSE(hold_in(work)->hold);
}

TEST_F(Protocol, a_deleted_job_that_we_do_not_hold_is_left_to_the_garbage_collector) {
  world_.training(deleted(checkpointed(1), false));
  EXPECT_TRUE(this->work({.workload = 0, .cause = Cause::kTerminating}).empty());
}

TEST_F(Protocol, checkpoints_that_are_to_go_with_their_job_go_when_its_pods_have_ended) {
  json job = checkpointed(1);
  job["spec"]["checkpoint"]["deletionPolicy"] = "Delete";
  world_.training(deleted(job))
      .job(job_json("llama", 1, "spot-a"))
      .pod(pod_json("llama", 1, 0, "n1", "Running"));
  const auto running = this->work({.workload = 0, .cause = Cause::kTerminating});
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(hold_in(running), nullptr);
  EXPECT_LT(position<DeleteObject>(running[0]), running[0].writes.size()) << "its Job ends first";
  EXPECT_FALSE(picture().checkpoints.at(0)->target->erase);
}

TEST_F(Protocol, a_store_that_lets_nothing_be_removed_keeps_the_checkpoints_and_a_person_is_told) {
  stores_.emplace(runtime_, std::vector<StoreConfig>{store_config(false)}, http_,
                  [](const char*) { return nullptr; });
  json job = checkpointed(1);
  job["spec"]["checkpoint"]["deletionPolicy"] = "Delete";
  world_.training(deleted(job));
  const auto work = this->work({.workload = 0, .cause = Cause::kTerminating});
  ASSERT_NE(hold_in(work), nullptr);
  EXPECT_FALSE(hold_in(work)->hold);
  ASSERT_EQ(work[0].notables.size(), 1U);
  EXPECT_EQ(work[0].notables[0].reason, "CheckpointsKept");
  EXPECT_THAT(work[0].notables[0].note, ::testing::HasSubstr("stores[].prune"));
}

TEST_F(Protocol, a_removal_that_does_not_end_is_given_up_after_a_while) {
  json job = checkpointed(1);
  job["spec"]["checkpoint"]["deletionPolicy"] = "Delete";
  json long_ago = deleted(job);
  long_ago["metadata"]["deletionTimestamp"] = "2026-11-21T11:48:00Z";
  world_.training(deleted(job));
  EXPECT_TRUE(this->work({.workload = 0, .cause = Cause::kTerminating}).empty());
  EXPECT_TRUE(picture().checkpoints.at(0)->target->erase);
  long_ago["metadata"]["resourceVersion"] = "11";
  world_.training(long_ago);
  const auto work = this->work({.workload = 0, .cause = Cause::kTerminating});
  ASSERT_NE(hold_in(work), nullptr);
  EXPECT_EQ(work[0].notables.at(0).reason, "CheckpointsKept");
}

}  // namespace
}  // namespace spillway::control
