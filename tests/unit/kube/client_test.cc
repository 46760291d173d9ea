#include <spillway/kube/client.h>

#include "kube_fixture.h"

namespace spillway::kube {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using ::testing::HasSubstr;

const ObjectKey kKey{.ns = Namespace("team-a"), .name = ObjectName("llama-1")};

class ClientTest : public KubeTest {
 protected:
  json sent_body(std::size_t i = 0) { return json::parse(transport.sent.at(i).request.body); }
  const std::string& target(std::size_t i = 0) { return transport.sent.at(i).request.target; }
  Client client{runtime, transport, fence, metrics, {}};
};

TEST_F(ClientTest, GetsAnObject) {
  transport.answer(200, object_json("llama-1", "5"));
  const auto got = run(client.get(kJobs, kKey));
  ASSERT_TRUE(got);
  EXPECT_EQ((*got)["metadata"]["name"], "llama-1");
  EXPECT_EQ(target(), "/apis/batch/v1/namespaces/team-a/jobs/llama-1");
  EXPECT_EQ((metrics.requests[{"get", "jobs.batch", "200"}].count), 1U);
}
TEST_F(ClientTest, CreatesWithApiVersionAndKind) {
  transport.answer(201, object_json("llama-1", "5"));
  ASSERT_TRUE(run(client.create(kJobs, object_json("llama-1", "")), seconds(1)));
  EXPECT_EQ(target(), "/apis/batch/v1/namespaces/team-a/jobs?fieldManager=spillway");
  EXPECT_EQ(sent_body()["apiVersion"], "batch/v1");
  EXPECT_EQ(sent_body()["kind"], "Job");
  EXPECT_EQ(transport.sent[0].request.content_type, "application/json");
}
TEST_F(ClientTest, AppliesWithItsFieldManager) {
  transport.answer(200, object_json("llama-1", "5"));
  ApplyOptions options{.field_manager = FieldManager("spillway-status"),
                       .subresource = Subresource::kStatus,
                       .resource_version = ResourceVersion("4")};
  json object = object_json("llama-1", "");
  object["status"]["text"] = "\xc3\xa9/";
  ASSERT_TRUE(run(client.apply(kJobs, object, options)));
  EXPECT_EQ(target(),
            "/apis/batch/v1/namespaces/team-a/jobs/llama-1/"
            "status?fieldManager=spillway-status&force=true");
  EXPECT_EQ(transport.sent[0].request.method, Method::kPatch);
  EXPECT_EQ(transport.sent[0].request.content_type, "application/apply-patch+yaml");
  EXPECT_EQ(sent_body()["metadata"]["resourceVersion"], "4");
  EXPECT_THAT(transport.sent[0].request.body, HasSubstr("\"\xc3\xa9/\""))
      << "plain UTF-8: the server parses YAML";
  EXPECT_EQ((metrics.requests[{"apply", "jobs.batch/status", "200"}].count), 1U);
}
TEST_F(ClientTest, AnApplyEscapesWhatYamlDoesNotAllow) {
  transport.answer(200, object_json("llama-1", "5"));
  json object = object_json("llama-1", "");
  object["text"] =
      "a\x7f \xc2\x80 \xc2\x85 \xc2\x9f \xc2\xa0 \xe2\x80\xa8 \xe2\x80\xa9 \xe2\x80\xaa "
      "\xef\xbb\xbf \xef\xbf\xbe \xef\xbf\xbf \xef\xbf\xbd \xc3\xa9";
  ASSERT_TRUE(run(client.apply(kJobs, object, {.field_manager = FieldManager("f")})));
  EXPECT_THAT(transport.sent[0].request.body,
              HasSubstr("\"a\\u007f \\u0080 \\u0085 \\u009f \xc2\xa0 \\u2028 \\u2029 \xe2\x80\xaa "
                        "\\ufeff \\ufffe \\uffff \xef\xbf\xbd \xc3\xa9\""));
  EXPECT_EQ(sent_body()["text"], object["text"]);
}
TEST_F(ClientTest, WhatOnlyTellsPeopleWaitsUntilThereIsLittleElseToDo) {
  const auto read = [this]() -> Task<void> { co_await client.get(kJobs, kKey); };
  const auto tell = [this]() -> Task<void> {
    co_await client.create(kEvents, object_json("event", ""), Priority::kLow);
  };
  for (int i = 0; i < 4; ++i)
    start(read());  // nobody answers them for 15 s
  start(tell());
  time.run_for(seconds(10));
  const auto events = [this] {
    return std::ranges::count(transport.sent, Method::kPost,
                              [](const auto& sent) { return sent.request.method; });
  };
  EXPECT_EQ(events(), 0);
  for (int i = 0; i < 4; ++i)
    transport.answer(200, object_json("llama-1", "5"));
  transport.answer(201, object_json("event", "6"));
  time.run_for(seconds(10));
  EXPECT_EQ(events(), 1);
}
TEST_F(ClientTest, PatchesWithAPrecondition) {
  transport.answer(200, object_json("llama-1", "5"));
  ASSERT_TRUE(run(client.merge_patch(kJobs, kKey, {{"spec", {{"suspend", true}}}},
                                     {.resource_version = ResourceVersion("4")})));
  EXPECT_EQ(sent_body(),
            (json{{"metadata", {{"resourceVersion", "4"}}}, {"spec", {{"suspend", true}}}}));
  EXPECT_EQ(transport.sent[0].request.content_type, "application/merge-patch+json");
}
TEST_F(ClientTest, RefusesAnUpdateThatWouldLoseOthersChanges) {
  json object = object_json("llama-1", "5");
  object["metadata"].erase("resourceVersion");
  const auto got = run(client.put(kJobs, object, {}));
  EXPECT_EQ(got.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(transport.sent.empty());
}
TEST_F(ClientTest, RefusesObjectsWithoutIdentity) {
  EXPECT_EQ(run(client.create(kJobs, json{{"metadata", {{"generateName", "x-"}}}})).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(run(client.create(kJobs, json{{"metadata", {{"name", "x"}}}})).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(run(client.create(kJobs, json::array())).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(run(client.apply(kJobs, object_json("x", ""), {})).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_TRUE(transport.sent.empty());
}
TEST_F(ClientTest, DeletesWithPreconditions) {
  transport.answer(200, {{"kind", "Status"}, {"status", "Success"}});
  const DeleteOptions options{.uid = Uid("u"),
                              .resource_version = ResourceVersion("4"),
                              .propagation = Propagation::kForeground,
                              .grace = seconds(0)};
  EXPECT_EQ(run(client.remove(kJobs, kKey, options)), Removal::kGone);
  EXPECT_EQ(sent_body(), (json{{"apiVersion", "v1"},
                               {"kind", "DeleteOptions"},
                               {"propagationPolicy", "Foreground"},
                               {"gracePeriodSeconds", 0},
                               {"preconditions", {{"uid", "u"}, {"resourceVersion", "4"}}}}));
}
TEST_F(ClientTest, TellsApartHowADeletionEnds) {
  transport.answer(404, status_json(404, "NotFound"));
  EXPECT_EQ(run(client.remove(kJobs, kKey, {})), Removal::kAbsent);
  transport.answer(200, object_json("llama-1", "9"));
  EXPECT_EQ(run(client.remove(kJobs, kKey, {})), Removal::kTerminating);
  transport.answer(409, status_json(409, "Conflict"));
  EXPECT_EQ(run(client.remove(kJobs, kKey, {})).error().code, ErrorCode::kConflict);
}
TEST_F(ClientTest, ListsAPage) {
  transport.answer(200, {{"metadata", {{"resourceVersion", "9"}, {"continue", "c"}}},
                         {"items", {object_json("a", "1")}}});
  const auto page = run(client.list(
      kPods,
      {.selectors = {.labels = "a=b"}, .limit = 500, .resource_version = ResourceVersion("5")}));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->size(), 1U);
  EXPECT_EQ(
      target(),
      "/api/v1/"
      "pods?labelSelector=a%3Db&limit=500&resourceVersion=5&resourceVersionMatch=NotOlderThan");
}
TEST_F(ClientTest, AListThatNamesNoVersionIsReadConsistently) {
  transport.answer(200, {{"metadata", {{"resourceVersion", "9"}}}, {"items", json::array()}});
  run(client.list(kPods, {}));
  EXPECT_EQ(target(), "/api/v1/pods");
}
TEST_F(ClientTest, NeverAsksForAStateOfAnyAge) {
  const ResourceVersion any("0");
  EXPECT_EQ(run(client.list(kPods, {.resource_version = any})).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(run(client.watch(kPods, {.resource_version = any})).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_TRUE(transport.sent.empty());
}
TEST_F(ClientTest, AContinueTokenGoesWithoutAVersion) {
  transport.answer(200, {{"metadata", {{"resourceVersion", "9"}}}, {"items", json::array()}});
  run(client.list(
      kPods, {.limit = 500, .continue_token = "a+b/c=", .resource_version = ResourceVersion("5")}));
  EXPECT_EQ(target(), "/api/v1/pods?limit=500&continue=a%2Bb%2Fc%3D");
}
TEST_F(ClientTest, NamesTheCallInItsErrors) {
  transport.answer(422, status_json(422, "Invalid", "spec.replicas: must be positive"));
  const auto got =
      run(client.apply(kJobs, object_json("x", ""), {.field_manager = FieldManager("f")}));
  EXPECT_EQ(got.error().code, ErrorCode::kRejected);
  EXPECT_EQ(got.error().message, "apply jobs.batch: spec.replicas: must be positive");
}
TEST_F(ClientTest, AnAnswerThatIsNoObjectIsAnError) {
  transport.answer(200, json::array());
  EXPECT_EQ(run(client.get(kJobs, kKey)).error().code, ErrorCode::kInternal);
}

// --- retries ---

TEST_F(ClientTest, RepeatsReadsUntilTheServerIsBack) {
  transport.refuse(error(ErrorCode::kUnavailable));
  transport.answer(503, status_json(503, "ServiceUnavailable"));
  transport.answer(500, status_json(500, "InternalError"));
  transport.answer(200, object_json("llama-1", "5"));
  EXPECT_TRUE(run(client.get(kJobs, kKey)));
  EXPECT_EQ(transport.sent.size(), 4U);
}
TEST_F(ClientTest, GivesUpAReadAfterFiveTries) {
  for (int i = 0; i < 9; ++i)
    transport.refuse(error(ErrorCode::kUnavailable));
  EXPECT_EQ(run(client.get(kJobs, kKey)).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(transport.sent.size(), 5U);
}
TEST_F(ClientTest, NeverRepeatsAWriteWithAnUnknownOutcome) {
  transport.refuse(error(ErrorCode::kUnknownOutcome));
  EXPECT_EQ(run(client.create(kJobs, object_json("x", ""))).error().code,
            ErrorCode::kUnknownOutcome);
  transport.answer(500, status_json(500, "InternalError"));
  EXPECT_EQ(run(client.apply(kJobs, object_json("x", ""), {.field_manager = FieldManager("f")}))
                .error()
                .code,
            ErrorCode::kUnknownOutcome);
  EXPECT_EQ(transport.sent.size(), 2U);
}
TEST_F(ClientTest, RepeatsAWriteOnceWhenItCertainlyDidNotHappen) {
  transport.refuse(error(ErrorCode::kUnavailable));
  transport.answer(201, object_json("x", "5"));
  EXPECT_TRUE(run(client.create(kJobs, object_json("x", ""))));
  transport.answer(503, status_json(503, "ServiceUnavailable"));
  EXPECT_FALSE(run(client.create(kJobs, object_json("x", ""))));
  EXPECT_EQ(transport.sent.size(), 3U);
}
TEST_F(ClientTest, RepeatsAnUnconditionalApplyButNotAConditionalOne) {
  transport.answer(503, status_json(503, "ServiceUnavailable"));
  transport.answer(200, object_json("x", "5"));
  EXPECT_TRUE(run(client.apply(kJobs, object_json("x", ""), {.field_manager = FieldManager("f")})));
  transport.answer(503, status_json(503, "ServiceUnavailable"));
  EXPECT_FALSE(run(client.apply(
      kJobs, object_json("x", ""),
      {.field_manager = FieldManager("f"), .resource_version = ResourceVersion("3")})));
  EXPECT_EQ(transport.sent.size(), 3U);
}
TEST_F(ClientTest, ConflictsAreTheCallersToDecide) {
  transport.answer(409, status_json(409, "Conflict"));
  EXPECT_EQ(run(client.put(kJobs, object_json("x", "4"), {})).error().code, ErrorCode::kConflict);
  EXPECT_EQ(transport.sent.size(), 1U);
}
TEST_F(ClientTest, TheServersRetryAfterPausesEverybody) {
  transport.answer(429, status_json(429, "TooManyRequests"), seconds(5));
  transport.answer(200, object_json("x", "5"));
  EXPECT_TRUE(run(client.create(kJobs, object_json("x", ""))));
  EXPECT_GE(transport.sent[1].at - transport.sent[0].at, seconds(5));
  EXPECT_EQ(metrics.server_throttles, 1U);
}
TEST_F(ClientTest, ALeasesRetryAfterIsItsOwn) {
  transport.answer(429, status_json(429, "TooManyRequests"), seconds(20));
  transport.answer(200, object_json("x", "5"));
  EXPECT_FALSE(run(client.put(kLeases, object_json("x", "4"), {.priority = Priority::kLease})));
  EXPECT_TRUE(run(client.get(kJobs, kKey)));
  EXPECT_EQ(transport.sent[1].at, transport.sent[0].at);
}
TEST_F(ClientTest, WaitsForARetryAfterOnlyWithinItsDeadline) {
  transport.answer(429, status_json(429, "TooManyRequests"), seconds(60));
  const auto got = run(client.get(kJobs, kKey));
  EXPECT_EQ(got.error().code, ErrorCode::kThrottled);
  EXPECT_EQ(got.error().retry_after, seconds(60));
  EXPECT_EQ(elapsed().count() / 1000, 0);
  EXPECT_EQ(run(client.get(kJobs, kKey)).error().code, ErrorCode::kThrottled) << "still paused";
  EXPECT_EQ(transport.sent.size(), 1U);
}
TEST_F(ClientTest, AStuckReadIsTriedAgainBeforeItsTimeIsUp) {
  const auto got = run(client.get(kJobs, kKey));
  EXPECT_EQ(got.error().code, ErrorCode::kTimeout);
  EXPECT_EQ(transport.sent.size(), 2U);
  EXPECT_LE(elapsed(), seconds(31));
}
TEST_F(ClientTest, SpacesRequestsOutUnderItsOwnLimit) {
  Client slow(runtime, transport, fence, metrics, {.limit = {.per_second = 1, .burst = 1}});
  for (int i = 0; i < 3; ++i)
    transport.answer(200, object_json("x", "5"));
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(run(slow.get(kJobs, kKey)));
  EXPECT_EQ(transport.sent[2].at - transport.sent[0].at, seconds(2));
  EXPECT_GE(metrics.throttled_time, seconds(1));
  transport.answer(200, object_json("x", "5"));
  EXPECT_TRUE(run(slow.get(kLeases, kKey, Priority::kLease)));
  EXPECT_EQ(transport.sent[3].at, transport.sent[2].at) << "the lease does not queue";
}

// --- the fence ---

class TestFence final : public Fence {
 public:
  explicit TestFence(Clock& clock) : clock_(clock) {}
  Result<MonotonicTime> write_deadline() const override {
    if (clock_.monotonic() >= until) return fail(ErrorCode::kFenced, "over");
    return until;
  }
  MonotonicTime until{};

 private:
  Clock& clock_;
};

class FencedClientTest : public ClientTest {
 protected:
  TestFence lease{time};
  Client fenced{runtime, transport, lease, metrics, {.limit = {.per_second = 1, .burst = 1}}};
};

TEST_F(FencedClientTest, NoWriteLeavesAfterTheFence) {
  EXPECT_EQ(run(fenced.create(kJobs, object_json("x", ""))).error().code, ErrorCode::kFenced);
  EXPECT_EQ(run(fenced.remove(kJobs, kKey, {})).error().code, ErrorCode::kFenced);
  EXPECT_TRUE(transport.sent.empty());
  EXPECT_EQ(metrics.fenced_writes, 2U);
}
TEST_F(FencedClientTest, ReadsNeedNoFence) {
  transport.answer(200, object_json("x", "5"));
  EXPECT_TRUE(run(fenced.get(kJobs, kKey)));
}
TEST_F(FencedClientTest, AWriteMayNotOutliveTheFence) {
  lease.until = time.monotonic() + seconds(3);
  transport.answer(201, object_json("x", "5"));
  EXPECT_TRUE(run(fenced.create(kJobs, object_json("x", ""))));
  EXPECT_EQ(transport.sent[0].deadline, lease.until);
}
TEST_F(FencedClientTest, TheFenceIsAskedAfterTheWaitForTheLimiter) {
  lease.until = time.monotonic() + Duration(500);
  transport.answer(200, object_json("x", "5"));
  EXPECT_TRUE(run(fenced.get(kJobs, kKey)));  // takes the only token
  EXPECT_EQ(run(fenced.create(kJobs, object_json("x", ""))).error().code, ErrorCode::kFenced);
  EXPECT_EQ(transport.sent.size(), 1U);
}

TEST_F(ClientTest, OpensAWatch) {
  transport.answer_watch()->push("line");
  auto lines = run(client.watch(
      kPods, {.selectors = {.ns = Namespace("a")}, .resource_version = ResourceVersion("7")}));
  ASSERT_TRUE(lines);
  EXPECT_EQ(target(),
            "/api/v1/namespaces/a/"
            "pods?watch=1&allowWatchBookmarks=true&timeoutSeconds=240&resourceVersion=7");
  EXPECT_EQ(run((*lines)->next(at(seconds(1)))), "line");
}
TEST_F(ClientTest, AStreamingListAsksForInitialEvents) {
  transport.answer_watch();
  run(client.watch(kPods, {.send_initial_events = true}));
  EXPECT_THAT(target(), HasSubstr("sendInitialEvents=true&resourceVersionMatch=NotOlderThan"));
}
TEST_F(ClientTest, ARefusedWatchIsAnError) {
  transport.answer(410, status_json(410, "Expired"));
  EXPECT_EQ(run(client.watch(kPods, {})).error().code, ErrorCode::kExpired);
  EXPECT_EQ((metrics.requests[{"watch", "pods", "410"}].count), 1U);
}

}  // namespace
}  // namespace spillway::kube
