// Reading the cluster, from the model API server.

#include "cluster.h"

#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/kube/client.h>
#include <spillway/sim/connection.h>

#include "conformance/request_form.h"
#include "conformance/script.h"
#include "unit/control/fixtures.h"
#include "unit/sim/server_fixture.h"

namespace spillway::cli {
namespace {

using control::testing::pool_json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ReadWorld : public sim::ServerTest {
 protected:
  template <class T>
  static Task<void> keep(Task<Result<T>> task, std::optional<Result<T>>& into) {
    into.emplace(co_await std::move(task));
  }

  // What `ask` makes of the cluster through a client of its own.
  template <class T>
  Result<T> answer(Task<Result<T>> (*ask)(kube::Client&)) {
    sim::ProcessTimers timers(time);
    sim::Connection connection(time, timers, server, {}, [] {});
    connection.set_faults({.on_request = [this](const sim::RequestSeen& seen) {
      asked.merge(conformance::request_forms(seen.request));
      return on_request ? on_request(seen) : sim::RequestFate{};
    }});
    const Runtime runtime{io.get_executor(), time, timers, *random};
    kube::Client client(runtime, connection, fence, metrics, {});
    std::optional<Result<T>> said;
    TaskGroup group(io.get_executor(), timers);
    group.spawn(keep(ask(client), said));
    time.run_while_not([&] { return said.has_value(); }, std::chrono::minutes(10));
    writes = connection.writes().size();
    return said ? *std::move(said) : fail(ErrorCode::kTimeout, "no answer");
  }
  Result<Reading> read() { return answer<Reading>(&read_world); }
  void TearDown() override { EXPECT_THAT(conformance::unscripted(asked), ::testing::IsEmpty()); }

  // The server refuses to list these collections.
  void forbid(std::vector<std::string> plurals) {
    on_request = [plurals = std::move(plurals)](const sim::RequestSeen& seen) {
      for (const std::string& plural : plurals) {
        if (seen.request.target.find("/" + plural) == std::string::npos) continue;
        return sim::RequestFate{
            .fate = sim::Fate::kAnswered,
            .canned = {.status = 403,
                       .body = R"({"kind":"Status","status":"Failure","reason":"Forbidden",)"
                               R"("message":"forbidden","code":403})"}};
      }
      return sim::RequestFate{};
    };
  }

  std::set<std::string> asked;  // in what forms
  kube::ClosedFence fence;
  kube::ClientMetrics metrics;
  std::function<sim::RequestFate(const sim::RequestSeen&)> on_request;
  std::size_t writes = 0;
};

TEST_F(ReadWorld, takes_in_every_object_page_by_page) {
  for (int i = 0; i < 1100; ++i)
    ASSERT_EQ(post(kJobsPath, training_job("job-" + std::to_string(i))).status, 201);
  nlohmann::json pool = pool_json("spot-a", "Spot", 2, "3.00");
  pool["metadata"] = {{"name", "spot-a"}};
  ASSERT_EQ(post("/apis/spillway.dev/v1alpha1/capacitypools", pool).status, 201);
  ASSERT_EQ(post(kPodsPath, ServerTest::pod("stranger")).status, 201);
  const auto reading = read();
  ASSERT_TRUE(reading) << reading.error().message;
  EXPECT_EQ(reading->world.training_jobs.size(), 1100u);
  EXPECT_EQ(reading->world.capacity_pools.size(), 1u);
  EXPECT_EQ(reading->world.pods.size(), 1u);
  EXPECT_TRUE(reading->missing.empty());
  EXPECT_EQ(writes, 0u);
}

TEST_F(ReadWorld, takes_in_what_may_sleep_of_the_kinds_that_a_policy_names) {
  const nlohmann::json policy = {
      {"metadata", {{"name", "nights"}}},
      {"spec",
       {{"selector", {{"namespaces", nlohmann::json::object()}}},
        {"offHours",
         {{"timeZone", "UTC"},
          {"awake",
           nlohmann::json::array({{{"days", {"Fri"}}, {"from", "08:00"}, {"to", "20:00"}}})},
          {"workloads", {"Deployment", "CronJob"}}}}}}};
  ASSERT_EQ(post("/apis/spillway.dev/v1alpha1/costpolicies", policy).status, 201);
  const auto objects = answer<std::vector<nlohmann::json>>(&cli::read_hours);
  ASSERT_TRUE(objects) << objects.error().message;
  std::set<std::string> kinds;
  for (const nlohmann::json& object : *objects)
    kinds.insert(object.at("kind"));
  EXPECT_THAT(kinds, ElementsAre("CostPolicy", "Namespace"));
  EXPECT_TRUE(asked.contains("list deployments.apps everywhere ?limit"));
  EXPECT_TRUE(asked.contains("list cronjobs.batch everywhere ?limit"));
  EXPECT_FALSE(asked.contains("list statefulsets.apps everywhere ?limit"));
}

TEST_F(ReadWorld, names_all_rights_that_are_missing) {
  ASSERT_EQ(post(kJobsPath, training_job("job")).status, 201);
  forbid({"nodes", "pods"});
  const auto reading = read();
  ASSERT_TRUE(reading) << reading.error().message;
  EXPECT_THAT(reading->missing, ElementsAre("nodes", "pods"));
  EXPECT_EQ(reading->world.training_jobs.size(), 1u);
  EXPECT_THAT(missing_rights(reading->missing),
              HasSubstr("may not list nodes, pods in the whole cluster"));
}

TEST_F(ReadWorld, a_cluster_without_spillway_is_told_apart) {
  on_request = [](const sim::RequestSeen& seen) {
    if (seen.request.target.find("spillway.dev") == std::string::npos) return sim::RequestFate{};
    return sim::RequestFate{.fate = sim::Fate::kAnswered,
                            .canned = {.status = 404, .body = "404 page not found\n"}};
  };
  const auto reading = read();
  ASSERT_FALSE(reading);
  EXPECT_THAT(reading.error().message,
              HasSubstr("the cluster knows no capacitypools.spillway.dev: install Spillway"));
}

}  // namespace
}  // namespace spillway::cli
