#include "server_fixture.h"

namespace spillway::sim {
namespace {

using ::testing::HasSubstr;

TEST_F(ServerTest, a_created_object_has_identity_version_generation_and_defaults) {
  const Reply made = post(kJobsPath, training_job("a"));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.body["metadata"]["generation"], 1);
  EXPECT_EQ(made.body["metadata"]["uid"].get<std::string>().size(), 36U);
  EXPECT_EQ(made.body["metadata"]["creationTimestamp"], format_instant(time.now()));
  EXPECT_EQ(made.body["spec"]["replicas"], 1);
  EXPECT_EQ(made.body["spec"]["fallbackAfter"], "15m");
  EXPECT_EQ(get(std::string(kJobsPath) + "/a").body, made.body);
}

TEST_F(ServerTest, a_second_object_of_the_name_is_refused) {
  ASSERT_EQ(post(kJobsPath, training_job("a")).status, 201);
  const Reply again = post(kJobsPath, training_job("a"));
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.reason(), "AlreadyExists");
  EXPECT_EQ(again.message(), R"(trainingjobs.spillway.dev "a" already exists)");
}

TEST_F(ServerTest, an_object_against_the_schema_is_refused_with_every_cause) {
  json job = training_job("a");
  job["spec"]["replicas"] = 0;
  job["spec"]["accelerator"].erase("models");
  const Reply refused = post(kJobsPath, job);
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.reason(), "Invalid");
  EXPECT_EQ(refused.body["details"]["causes"].size(), 3U)
      << refused.body;  // and the rules that were not looked at
  EXPECT_THAT(refused.message(),
              HasSubstr("spec.replicas in body should be greater than or equal to 1"));
  EXPECT_THAT(refused.message(), HasSubstr("spec.accelerator.models: Required value"));
}

TEST_F(ServerTest, a_rule_between_fields_is_kept) {
  json job = training_job("a");
  job["spec"]["deadline"] = "2030-01-01T00:00:00Z";
  const Reply refused = post(kJobsPath, job);
  EXPECT_EQ(refused.status, 422);
  EXPECT_THAT(refused.message(), HasSubstr("write duration beside deadline"));
}

TEST_F(ServerTest, unknown_fields_are_pruned) {
  json job = training_job("a");
  job["spec"]["replicsa"] = 4;
  job["spec"]["template"]["spec"]["containers"][0]["imag"] = "x";
  const Reply made = post(kJobsPath, job);
  ASSERT_EQ(made.status, 201);
  EXPECT_FALSE(made.body["spec"].contains("replicsa"));
  EXPECT_FALSE(made.body["spec"]["template"]["spec"]["containers"][0].contains("imag"));
}

TEST_F(ServerTest, only_a_change_of_the_spec_is_a_new_generation) {
  const Reply made = post(kJobsPath, training_job("a"));
  const std::string target = std::string(kJobsPath) + "/a";
  const Reply status = merge(target + "/status", {{"status", {{"attempt", 1}}}});
  ASSERT_EQ(status.status, 200) << status.body;
  EXPECT_EQ(status.body["metadata"]["generation"], 1);
  EXPECT_NE(status.version(), made.version());
  EXPECT_EQ(
      merge(target, {{"metadata", {{"labels", {{"x", "y"}}}}}}).body["metadata"]["generation"], 1);
  EXPECT_EQ(merge(target, {{"spec", {{"replicas", 2}}}}).body["metadata"]["generation"], 2);
}

TEST_F(ServerTest, spec_and_status_are_written_through_their_own_endpoints_only) {
  post(kJobsPath, training_job("a"));
  const std::string target = std::string(kJobsPath) + "/a";
  const Reply spec = merge(target, {{"spec", {{"replicas", 3}}}, {"status", {{"attempt", 7}}}});
  EXPECT_FALSE(spec.body.contains("status"));
  const Reply status =
      merge(target + "/status", {{"spec", {{"replicas", 9}}}, {"status", {{"attempt", 2}}}});
  EXPECT_EQ(status.body["spec"]["replicas"], 3);
  EXPECT_EQ(status.body["status"]["attempt"], 2);
}

TEST_F(ServerTest, a_write_that_changes_nothing_makes_no_version) {
  const Reply made = post(kJobsPath, training_job("a"));
  time.run_for(std::chrono::seconds(10));
  const Reply same = merge(std::string(kJobsPath) + "/a", {{"spec", {{"replicas", 1}}}});
  EXPECT_EQ(same.version(), made.version());
}

TEST_F(ServerTest, an_update_of_an_old_version_is_a_conflict) {
  const Reply made = post(kJobsPath, training_job("a"));
  const std::string target = std::string(kJobsPath) + "/a";
  merge(target, {{"spec", {{"replicas", 2}}}});
  const Reply late = put(target, made.body);
  EXPECT_EQ(late.status, 409);
  EXPECT_EQ(late.message(),
            "Operation cannot be fulfilled on trainingjobs.spillway.dev \"a\": the object has been "
            "modified; please apply your "
            "changes to the latest version and try again");
}

