#include "server_fixture.h"

namespace spillway::sim {
namespace {

using ::testing::HasSubstr;

class ApplyTest : public ServerTest {
 protected:
  static json status(json content) {
    return {{"apiVersion", "spillway.dev/v1alpha1"},
            {"kind", "TrainingJob"},
            {"metadata", {{"name", "a"}, {"namespace", "default"}}},
            {"status", std::move(content)}};
  }
  void SetUp() override { ASSERT_EQ(post(kJobsPath, training_job("a")).status, 201); }
  std::string target = std::string(kJobsPath) + "/a";
};

TEST_F(ApplyTest, a_field_that_is_left_out_is_removed) {
  const json placement = {{"pool", "p"},
                          {"tier", "Spot"},
                          {"attempt", 1},
                          {"since", "2026-01-01T00:00:00Z"},
                          {"reason", "cheap"}};
  const Reply first = apply(target + "/status", status({{"attempt", 1}, {"placement", placement}}),
                            "spillway-status");
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(first.body["status"]["placement"], placement);
  const Reply second = apply(target + "/status", status({{"attempt", 1}}), "spillway-status");
  EXPECT_EQ(second.body["status"], (json{{"attempt", 1}}));
}

TEST_F(ApplyTest, an_apply_that_says_the_same_writes_nothing) {
  const Reply first = apply(target + "/status", status({{"attempt", 1}}), "spillway-status");
  time.run_for(std::chrono::seconds(5));
  EXPECT_EQ(apply(target + "/status", status({{"attempt", 1}}), "spillway-status").version(),
            first.version());
}

TEST_F(ApplyTest, an_apply_on_another_version_is_a_conflict) {
  json wanted = status({{"attempt", 1}});
  wanted["metadata"]["resourceVersion"] = "1";
  const Reply late = apply(target + "/status", wanted, "spillway-status");
  EXPECT_EQ(late.status, 409);
  EXPECT_EQ(late.reason(), "Conflict");
}

TEST_F(ApplyTest, entries_of_a_list_by_key_are_owned_one_by_one) {
  const json ready = {{"type", "Ready"},         {"status", "True"},
                      {"observedGeneration", 1}, {"reason", "A"},
                      {"message", ""},           {"lastTransitionTime", "2026-01-01T00:00:00Z"}};
  json placed = ready;
  placed["type"] = "Placed";
  const Reply first =
      apply(target + "/status", status({{"conditions", json::array({ready})}}), "one");
  ASSERT_EQ(first.status, 200) << first.body;
  const Reply both =
      apply(target + "/status", status({{"conditions", json::array({placed})}}), "two");
  ASSERT_EQ(both.status, 200) << both.body;
  EXPECT_EQ(both.body["status"]["conditions"].size(), 2U);
  const Reply left = apply(target + "/status", status(json::object()), "one");
  EXPECT_EQ(left.body["status"]["conditions"], json::array({placed}));
}

TEST_F(ApplyTest, another_managers_value_is_a_conflict_without_force_and_taken_with_it) {
  apply(target + "/status", status({{"attempt", 1}}), "one");
  const Reply refused = apply(target + "/status", status({{"attempt", 2}}), "two", false);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.body["details"]["causes"][0]["field"], ".status.attempt");
  EXPECT_THAT(refused.message(), HasSubstr("Apply failed with 1 conflict: conflict with \"one\""));
  EXPECT_EQ(apply(target + "/status", status({{"attempt", 2}}), "two").body["status"]["attempt"],
            2);
  // "one" does not own it any more: leaving it out takes nothing away.
  EXPECT_EQ(apply(target + "/status", status(json::object()), "one").body["status"]["attempt"], 2);
}

TEST_F(ApplyTest, the_same_value_is_shared_and_stays_until_both_let_go) {
  apply(target + "/status", status({{"attempt", 1}}), "one");
  EXPECT_EQ(apply(target + "/status", status({{"attempt", 1}}), "two", false).status, 200);
  EXPECT_EQ(apply(target + "/status", status(json::object()), "one").body["status"]["attempt"], 1);
  EXPECT_FALSE(
      apply(target + "/status", status(json::object()), "two").body["status"].contains("attempt"));
}

TEST_F(ApplyTest, an_apply_creates_what_is_not_there_and_leaves_what_others_add) {
  const std::string path = std::string(kServicesPath) + "/s";
  const Reply made = apply(path, service("s", 80), "spillway");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.body["spec"]["ports"][0]["protocol"], "TCP");
  EXPECT_EQ(merge(path, {{"metadata", {{"annotations", {{"theirs", "1"}}}}}}).status, 200);
  const Reply changed = apply(path, service("s", 81), "spillway");
  EXPECT_EQ(changed.body["metadata"]["annotations"]["theirs"], "1");
  ASSERT_EQ(changed.body["spec"]["ports"].size(), 1U) << changed.body;
  EXPECT_EQ(changed.body["spec"]["ports"][0]["port"], 81);
}

TEST_F(ApplyTest, replicas_changed_by_an_autoscaler_through_scale_conflict) {
  const json deployment = {
      {"apiVersion", "apps/v1"},
      {"kind", "Deployment"},
      {"metadata", {{"name", "d"}, {"namespace", "default"}}},
      {"spec",
       {{"replicas", 2},
        {"selector", {{"matchLabels", {{"app", "a"}}}}},
        {"template", {{"metadata", {{"labels", {{"app", "a"}}}}}, {"spec", pod("x")["spec"]}}}}}};
  const std::string path = "/apis/apps/v1/namespaces/default/deployments/d";
  ASSERT_EQ(apply(path, deployment, "spillway").status, 201);
  ASSERT_EQ(merge(path + "/scale", {{"spec", {{"replicas", 5}}}}).status, 200);
  const Reply refused = apply(path, deployment, "spillway", false);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.body["details"]["causes"][0]["field"], ".spec.replicas");
}

}  // namespace
}  // namespace spillway::sim
