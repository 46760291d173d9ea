// How much is asked of the API server at once, and what of it first.

#include <spillway/control/executor.h>

#include <spillway/control/world.h>

#include "unit/kube/kube_fixture.h"

namespace spillway::control {
namespace {

using nlohmann::json;
using std::chrono::seconds;

class ExecutorTest : public kube::KubeTest {
 protected:
  static Work work(const std::string& name, bool urgent = false) {
    const ObjectKey key{.ns = Namespace("team-a"), .name = ObjectName(name)};
    Work work{.subject = {.api_version = "spillway.dev/v1alpha1",
                          .kind = "TrainingJob",
                          .key = key,
                          .uid = Uid("uid-" + name)},
              .urgent = urgent};
    work.writes.emplace_back(WriteStatus{kTrainingJobs, key, ResourceVersion("1"), json::object()});
    return work;
  }
  // Writes whose answers do not come; what is read afterwards is as before.
  void overload(std::size_t writes) {
    for (std::size_t i = 0; i < writes; ++i)
      transport.refuse(kube::error(ErrorCode::kUnknownOutcome));
    for (std::size_t i = 0; i < writes; ++i)
      transport.answer(200, kube::object_json("job", "1"));
    for (std::size_t i = 0; i < writes; ++i)
      executor_->start(work("lost-" + std::to_string(count_++)));
    time.run_for(seconds(2));
  }
  std::string written(std::size_t i) {
    const std::string& target = transport.sent.at(i).request.target;
    const std::size_t from = target.find("trainingjobs/") + std::string("trainingjobs/").size();
    return target.substr(from, target.find("/status") - from);
  }
  void make(ExecutorOptions options) {
    executor_.emplace(
        client_, [](const auto&) { return nullptr; }, events_, tasks_, options, [] {});
  }

  kube::Client client_{runtime, transport, fence, metrics, {}};
  kube::EventRecorder events_{client_, {.controller = "test", .instance = "test"}, {}};
  TaskGroup tasks_{runtime.executor, runtime.timers};
  std::optional<Executor> executor_;
  int count_ = 0;
};

TEST_F(ExecutorTest, AsksForLessAtOnceWhileTheServerIsOverloadedAndForMoreAgainAfterwards) {
  make({.max_in_flight = 16, .least_in_flight = 4});
  EXPECT_EQ(executor_->width(), 16U);
  overload(8);
  EXPECT_EQ(executor_->width(), 8U) << "what was sent at the same time is one sign, not eight";
  overload(4);
  overload(4);
  overload(4);
  EXPECT_EQ(executor_->width(), 4U) << "and never less than this";
  for (int i = 0; i < 20; ++i) {
    transport.answer(200, kube::object_json("job", "2"));
    executor_->start(work("well-" + std::to_string(i)));
    time.run_for(seconds(1));
  }
  EXPECT_GT(executor_->width(), 5U);
}

TEST_F(ExecutorTest, AnOverloadIsNotWaitedOutForLong) {
  make({});
  for (int i = 0; i < 12; ++i) {
    transport.refuse(kube::error(ErrorCode::kUnknownOutcome));
    transport.answer(200, kube::object_json("job", "1"));
    executor_->start(work("job"));
    time.run_for(std::chrono::milliseconds(100));
    const auto retry = executor_->next_retry();
    ASSERT_TRUE(retry.has_value());
    EXPECT_LE(*retry - time.monotonic(), seconds(5));
    time.run_for(seconds(6));
  }
}

TEST_F(ExecutorTest, WhatIsUrgentGoesBeforeWhatWaits) {
  make({.max_in_flight = 1, .least_in_flight = 1});
  for (int i = 0; i < 4; ++i)
    transport.answer(200, kube::object_json("job", "2"));
  executor_->start(work("first"));
  executor_->start(work("second"));
  executor_->start(work("third"));
  executor_->start(work("urgent", true));
  time.run_for(seconds(1));
  ASSERT_EQ(transport.sent.size(), 4U);
  EXPECT_EQ(written(1), "urgent");
  EXPECT_EQ(written(3), "third");
}

TEST_F(ExecutorTest, NothingEndsForANoticeThatWasTakenBack) {
  make({});
  const auto begin = [&](const std::string& name) {
    Work noticed = work(name);
    noticed.writes.insert(noticed.writes.begin(), ConfirmNotice{{NodeName("a"), NodeName("b")}});
    executor_->start(std::move(noticed));
    time.run_for(seconds(1));
  };
  json node = {{"apiVersion", "v1"},
               {"kind", "Node"},
               {"metadata", {{"name", "a"}, {"uid", "uid-a"}, {"resourceVersion", "7"}}}};
  transport.answer(200, node);
  transport.answer(200, node);
  begin("stays");
  ASSERT_EQ(transport.sent.size(), 2U);
  EXPECT_EQ(transport.sent[0].request.target, "/api/v1/nodes/a");
  EXPECT_EQ(transport.sent[1].request.target, "/api/v1/nodes/b");
  node["spec"]["taints"] =
      json::array({{{"key", "karpenter.sh/disrupted"}, {"effect", "NoSchedule"}}});
  transport.answer(200, node);
  transport.answer(200, kube::object_json("job", "2"));
  begin("ends");
  ASSERT_EQ(transport.sent.size(), 4U);
  EXPECT_EQ(written(3), "ends");
  transport.answer(404, kube::status_json(404, "NotFound"));
  transport.answer(200, kube::object_json("job", "2"));
  begin("lost");
  ASSERT_EQ(transport.sent.size(), 6U);
  EXPECT_EQ(written(5), "lost");
}

TEST_F(ExecutorTest, MarksAPodAsDisruptedAndLeavesItsOtherConditionsAlone) {
  make({});
  json pod = kube::object_json("sweep-1-0", "7");
  pod["status"]["conditions"] = json::array({{{"type", "Ready"}, {"status", "True"}}});
  transport.answer(200, pod);
  transport.answer(200, pod);
  Work marking = work("sweep");
  marking.writes = {
      MarkDisrupted{{Namespace("team-a"), ObjectName("sweep-1-0")}, "why", Instant{}}};
  executor_->start(std::move(marking));
  time.run_for(seconds(1));
  ASSERT_EQ(transport.sent.size(), 2U);
  const auto& request = transport.sent[1].request;
  EXPECT_TRUE(request.target.starts_with("/api/v1/namespaces/team-a/pods/sweep-1-0/status"));
  const json patch = json::parse(request.body);
  EXPECT_EQ(patch.at("/metadata/resourceVersion"_json_pointer), "7") << "on what was read";
  const json& conditions = patch.at("/status/conditions"_json_pointer);
  ASSERT_EQ(conditions.size(), 2U);
  EXPECT_EQ(conditions[0].at("type"), "Ready");
  EXPECT_EQ(conditions[1].at("type"), "DisruptionTarget");
  EXPECT_EQ(conditions[1].at("status"), "True");
}

TEST_F(ExecutorTest, APodThatIsGoneNeedsNoMark) {
  make({});
  transport.answer(404, {{"kind", "Status"}, {"reason", "NotFound"}, {"code", 404}});
  Work marking = work("sweep");
  marking.writes = {
      MarkDisrupted{{Namespace("team-a"), ObjectName("sweep-1-0")}, "why", Instant{}}};
  executor_->start(std::move(marking));
  time.run_for(seconds(1));
  EXPECT_EQ(transport.sent.size(), 1U);
  EXPECT_EQ(executor_->metrics().failures, 0U);
}

}  // namespace
}  // namespace spillway::control
