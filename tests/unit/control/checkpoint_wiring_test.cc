#include <spillway/control/checkpoint_wiring.h>

#include <gmock/gmock.h>

#include <spillway/control/children.h>

#include "unit/control/fixtures.h"

namespace spillway::control {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using testing::json;
using testing::must;
using ::testing::Not;

json checkpointed(json checkpoint) {
  json object = testing::placed_json("llama", 3, 2);
  object["spec"]["checkpoint"] = std::move(checkpoint);
  object["status"]["placement"]["resumeFrom"] = {
      {"uri", "s3://bucket/x/attempt-0002/step-000000000040/"}, {"step", 40}, {"attempt", 2}};
  object["status"]["checkpoint"] = {{"state", "Committed"}, {"computeTime", "1h30m0s"}};
  return object;
}
json agent_mode() {
  return {{"store", "main"},
          {"format", "SuccessFile"},
          {"mode", "Agent"},
          {"directory", "/checkpoints"},
          {"trigger", {{"signal", "SIGUSR1"}}},
          {"grace", "1m"}};
}
json native_mode() {
  return {{"store", "main"},
          {"format", "SuccessFile"},
          {"mode", "Native"},
          {"trigger", {{"http", {{"port", 8470}, {"path", "/save"}}}}}};
}
StoreConfig store() {
  StoreConfig config{.name = api::StoreName("main"), .prefix = "training"};
  config.s3.bucket = storage::BucketName("bucket");
  config.s3.endpoint = cloud::parse_url("http://store.example:9000").value();
  config.s3.addressing = storage::Addressing::kPath;
  config.pods.secret = "store-keys";
  return config;
}

class Wired : public ::testing::Test {
 protected:
  json pods(const json& checkpoint, const json& change = json::object()) {
    json object = checkpointed(checkpoint);
    object["spec"].merge_patch(change);
    const auto job = must(api::read<api::TrainingJob>(object));
    const auto pool =
        must(api::read<api::CapacityPool>(testing::pool_json("spot-a", "Spot", 2, "4.00")));
    StoreConfig config = store();
    config.authorities = authorities_;
    const CheckpointWiring wiring{.store = &config, .agent = {.image = "agent:1"}};
    job_ = attempt_job(job, *job.status.placement, pool, &wiring);
    return job_.at("/spec/template/spec"_json_pointer);
  }
  static std::map<std::string, std::string> variables(const json& container) {
    std::map<std::string, std::string> found;
    for (const json& entry : container.at("env"))
      found.emplace(entry.at("name"), entry.contains("value") ? entry.at("value").get<std::string>()
                                                              : entry.at("valueFrom").dump());
    return found;
  }
  std::string authorities_;
  json job_;
};

TEST_F(Wired, an_agent_restores_before_the_program_and_stays_beside_it) {
  const json spec = pods(agent_mode());
  ASSERT_EQ(spec.at("initContainers").size(), 2U);
  const json& restore = spec.at("initContainers")[0];
  const json& sync = spec.at("initContainers")[1];
  EXPECT_EQ(restore.at("args"), json::array({"restore"}));
  EXPECT_FALSE(restore.contains("restartPolicy"));
  EXPECT_EQ(sync.at("args"), json::array({"sync"}));
  EXPECT_EQ(sync.at("restartPolicy"), "Always");
  EXPECT_EQ(sync.at("ports")[0].at("containerPort"), 8467);
  EXPECT_EQ(spec.at("shareProcessNamespace"), true);
  EXPECT_EQ(spec.at("terminationGracePeriodSeconds"), 60);
  for (const json* container : {&restore, &sync}) {
    const auto set = variables(*container);
    EXPECT_EQ(set.at("SPILLWAY_CHECKPOINT_URI"), "s3://bucket/training/team-a/llama/uid-llama/");
    EXPECT_EQ(set.at("SPILLWAY_RESUME_FROM"), "s3://bucket/x/attempt-0002/step-000000000040/");
    EXPECT_EQ(set.at("SPILLWAY_RESUME_STEP"), "40");
    EXPECT_EQ(set.at("SPILLWAY_ATTEMPT"), "3");
    EXPECT_EQ(set.at("SPILLWAY_STORE_PATH_STYLE"), "true");
    EXPECT_EQ(set.at("SPILLWAY_STORE_CREDENTIALS"), "/var/run/spillway/store");
    EXPECT_EQ(set.at("SPILLWAY_CHECKPOINT_WRITERS"), "2");
    EXPECT_EQ(set.at("SPILLWAY_CHECKPOINT_FORMAT"), "SuccessFile");
    EXPECT_THAT(set.at("SPILLWAY_TOKEN"), ::testing::HasSubstr("spillway-token-uid-llama"));
  }
  EXPECT_EQ(variables(sync).at("SPILLWAY_TRIGGER"), "signal:SIGUSR1");
  EXPECT_EQ(variables(spec.at("containers")[0]).at("SPILLWAY_CHECKPOINT_DIR"), "/checkpoints");
  EXPECT_EQ(variables(spec.at("containers")[0]).count("SPILLWAY_STORE_CREDENTIALS"), 0U)
      << "the program needs none";
  EXPECT_EQ(spec.at("containers")[0].at("volumeMounts")[0].at("mountPath"), "/checkpoints");
  EXPECT_EQ(job_.at("metadata").at("annotations").at("spillway.dev/resumed-compute-time"), "1h30m");
}

TEST_F(Wired, a_volume_that_the_program_has_at_its_directory_is_used) {
  const json own = json::parse(R"({"template": {"spec": {
      "containers": [{"name": "main", "image": "example/train:1",
                      "volumeMounts": [{"name": "scratch", "mountPath": "/checkpoints"}]}],
      "volumes": [{"name": "scratch", "emptyDir": {}}]}}})");
  const json spec = pods(agent_mode(), own);
  EXPECT_EQ(spec.at("initContainers")[1].at("volumeMounts")[0].at("name"), "scratch");
  for (const json& volume : spec.at("volumes"))
    EXPECT_NE(volume.at("name"), "spillway-checkpoints");
  EXPECT_EQ(spec.at("containers")[0].at("volumeMounts").size(), 1U);
}

