#include "request_form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "script.h"

namespace spillway::conformance {
namespace {

using kube::Method;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr const char* kMergePatch = "application/merge-patch+json";

TEST(RequestFormTest, reads_say_where_and_by_what) {
  EXPECT_THAT(request_forms({.target = "/api/v1/namespaces/a/pods/b"}), ElementsAre("get pods"));
  EXPECT_THAT(request_forms({.target = "/api/v1/namespaces/a"}), ElementsAre("get namespaces"));
  EXPECT_THAT(request_forms({.target = "/apis/batch/v1/namespaces/a/jobs?limit=5"}),
              ElementsAre("list jobs.batch ?limit"));
  EXPECT_THAT(request_forms({.target = "/apis/apps/v1/deployments?watch=1&labelSelector=a%21%3Db"}),
              UnorderedElementsAre("watch deployments.apps everywhere ?labelSelector&watch",
                                   "watch deployments.apps everywhere: labels !="));
}

TEST(RequestFormTest, a_patch_says_what_it_changes_and_on_what_condition) {
  EXPECT_THAT(
      request_forms({.method = Method::kPatch,
                     .target = "/apis/apps/v1/namespaces/a/deployments/b?fieldManager=m",
                     .content_type = kMergePatch,
                     .body = R"({"metadata":{"resourceVersion":"7","annotations":{"x":null}},
                                 "spec":{"replicas":3}})"}),
      UnorderedElementsAre("patch deployments.apps ?fieldManager",
                           "patch deployments.apps: on a version",
                           "patch deployments.apps: metadata.annotations-",
                           "patch deployments.apps: spec.replicas"));
}

TEST(RequestFormTest, an_apply_and_a_patch_of_another_type_are_told_apart) {
  const std::string target = "/apis/spillway.dev/v1alpha1/costpolicies/p/status";
  EXPECT_THAT(request_forms({.method = Method::kPatch,
                             .target = target + "?fieldManager=m&force=true",
                             .content_type = "application/apply-patch+yaml",
                             .body = R"({"status":{}})"}),
              UnorderedElementsAre("apply costpolicies.spillway.dev/status ?fieldManager&force",
                                   "apply costpolicies.spillway.dev/status: status"));
  EXPECT_THAT(request_forms({.method = Method::kPatch,
                             .target = target,
                             .content_type = "application/json-patch+json",
                             .body = "[]"}),
              Contains("patch (application/json-patch+json) costpolicies.spillway.dev/status"));
}

TEST(RequestFormTest, a_deletion_says_how_and_on_what_condition) {
  EXPECT_THAT(
      request_forms({.method = Method::kDelete,
                     .target = "/api/v1/namespaces/a/pods/b",
                     .content_type = "application/json",
                     .body = R"({"propagationPolicy":"Background","gracePeriodSeconds":0,
                                 "preconditions":{"uid":"u"}})"}),
      UnorderedElementsAre("delete pods", "delete pods: propagationPolicy=Background",
                           "delete pods: preconditions.uid", "delete pods: gracePeriodSeconds=0"));
}

TEST(RequestFormTest, what_the_script_never_asks_is_named) {
  EXPECT_THAT(unscripted({"get pods"}), IsEmpty());
  EXPECT_THAT(unscripted({"get pods", "delete all pods"}),
              ElementsAre(HasSubstr("delete all pods")));
}

}  // namespace
}  // namespace spillway::conformance
