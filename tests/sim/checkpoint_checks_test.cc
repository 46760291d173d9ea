// What must never happen to a checkpoint, shown to be noticed: programs and a store as an operator
// that makes mistakes would have them.

#include <spillway/api/agent_protocol.h>

#include "checkpoint_stage.h"
#include "operatorless_world.h"

namespace spillway::sim {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace variable = api::agent::environment;

class CheckpointChecksTest : public OperatorlessWorld {
 protected:
  void SetUp() override {
    OperatorlessWorld::SetUp();
    stage = set_stage(world);
    uid = world.find(control::kTrainingJobs, "train")->at("metadata").at("uid");
  }
  // Of a job with that uid: "s3://checkpoints/train/<uid>/attempt-0001/step-...100/".
  static std::string folder_of(const std::string& job) {
    return "train/" + job + "/attempt-0001/step-000000000100/";
  }
  static std::string uri_of(const std::string& job) {
    return "s3://" + kBucket + "/" + folder_of(job);
  }
  void save(const std::string& job) {
    stage->store.put(kBucket, folder_of(job) + "MANIFEST.json", "{}");
    stage->store.put(kBucket, folder_of(job) + "rank-00000/model.bin", "weights");
  }
  void verify() {
    set_status({{"checkpoint",
                 {{"uri", uri_of(uid)},
                  {"step", 100},
                  {"attempt", 1},
                  {"state", "Committed"},
                  {"verifiedAt", "2019-12-20T00:00:00Z"}}}});
  }
  // A pod of the job's attempt as the operator would have wired it, on a node of its own.
  void run_attempt(int attempt, const std::string& resume_from, int resume_step) {
    const auto of = [](std::string_view name, const std::string& value) {
      return json{{"name", name}, {"value", value}};
    };
    json container = {{"name", "main"}, {"image", "program:1"}};
    container["env"] =
        json::array({of(variable::kCheckpointUri, "s3://" + kBucket + "/train/" + uid + "/"),
                     of(variable::kJobUid, uid), of(variable::kAttempt, std::to_string(attempt)),
                     of(variable::kWorldSize, "1"), of(variable::kResumeFrom, resume_from),
                     of(variable::kResumeStep, std::to_string(resume_step))});
    world.submit({{"apiVersion", "v1"},
                  {"kind", "Pod"},
                  {"metadata",
                   {{"name", "train-" + std::to_string(attempt) + "-0"},
                    {"labels",
                     {{control::label::kTrainingJob, "train"},
                      {control::label::kAttempt, std::to_string(attempt)},
                      {control::label::kPool, "spot-a"}}}}},
                  {"spec", {{"nodeName", "spot-a-1"}, {"containers", json::array({container})}}}});
    world.run_for(seconds(10));
    ASSERT_THAT(stage->programs.runs(), ::testing::SizeIs(1)) << "the program does not run";
  }
  [[nodiscard]] const std::vector<std::string>& told() const {
    return stage->programs.violations();
  }

  std::shared_ptr<CheckpointStage> stage;
  std::string uid;
};

TEST_F(CheckpointChecksTest, a_resume_from_what_is_complete_and_its_own_is_fine) {
  save(uid);
  verify();
  set_status({{"placement",
               {{"pool", "spot-a"},
                {"tier", "Spot"},
                {"attempt", 2},
                {"since", "2020-01-01T00:00:00Z"},
                {"reason", "cheap"},
                {"rate", "8.00"}}}});
  run_attempt(2, uri_of(uid), 100);
  EXPECT_THAT(told(), IsEmpty());
}
TEST_F(CheckpointChecksTest, a_newest_verified_checkpoint_that_is_removed_is_told) {
  save(uid);
  verify();
  EXPECT_THAT(told(), IsEmpty());
  stage->store.erase(kBucket, folder_of(uid) + "MANIFEST.json");
  stage->store.erase(kBucket, folder_of(uid) + "rank-00000/model.bin");
  pass(seconds(1));
  EXPECT_THAT(told(), ElementsAre(HasSubstr("the newest verified checkpoint is gone")));
}
TEST_F(CheckpointChecksTest, a_resume_from_what_is_not_complete_is_told) {
  save(uid);
  stage->store.erase(kBucket, folder_of(uid) + "rank-00000/model.bin");
  run_attempt(2, uri_of(uid), 100);
  EXPECT_THAT(told(), ElementsAre(HasSubstr("attempt 2 resumed from what is not complete")));
}
TEST_F(CheckpointChecksTest, a_resume_from_half_of_the_ranks_is_told) {
  const std::string folder = folder_of(uid);
  stage->store.put(kBucket, folder + "MANIFEST-00000-of-00002.json", "{}");
  stage->store.put(kBucket, folder + "rank-00000/model.bin", "weights");
  run_attempt(2, uri_of(uid), 100);
  EXPECT_THAT(told(), ElementsAre(HasSubstr("attempt 2 resumed from what is not complete")));
}
TEST_F(CheckpointChecksTest, a_resume_from_what_another_job_of_the_name_wrote_is_told) {
  const std::string other = "00000000-0000-4000-8000-000000000000";
  save(other);
  run_attempt(1, uri_of(other), 100);
  EXPECT_THAT(told(), ElementsAre(HasSubstr("attempt 1 resumed from what another job wrote")));
}
TEST_F(CheckpointChecksTest, a_beginning_below_what_was_verified_is_told) {
  save(uid);
  verify();
  set_status({{"placement",
               {{"pool", "spot-a"},
                {"tier", "Spot"},
                {"attempt", 2},
                {"since", "2020-01-01T00:00:00Z"},
                {"reason", "cheap"},
                {"rate", "8.00"}}}});
  run_attempt(2, "", 0);
  EXPECT_THAT(told(), ElementsAre(HasSubstr("began with step 0 although step 100 was verified")));
}

}  // namespace
}  // namespace spillway::sim