TEST_F(Wired, a_native_program_gets_the_store_and_nothing_is_injected) {
  const json spec = pods(native_mode());
  EXPECT_FALSE(spec.contains("initContainers"));
  EXPECT_FALSE(spec.contains("shareProcessNamespace"));
  const auto set = variables(spec.at("containers")[0]);
  EXPECT_EQ(set.at("SPILLWAY_CHECKPOINT_URI"),
            "s3://bucket/training/team-a/llama/uid-llama/attempt-0003/")
      << "two attempts never write the same key";
  EXPECT_EQ(set.at("SPILLWAY_STORE_ENDPOINT"), "http://store.example:9000/");
  EXPECT_EQ(set.at("SPILLWAY_RESUME_STEP"), "40");
  EXPECT_EQ(spec.at("containers")[0].at("volumeMounts")[0].at("mountPath"),
            "/var/run/spillway/store");
}

TEST_F(Wired, an_agent_of_a_replica_that_retries_alone_has_a_prefix_of_its_own) {
  const json spec = pods(agent_mode(), {{"gang", false}});
  for (const json& container : spec.at("initContainers")) {
    const auto set = variables(container);
    EXPECT_EQ(set.at("SPILLWAY_CHECKPOINT_URI"),
              "s3://bucket/training/team-a/llama/uid-llama/index-$(SPILLWAY_REPLICA)/");
    EXPECT_THAT(set.at("SPILLWAY_REPLICA"), ::testing::HasSubstr("job-completion-index"));
    EXPECT_EQ(set.at("SPILLWAY_RETRY"), "$(SPILLWAY_RETRIES_COUNTED)-$(SPILLWAY_RETRIES_IGNORED)");
    EXPECT_EQ(set.at("SPILLWAY_CHECKPOINT_WRITERS"), "1");
    EXPECT_EQ(set.at("WORLD_SIZE"), "1");
    EXPECT_EQ(set.at("RANK"), "0");
  }
}

