#include <spillway/kube/resource_type.h>

#include <gtest/gtest.h>

#include <spillway/kube/credentials.h>

namespace spillway::kube {
namespace {

TEST(ResourceTypeTargets, FollowTheApiConvention) {
  EXPECT_EQ(kPods.collection_target(Namespace("")), "/api/v1/pods");
  EXPECT_EQ(kPods.collection_target(Namespace("a")), "/api/v1/namespaces/a/pods");
  EXPECT_EQ(kNodes.collection_target(Namespace("a")), "/api/v1/nodes") << "cluster-scoped";
  EXPECT_EQ(kJobs.object_target({.ns = Namespace("a"), .name = ObjectName("x")}),
            "/apis/batch/v1/namespaces/a/jobs/x");
  EXPECT_EQ(kJobs.object_target({.ns = Namespace("a"), .name = ObjectName("x")}, "status"),
            "/apis/batch/v1/namespaces/a/jobs/x/status");
  EXPECT_EQ(kJobs.api_version(), "batch/v1");
  EXPECT_EQ(kPods.api_version(), "v1");
  EXPECT_EQ(kJobs.to_string(), "jobs.batch");
}
TEST(ResourceTypeTargets, EncodeWhatUsersName) {
  EXPECT_EQ(kNodes.object_target({.name = ObjectName("a b/../c?x")}),
            "/api/v1/nodes/a%20b%2F..%2Fc%3Fx");
  EXPECT_EQ(percent_encode("a=b,c in (d)"), "a%3Db%2Cc%20in%20%28d%29");
}

TEST(ServerAddressParsing, TakesUrlsApart) {
  const auto simple = ServerAddress::parse("https://10.0.0.1:6443");
  ASSERT_TRUE(simple);
  EXPECT_TRUE(simple->tls);
  EXPECT_EQ(simple->host, "10.0.0.1");
  EXPECT_EQ(simple->port, "6443");
  EXPECT_EQ(simple->path_prefix, "");
  const auto rich = ServerAddress::parse("https://[fd00::1]/k8s/clusters/c-1/");
  ASSERT_TRUE(rich);
  EXPECT_EQ(rich->host, "fd00::1");
  EXPECT_EQ(rich->port, "443");
  EXPECT_EQ(rich->path_prefix, "/k8s/clusters/c-1");
  EXPECT_EQ(rich->to_string(), "https://[fd00::1]:443/k8s/clusters/c-1");
  EXPECT_FALSE(ServerAddress::parse("http://localhost:8001")->tls);
}
TEST(ServerAddressParsing, RefusesNonsenseWithAnExample) {
  for (const char* bad : {"", "10.0.0.1:6443", "ftp://x", "https://", "https://:6443",
                          "https://x:0", "https://x:99999", "https://x:1a", "https://[fd00::1",
                          "https://a b", "https://x/?q=1", "https://user@x", "https://[::1]x"}) {
    const auto parsed = ServerAddress::parse(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_NE(parsed.error().message.find("https://10.0.0.1:6443"), std::string::npos);
  }
}

}  // namespace
}  // namespace spillway::kube
