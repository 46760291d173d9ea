#include "settings.h"

#include <gtest/gtest.h>

#include <csignal>
#include <map>

namespace spillway::agent {
namespace {

using Variables = std::map<std::string, std::string>;

cloud::EnvironmentLookup lookup(const Variables& variables) {
  return [variables](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
}

Variables complete() {
  return {{"SPILLWAY_STORE_ENDPOINT", "http://127.0.0.1:9000"},
          {"SPILLWAY_STORE_REGION", "eu-west-1"},
          {"SPILLWAY_STORE_PATH_STYLE", "true"},
          {"SPILLWAY_CHECKPOINT_URI", "s3://models/root/team-a/llama/u1/"},
          {"SPILLWAY_CHECKPOINT_DIR", "/checkpoints"},
          {"SPILLWAY_CHECKPOINT_FORMAT", "TorchDistributed"},
          {"SPILLWAY_ATTEMPT", "3"},
          {"SPILLWAY_TOKEN", "t"},
          {"SPILLWAY_JOB_NAMESPACE", "team-a"},
          {"SPILLWAY_JOB_NAME", "llama"},
          {"SPILLWAY_JOB_UID", "u1"},
          {"SPILLWAY_TRIGGER", "signal:SIGUSR1"},
          {"RANK", "1"},
          {"WORLD_SIZE", "4"}};
}

std::string problem(Variables variables) {
  const auto settings = read_sync_settings(lookup(variables));
  return settings ? "" : settings.error().message;
}

TEST(AgentSettings, are_what_the_operator_said) {
  const auto settings = read_sync_settings(lookup(complete()));
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->store.s3.bucket.str(), "models");
  EXPECT_EQ(settings->store.s3.region.str(), "eu-west-1");
  EXPECT_EQ(settings->store.s3.addressing, storage::Addressing::kPath);
  EXPECT_EQ(settings->job.prefix.str(), "root/team-a/llama/u1/");
  EXPECT_EQ(settings->job.attempt, AttemptNumber(3));
  EXPECT_EQ(settings->job.rank, (storage::Rank{.index = 1, .world_size = 4}));
  EXPECT_EQ(settings->job.format, storage::CheckpointFormat::kTorchDistributed);
  EXPECT_EQ(std::get<SignalTrigger>(settings->trigger).number, SIGUSR1);
}

TEST(AgentSettings, name_the_variable_that_is_missing) {
  for (const char* name : {"SPILLWAY_STORE_ENDPOINT", "SPILLWAY_CHECKPOINT_URI",
                           "SPILLWAY_CHECKPOINT_DIR", "SPILLWAY_ATTEMPT", "SPILLWAY_TOKEN",
                           "SPILLWAY_JOB_NAMESPACE", "SPILLWAY_JOB_NAME", "SPILLWAY_JOB_UID"}) {
    Variables variables = complete();
    variables.erase(name);
    EXPECT_NE(problem(variables).find(name), std::string::npos) << problem(variables);
  }
}

TEST(AgentSettings, refuse_what_makes_no_sense) {
  const auto with = [](const char* name, const char* value) {
    Variables variables = complete();
    variables[name] = value;
    return problem(variables);
  };
  EXPECT_NE(with("SPILLWAY_ATTEMPT", "0").find("1 or more"), std::string::npos);
  EXPECT_NE(with("SPILLWAY_ATTEMPT", "x").find("whole number"), std::string::npos);
  EXPECT_NE(with("RANK", "4").find("below WORLD_SIZE"), std::string::npos);
  EXPECT_NE(with("SPILLWAY_CHECKPOINT_URI", "s3://models/x").find("end with '/'"),
            std::string::npos);
  EXPECT_NE(with("SPILLWAY_CHECKPOINT_DIR", "x").find("begin with '/'"), std::string::npos);
  EXPECT_NE(with("SPILLWAY_CHECKPOINT_FORMAT", "Zip").find("write one of"), std::string::npos);
  EXPECT_NE(with("SPILLWAY_TRIGGER", "signal:SIGKILL").find("SIGUSR1"), std::string::npos);
  EXPECT_NE(with("SPILLWAY_TRIGGER", "mail:me").find("is not a trigger"), std::string::npos);
}

TEST(AgentSettings, know_all_triggers) {
  const auto http = parse_trigger("http:8080/checkpoint?x=1");
  ASSERT_TRUE(http);
  EXPECT_EQ(std::get<HttpTrigger>(*http).url.to_string(), "http://127.0.0.1:8080/checkpoint?x=1");
  const auto file = parse_trigger("file:/tmp/save");
  ASSERT_TRUE(file);
  EXPECT_EQ(std::get<FileTrigger>(*file).path, "/tmp/save");
  EXPECT_TRUE(std::holds_alternative<std::monostate>(parse_trigger("").value()));
}

TEST(AgentSettings, a_resume_point_is_below_the_jobs_own_prefix) {
  Variables variables = complete();
  EXPECT_FALSE(read_restore_settings(lookup(variables)).value().from);
  variables["SPILLWAY_RESUME_FROM"] = "s3://models/root/team-a/llama/u1/attempt-0002/step-7";
  variables["SPILLWAY_RESUME_STEP"] = "7";
  const auto settings = read_restore_settings(lookup(variables));
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->from->key.str(), "root/team-a/llama/u1/attempt-0002/step-7/");
  EXPECT_EQ(settings->step, storage::TrainingStep(7));
  variables["SPILLWAY_RESUME_FROM"] = "s3://models/root/team-b/other/u9/attempt-0002/step-7/";
  EXPECT_NE(read_restore_settings(lookup(variables)).error().message.find("is not below"),
            std::string::npos);
}

TEST(AgentSettings, writers_may_be_fewer_than_pods) {
  Variables variables = complete();
  variables["SPILLWAY_CHECKPOINT_WRITERS"] = "1";
  const auto settings = read_sync_settings(lookup(variables));
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->job.rank, (storage::Rank{.index = 1, .world_size = 1}));
}

}  // namespace
}  // namespace spillway::agent