TEST_F(Wired, a_variable_comes_before_those_that_it_is_put_into) {
  for (const json& mode : {agent_mode(), native_mode()}) {
    const json spec = pods(mode, {{"gang", false}});
    for (const json& container :
         spec.value("initContainers", json::array({spec.at("containers")[0]}))) {
      std::string before;
      for (const json& entry : container.at("env")) {
        const std::string value = entry.value("value", "");
        for (std::size_t at = value.find("$("); at != std::string::npos;
             at = value.find("$(", at + 1)) {
          const std::string name = value.substr(at + 2, value.find(')', at) - at - 2);
          EXPECT_THAT(before, ::testing::HasSubstr(" " + name + " ")) << entry;
        }
        before += " " + entry.at("name").get<std::string>() + " ";
      }
    }
  }
}

TEST_F(Wired, a_native_replica_that_retries_alone_writes_below_its_own_pod) {
  const json spec = pods(native_mode(), {{"gang", false}});
  const auto set = variables(spec.at("containers")[0]);
  const std::string own = "s3://bucket/training/team-a/llama/uid-llama/index-$(SPILLWAY_REPLICA)/";
  EXPECT_EQ(set.at("SPILLWAY_CHECKPOINT_URI"), own + "attempt-0003/retry-$(SPILLWAY_RETRY)/");
  EXPECT_EQ(set.at("SPILLWAY_REPLICA_URI"), own) << "below it is what it can resume from";
}

TEST_F(Wired, who_reaches_a_store_with_authorities_of_its_own_trusts_them) {
  authorities_ = "-----BEGIN CERTIFICATE-----";
  const std::string file = "/var/run/spillway/store-authorities/ca.crt";
  const json agent = pods(agent_mode());
  for (const char* container : {"/initContainers/0", "/initContainers/1"}) {
    const json found = agent.at(json::json_pointer(container));
    EXPECT_THAT(found.at("env"), Contains(json{{"name", "SPILLWAY_STORE_CA"}, {"value", file}}));
    EXPECT_THAT(found.at("volumeMounts"),
                Contains(json{{"name", "spillway-store-authorities"},
                              {"mountPath", "/var/run/spillway/store-authorities"},
                              {"readOnly", true}}));
  }
  const json program = agent.at("/containers/0"_json_pointer);
  EXPECT_THAT(program.at("env"), Not(Contains(json{{"name", "AWS_CA_BUNDLE"}, {"value", file}})))
      << "the agent does it for it";
  EXPECT_THAT(pods(native_mode()).at("/containers/0/env"_json_pointer),
              Contains(json{{"name", "AWS_CA_BUNDLE"}, {"value", file}}));
  const auto job = must(api::read<api::TrainingJob>(checkpointed(agent_mode())));
  StoreConfig config = store();
  config.authorities = authorities_;
  const json object = authorities_object(job, config);
  EXPECT_EQ(object.at("/stringData/ca.crt"_json_pointer), authorities_);
  EXPECT_EQ(object.at("/metadata/name"_json_pointer), authorities_name(config, job.meta.uid).str());
  EXPECT_THAT(
      agent.at("volumes"),
      Contains(json{{"name", "spillway-store-authorities"},
                    {"secret", {{"secretName", authorities_name(config, job.meta.uid).str()}}}}));
  config.authorities = "others";
  EXPECT_NE(object.at("/metadata/name"_json_pointer), authorities_name(config, job.meta.uid).str());
}

TEST_F(Wired, what_the_template_sets_stays) {
  const json own = json::parse(R"({"template": {"spec": {"terminationGracePeriodSeconds": 300,
      "containers": [{"name": "main", "image": "example/train:1",
                      "env": [{"name": "SPILLWAY_RESUME_STEP", "value": "mine"}]}]}}})");
  const json spec = pods(agent_mode(), own);
  EXPECT_EQ(spec.at("terminationGracePeriodSeconds"), 300);
  EXPECT_EQ(variables(spec.at("containers")[0]).at("SPILLWAY_RESUME_STEP"), "mine");
}

TEST(Token, is_the_jobs_own_and_the_same_each_time) {
  const Secret key("k");
  EXPECT_EQ(job_token(key, Uid("a")).reveal(), job_token(key, Uid("a")).reveal());
  EXPECT_NE(job_token(key, Uid("a")).reveal(), job_token(key, Uid("b")).reveal());
  EXPECT_NE(job_token(key, Uid("a")).reveal(), job_token(Secret("l"), Uid("a")).reveal());
  EXPECT_EQ(job_token(key, Uid("a")).reveal().size(), 64U);
}

}  // namespace
}  // namespace spillway::control
