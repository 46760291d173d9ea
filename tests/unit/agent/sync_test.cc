// The sidecar on virtual time, with a directory and a store in memory.
#include "sync.h"

#include <gtest/gtest.h>

#include <spillway/storage/checkpoint_search.h>
#include <nlohmann/json.hpp>

#include "support/memory_object_store.h"
#include "support/run_task.h"
#include "support/temporary_folder.h"

namespace spillway::agent {
namespace {

using nlohmann::json;

class NoHttp final : public cloud::HttpClient {
 public:
  Task<Result<cloud::HttpResponse>> send(cloud::HttpRequest, Duration) override {
    ++requests;
    if (requests <= refusals) co_return fail(ErrorCode::kUnavailable, "refused");
    if (on_request) on_request();
    co_return cloud::HttpResponse{.status = 200};
  }
  void shut_down() override {}
  int requests = 0;
  int refusals = 0;
  std::function<void()> on_request;
};

class SyncTest : public ::testing::Test {
 protected:
  SyncTest() {
    settings_.job = {.job = {Namespace("team-a"), ObjectName("llama")},
                     .uid = Uid("u1"),
                     .attempt = AttemptNumber(3),
                     .prefix = storage::Key("job/"),
                     .directory = folder_.path().string(),
                     .format = storage::CheckpointFormat::kSuccessFile};
    settings_.store.s3.bucket = storage::BucketName("models");
    settings_.token = Secret("t");
    settings_.trigger = parse_trigger("http:8080/save").value();
  }
  ~SyncTest() override {
    if (!sync_) return;
    sync_->stop();
    time_.run_for(std::chrono::minutes(1));
    EXPECT_EQ(group_.running(), 0U);
  }

  void start() {
    sync_ = std::make_unique<Sync>(runtime_, settings_, store_, http_);
    group_.spawn(sync_->run());
    time_.settle();
  }
  void checkpoint(int step) const {
    const std::string name = "step-" + std::to_string(step);
    folder_.write(name + "/model.bin", "weights of " + name);
    folder_.write(name + "/_SUCCESS", "");
  }
  json status() {
    return json::parse(
        sync_->answer({.method = "GET", .path = "/v1/status", .authorization = "Bearer t"}).body);
  }
  int ask(const std::string& id, Duration within = std::chrono::minutes(2)) {
    const json body{{"id", id}, {"attempt", 3}, {"deadline", format_instant(time_.now() + within)}};
    return sync_
        ->answer({.method = "POST",
                  .path = "/v1/save",
                  .authorization = "Bearer t",
                  .body = body.dump()})
        .status;
  }
  std::optional<std::int64_t> newest() {
    const auto found = testing::run_task(
        io_, time_,
        storage::find_newest_valid(runtime_, store_, storage::Key("job/"),
                                   storage::CheckpointFormat::kManifest, {.uid = Uid("u1")}));
    if (!*found || !(*found)->newest) return std::nullopt;
    return (*found)->newest->judgement.step.value();
  }
  void fail_when(std::string doing, std::string part, ErrorCode code) {
    store_.set_fault([=](std::string_view what, const storage::Key& key) -> std::optional<Error> {
      if (what != doing || key.str().find(part) == std::string::npos) return std::nullopt;
      return Error{.code = code, .message = "as the test asked"};
    });
  }