TEST_F(ServerTest, deletion_keeps_its_preconditions) {
  const Reply made = post(kJobsPath, training_job("a"));
  const std::string target = std::string(kJobsPath) + "/a";
  const Reply wrong = remove(target, {{"preconditions", {{"uid", "other"}}}});
  EXPECT_EQ(wrong.status, 409);
  EXPECT_THAT(wrong.message(), HasSubstr("the UID in the precondition (other) does not match"));
  const Reply right = remove(target, {{"preconditions", {{"uid", made.body["metadata"]["uid"]}}}});
  EXPECT_EQ(right.status, 200);
  EXPECT_EQ(right.body["status"], "Success");
  EXPECT_EQ(get(target).status, 404);
}

TEST_F(ServerTest, an_object_with_finalizers_ends_when_the_last_is_taken_off) {
  json job = training_job("a");
  job["metadata"]["finalizers"] = {"example.com/hold"};
  post(kJobsPath, job);
  const std::string target = std::string(kJobsPath) + "/a";
  const Reply ending = remove(target);
  EXPECT_TRUE(ending.body["metadata"].contains("deletionTimestamp"));
  EXPECT_EQ(get(target).status, 200);
  EXPECT_EQ(merge(target, {{"metadata", {{"finalizers", nullptr}}}}).status, 200);
  EXPECT_EQ(get(target).status, 404);
}

TEST_F(ServerTest, foreground_deletion_waits_for_the_garbage_collector) {
  post(kJobsPath, training_job("a"));
  const Reply ending = remove(std::string(kJobsPath) + "/a", {{"propagationPolicy", "Foreground"}});
  EXPECT_EQ(ending.body["metadata"]["finalizers"], json::array({"foregroundDeletion"}));
}

TEST_F(ServerTest, a_bound_pod_is_given_its_grace_and_an_unbound_one_none) {
  post(kPodsPath, pod("waiting"));
  EXPECT_EQ(remove(std::string(kPodsPath) + "/waiting").status, 200);
  EXPECT_EQ(get(std::string(kPodsPath) + "/waiting").status, 404);
  json bound = pod("bound");
  bound["spec"]["nodeName"] = "n1";
  post(kPodsPath, bound);
  const Reply ending = remove(std::string(kPodsPath) + "/bound");
  EXPECT_EQ(ending.body["metadata"]["deletionGracePeriodSeconds"], 30);
  EXPECT_EQ(remove(std::string(kPodsPath) + "/bound", {{"gracePeriodSeconds", 0}}).status, 200);
  EXPECT_EQ(get(std::string(kPodsPath) + "/bound").status, 404);
}

TEST_F(ServerTest, nothing_is_created_in_a_namespace_that_is_not_there) {
  json job = training_job("a");
  job["metadata"]["namespace"] = "nowhere";
  const Reply refused = post("/apis/spillway.dev/v1alpha1/namespaces/nowhere/trainingjobs", job);
  EXPECT_EQ(refused.status, 404);
  EXPECT_EQ(refused.message(), R"(namespaces "nowhere" not found)");
}

TEST_F(ServerTest, the_scale_of_a_pool_is_read_and_written) {
  json ipool = training_job("p");
  ipool["kind"] = "InferencePool";
  ipool["spec"]["replicas"] = 2;
  const std::string path = "/apis/spillway.dev/v1alpha1/namespaces/default/inferencepools";
  ASSERT_EQ(post(path, ipool).status, 201);
  merge(path + "/p/status", {{"status", {{"replicas", 2}, {"selector", "a=b"}}}});
  Reply scale = get(path + "/p/scale");
  EXPECT_EQ(scale.body["spec"]["replicas"], 2);
  EXPECT_EQ(scale.body["status"], (json{{"replicas", 2}, {"selector", "a=b"}}));
  scale.body["spec"]["replicas"] = 5;
  ASSERT_EQ(put(path + "/p/scale", scale.body).status, 200);
  EXPECT_EQ(get(path + "/p").body["spec"]["replicas"], 5);
  EXPECT_EQ(put(path + "/p/scale", scale.body).status, 409);
}

TEST_F(ServerTest, what_nobody_sends_is_answered_loudly) {
  EXPECT_EQ(get("/api/v1/configmaps").status, 501);
  EXPECT_EQ(get(std::string(kPodsPath) + "?fieldSelector=spec.nodeName%3Da").status, 501);
  EXPECT_EQ(ask(kube::Method::kPatch, std::string(kPodsPath) + "/a", json::array(),
                "application/json-patch+json")
                .status,
            400);
  EXPECT_EQ(server.unknown_requests().size(), 2U);
}

}  // namespace
}  // namespace spillway::sim