  asio::io_context io_;
  // Files have the real time: virtual time begins now.
  testing::VirtualTime time_{io_, make_system_clock()->now()};
  std::unique_ptr<Random> random_ = make_random(1);
  Runtime runtime_{io_.get_executor(), time_, time_, *random_};
  testing::TemporaryFolder folder_;
  testing::MemoryObjectStore store_{time_};
  NoHttp http_;
  SyncSettings settings_;
  std::unique_ptr<Sync> sync_;
  TaskGroup group_{io_.get_executor(), time_};
};

TEST_F(SyncTest, brings_each_finished_checkpoint_to_the_store_once) {
  start();
  EXPECT_FALSE(status().contains("saved"));
  checkpoint(5);
  time_.run_for(std::chrono::seconds(3));
  EXPECT_EQ(status()["saved"]["step"], 5);
  EXPECT_EQ(status()["saved"]["uri"], "s3://models/job/attempt-0003/step-000000000005/");
  EXPECT_EQ(newest(), 5);
  const std::size_t requests = store_.log.size();
  time_.run_for(std::chrono::minutes(5));
  EXPECT_EQ(store_.log.size(), requests);
}

TEST_F(SyncTest, writes_the_manifest_last) {
  checkpoint(5);
  start();
  time_.run_for(std::chrono::seconds(3));
  std::vector<std::string> puts;
  for (const std::string& line : store_.log) {
    if (line.starts_with("put ")) puts.push_back(line);
  }
  ASSERT_EQ(puts.size(), 4U);
  EXPECT_EQ(puts.front(), "put job/attempt-0003/ATTEMPT");
  EXPECT_EQ(puts.back(), "put job/attempt-0003/step-000000000005/MANIFEST.json");
}

TEST_F(SyncTest, passes_over_what_became_old_meanwhile) {
  checkpoint(5);
  checkpoint(6);
  checkpoint(7);
  start();
  time_.run_for(std::chrono::seconds(10));
  EXPECT_EQ(newest(), 7);
  for (const auto& [key, object] : store_.objects)
    EXPECT_EQ(key.find("step-000000000005"), std::string::npos);
}

TEST_F(SyncTest, makes_the_program_save_and_says_when_it_is_done) {
  checkpoint(5);
  start();
  time_.run_for(std::chrono::seconds(3));
  http_.on_request = [&] { checkpoint(8); };
  EXPECT_EQ(ask("r-1"), 202);
  time_.run_for(std::chrono::seconds(2));
  EXPECT_EQ(status()["request"]["state"], "Saved");
  EXPECT_EQ(status()["saved"]["step"], 8);
  EXPECT_TRUE(status()["saved"].contains("saveSeconds"));
  EXPECT_EQ(newest(), 8);
}

TEST_F(SyncTest, does_not_take_an_older_checkpoint_for_the_answer) {
  start();
  checkpoint(5);
  // Finished before the request, uploaded after it.
  time_.run_for(std::chrono::milliseconds(1500));
  time_.step_wall(std::chrono::hours(1));
  ask("r-1");
  time_.run_for(std::chrono::seconds(5));
  EXPECT_EQ(status()["saved"]["step"], 5);
  EXPECT_EQ(status()["request"]["state"], "Saving");
}

TEST_F(SyncTest, asks_again_until_the_program_listens) {
  start();
  http_.refusals = 3;
  http_.on_request = [&] { checkpoint(8); };
  ask("r-1");
  time_.run_for(std::chrono::seconds(2));
  EXPECT_EQ(status()["request"]["state"], "Received");
  EXPECT_NE(status()["request"]["message"].get<std::string>().find("asking the program"),
            std::string::npos);
  time_.run_for(std::chrono::seconds(10));
  EXPECT_EQ(status()["request"]["state"], "Saved");
  EXPECT_EQ(http_.requests, 4);
}

TEST_F(SyncTest, gives_up_at_the_absolute_deadline) {
  start();
  ask("r-1", std::chrono::seconds(30));
  time_.run_for(std::chrono::seconds(20));
  EXPECT_EQ(status()["request"]["state"], "Saving");
  time_.run_for(std::chrono::seconds(15));
  EXPECT_EQ(status()["request"]["state"], "Failed");
  EXPECT_NE(status()["request"]["message"].get<std::string>().find("at the deadline"),
            std::string::npos);
  // What comes later is uploaded all the same.
  checkpoint(9);
  time_.run_for(std::chrono::seconds(5));
  EXPECT_EQ(newest(), 9);
}

TEST_F(SyncTest, a_store_that_refuses_is_reported_and_tried_again) {
  fail_when("put", "", ErrorCode::kForbidden);
  start();
  checkpoint(5);
  ask("r-1");
  time_.run_for(std::chrono::seconds(10));
  EXPECT_NE(status()["request"]["message"].get<std::string>().find("as the test asked"),
            std::string::npos);
  store_.set_fault({});
  time_.run_for(std::chrono::seconds(10));
  EXPECT_EQ(newest(), 5);
}

TEST_F(SyncTest, a_failure_at_any_step_of_the_upload_leaves_nothing_valid_and_is_repaired) {
  checkpoint(5);
  start();
  time_.run_for(std::chrono::seconds(3));
  const std::size_t steps = store_.log.size();
  ASSERT_GT(steps, 5U);
  for (std::size_t failing = 1; failing <= steps; ++failing) {
    store_.objects.clear();
    store_.log.clear();
    std::size_t count = 0;
    bool down = false;
    store_.set_fault([&](std::string_view, const storage::Key&) -> std::optional<Error> {
      down = down || ++count == failing;
      if (!down) return std::nullopt;
      return Error{.code = ErrorCode::kUnavailable, .message = "down"};
    });
    Sync other(runtime_, settings_, store_, http_);
    group_.spawn(other.run());
    time_.run_for(std::chrono::seconds(4));
    store_.set_fault({});
    EXPECT_EQ(newest(), std::nullopt) << "the store went away at request " << failing;
    time_.run_for(std::chrono::seconds(10));
    EXPECT_EQ(newest(), 5) << failing;
    other.stop();
    time_.run_for(std::chrono::seconds(1));
  }
}

TEST_F(SyncTest, a_successor_ends_it) {
  start();
  checkpoint(5);
  time_.run_for(std::chrono::seconds(3));
  store_.write("job/attempt-0004/ATTEMPT", "attempt 4");
  ask("r-1");
  checkpoint(900);
  time_.run_for(std::chrono::seconds(10));
  EXPECT_EQ(status()["request"]["state"], "Failed");
  EXPECT_EQ(newest(), 5);
}

TEST_F(SyncTest, a_successor_that_comes_during_the_upload_stops_the_commit) {
  checkpoint(5);
  store_.set_fault([&](std::string_view doing, const storage::Key& key) -> std::optional<Error> {
    if (doing == "put" && key.str().ends_with("model.bin")) {
      store_.write("job/attempt-0004/ATTEMPT", "attempt 4");
    }
    return std::nullopt;
  });
  start();
  time_.run_for(std::chrono::seconds(10));
  EXPECT_EQ(newest(), std::nullopt);
}

TEST_F(SyncTest, uploads_what_is_left_before_it_ends) {
  start();
  time_.run_for(std::chrono::seconds(1));
  checkpoint(5);
  sync_->stop();
  time_.run_for(std::chrono::seconds(1));
  EXPECT_EQ(group_.running(), 0U);
  EXPECT_EQ(newest(), 5);
}

TEST_F(SyncTest, a_pod_that_does_not_save_uploads_nothing_but_passes_the_request_on) {
  settings_.job.rank = {.index = 1, .world_size = 1};
  start();
  checkpoint(5);
  ask("r-1");
  time_.run_for(std::chrono::seconds(3));
  EXPECT_EQ(http_.requests, 1);
  EXPECT_EQ(newest(), std::nullopt);
}

TEST_F(SyncTest, meets_the_other_ranks_at_the_step_that_they_have) {
  settings_.job.rank = {.index = 0, .world_size = 2};
  start();
  checkpoint(40);
  time_.run_for(std::chrono::seconds(3));
  EXPECT_EQ(status()["saved"]["step"], 40);
  // Rank 1 was later: it committed 50, while there are 50 and 60 here.
  checkpoint(50);
  checkpoint(60);
  store_.write("job/attempt-0003/step-000000000050/MANIFEST-00001-of-00002.json", "{}");
  time_.run_for(std::chrono::milliseconds(2100));
  EXPECT_TRUE(
      store_.objects.contains("job/attempt-0003/step-000000000050/MANIFEST-00000-of-00002.json"));
  time_.run_for(std::chrono::seconds(5));
  EXPECT_EQ(status()["saved"]["step"], 60);
  // A step behind its newest one is brought as well when the others wait there, ...
  checkpoint(70);
  checkpoint(80);
  time_.run_for(std::chrono::seconds(5));
  EXPECT_FALSE(
      store_.objects.contains("job/attempt-0003/step-000000000070/MANIFEST-00000-of-00002.json"));
  store_.write("job/attempt-0003/step-000000000070/MANIFEST-00001-of-00002.json", "{}");
  time_.run_for(std::chrono::seconds(5));
  EXPECT_TRUE(
      store_.objects.contains("job/attempt-0003/step-000000000070/MANIFEST-00000-of-00002.json"));
  EXPECT_EQ(status()["saved"]["step"], 80);
  // ... unless a newer one is complete.
  checkpoint(65);
  store_.write("job/attempt-0003/step-000000000065/MANIFEST-00001-of-00002.json", "{}");
  time_.run_for(std::chrono::seconds(5));
  EXPECT_FALSE(
      store_.objects.contains("job/attempt-0003/step-000000000065/MANIFEST-00000-of-00002.json"));
}

TEST_F(SyncTest, does_not_bring_back_what_was_restored) {
  settings_.resumed_at = storage::TrainingStep(40);
  checkpoint(40);
  start();
  time_.run_for(std::chrono::seconds(5));
  EXPECT_EQ(newest(), std::nullopt);
  checkpoint(50);
  time_.run_for(std::chrono::seconds(5));
  EXPECT_EQ(newest(), 50);
}

TEST_F(SyncTest, looks_closely_for_a_while_after_a_request_was_met) {
  start();
  http_.on_request = [&] { checkpoint(8); };
  ask("r-1");
  time_.run_for(std::chrono::seconds(3));
  EXPECT_EQ(status()["request"]["state"], "Saved");
  checkpoint(9);
  time_.run_for(std::chrono::milliseconds(300));
  EXPECT_EQ(status()["saved"]["step"], 9);
}

}  // namespace
}  // namespace spillway::agent
