#include <spillway/kube/events.h>

#include "kube_fixture.h"

namespace spillway::kube {
namespace {

using nlohmann::json;
using std::chrono::minutes;
using std::chrono::seconds;
using Create = EventCorrelator::Create;
using Update = EventCorrelator::UpdateSeries;

Event event(const std::string& note, const char* name = "llama") {
  return {.regarding = {.api_version = "spillway.dev/v1alpha1",
                        .kind = "TrainingJob",
                        .key = {.ns = Namespace("team-a"), .name = ObjectName(name)},
                        .uid = Uid("u")},
          .reason = "Placed",
          .action = "Place",
          .note = note};
}
MonotonicTime at(Duration d) {
  return MonotonicTime(d);
}

class CorrelatorTest : public ::testing::Test {
 protected:
  EventCorrelator::Decision record(Event what, Duration when) {
    return correlator.record(std::move(what), at(when), Instant(when));
  }
  EventCorrelator correlator{EventLimits{}};
};

TEST_F(CorrelatorTest, RepetitionBecomesASeries) {
  const auto first = record(event("on spot-a"), seconds(0));
  ASSERT_TRUE(std::holds_alternative<Create>(first));
  const auto second = record(event("on spot-a"), seconds(1));
  ASSERT_TRUE(std::holds_alternative<Update>(second));
  EXPECT_EQ(std::get<Update>(second).count, 2);
  EXPECT_EQ(std::get<Update>(second).name, std::get<Create>(first).name);
  EXPECT_TRUE(
      std::holds_alternative<EventCorrelator::Absorbed>(record(event("on spot-a"), seconds(2))));
  EXPECT_TRUE(correlator.due(at(seconds(3))).empty());
}
TEST_F(CorrelatorTest, ASeriesIsClosedWithItsLastCount) {
  for (int i = 0; i < 5; ++i)
    record(event("x"), seconds(i));
  EXPECT_EQ(correlator.next_due(), at(seconds(4) + minutes(6)));
  const auto due = correlator.due(*correlator.next_due());
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].count, 5);
  EXPECT_EQ(due[0].observed_at, Instant(seconds(4)));
  EXPECT_EQ(correlator.series(), 0U);
  EXPECT_FALSE(correlator.next_due());
}
TEST_F(CorrelatorTest, ARunningSeriesIsWrittenEveryHalfHour) {
  for (int minute = 0; minute < 40; minute += 2)
    record(event("x"), minutes(minute));
  const auto due = correlator.due(at(minutes(38)));
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].count, 20);
  EXPECT_EQ(correlator.series(), 1U);
}
TEST_F(CorrelatorTest, AfterItsSeriesTheSameEventIsANewObject) {
  const auto first = record(event("x"), seconds(0));
  correlator.due(at(minutes(6)));
  const auto later = record(event("x"), minutes(7));
  ASSERT_TRUE(std::holds_alternative<Create>(later));
  EXPECT_NE(std::get<Create>(later).name, std::get<Create>(first).name);
}
TEST_F(CorrelatorTest, TenSimilarOnesBecomeOne) {
  for (int i = 0; i < 10; ++i)
    EXPECT_TRUE(std::holds_alternative<Create>(record(event(std::to_string(i)), seconds(i))));
  const auto combined = record(event("eleven"), seconds(11));
  ASSERT_TRUE(std::holds_alternative<Create>(combined));
  EXPECT_EQ(std::get<Create>(combined).event.note, "(combined from similar events): eleven");
  const auto next = record(event("twelve"), seconds(12));
  ASSERT_TRUE(std::holds_alternative<Update>(next));
  EXPECT_EQ(std::get<Update>(next).count, 2);
  EXPECT_TRUE(std::holds_alternative<Create>(record(event("anew"), minutes(11))))
      << "the window is over";
}
TEST_F(CorrelatorTest, AFloodAboutOneObjectIsCutAndRefillsSlowly) {
  int created = 0;
  for (int i = 0; i < 100; ++i) {
    Event flood = event("x");
    flood.reason = "Reason" + std::to_string(i);
    created += std::holds_alternative<Create>(record(flood, seconds(0))) ? 1 : 0;
  }
  EXPECT_EQ(created, 25);
  EXPECT_TRUE(std::holds_alternative<Create>(record(event("x", "another"), seconds(0))))
      << "others are not punished";
  Event later = event("y");
  EXPECT_TRUE(std::holds_alternative<EventCorrelator::Drop>(record(later, seconds(299))));
  EXPECT_TRUE(std::holds_alternative<Create>(record(later, seconds(301))));
}
TEST_F(CorrelatorTest, ForgetsTheOldestBeyondItsLimit) {
  EventCorrelator small{EventLimits{.max_series = 3}};
  for (int i = 0; i < 10; ++i)
    small.record(event("x", std::to_string(i).c_str()), at(seconds(i)), Instant{});
  EXPECT_EQ(small.series(), 3U);
}
TEST_F(CorrelatorTest, CutsLongNotes) {
  const auto made = record(event(std::string(5000, 'x')), seconds(0));
  EXPECT_LE(std::get<Create>(made).event.note.size(), 950U);
}

class RecorderTest : public KubeTest {
 protected:
  void TearDown() override {
    recorder.stop(time.monotonic());
    time.run_for(seconds(120));
  }
  json body(std::size_t i) { return json::parse(transport.sent.at(i).request.body); }
  Client client{runtime, transport, fence, metrics, {}};
  EventRecorder recorder{client,
                         {.controller = "spillway.dev/operator", .instance = "pod-1"},
                         EventLimits{.max_queue = 5}};
};

TEST_F(RecorderTest, WritesAnEventThatTheServerAccepts) {
  transport.answer(201);
  start(recorder.run());
  recorder.record(event("on spot-a at $2.10/h"));
  time.settle();
  ASSERT_EQ(transport.sent.size(), 1U);
  EXPECT_EQ(transport.sent[0].request.target,
            "/apis/events.k8s.io/v1/namespaces/team-a/events?fieldManager=spillway");
  const json written = body(0);
  EXPECT_EQ(written["reportingController"], "spillway.dev/operator");
  EXPECT_EQ(written["reportingInstance"], "pod-1");
  EXPECT_EQ(written["type"], "Normal");
  EXPECT_EQ(written["reason"], "Placed");
  EXPECT_EQ(written["action"], "Place");
  EXPECT_EQ(written["note"], "on spot-a at $2.10/h");
  EXPECT_EQ(written["regarding"]["kind"], "TrainingJob");
  EXPECT_EQ(written["regarding"]["uid"], "u");
  EXPECT_FALSE(written.contains("series"));
  EXPECT_TRUE(written["eventTime"].get<std::string>().ends_with("Z"));
}
TEST_F(RecorderTest, EventsAboutClusterScopedObjectsLiveInDefault) {
  transport.answer(201);
  start(recorder.run());
  Event pool = event("stocked out");
  pool.regarding.key.ns = {};
  recorder.record(pool);
  time.settle();
  EXPECT_EQ(body(0)["metadata"]["namespace"], "default");
  EXPECT_FALSE(body(0)["regarding"].contains("namespace"));
}
TEST_F(RecorderTest, ARepetitionPatchesTheSeries) {
  transport.answer(201);
  transport.answer(200);
  start(recorder.run());
  recorder.record(event("x"));
  recorder.record(event("x"));
  time.settle();
  ASSERT_EQ(transport.sent.size(), 2U);
  EXPECT_EQ(transport.sent[1].request.method, Method::kPatch);
  EXPECT_EQ(body(1)["series"]["count"], 2);
}
TEST_F(RecorderTest, ASeriesWhoseObjectTheServerForgotGoesOnInANewOne) {
  transport.answer(201);
  transport.answer(404, status_json(404, "NotFound"));
  transport.answer(201);
  start(recorder.run());
  recorder.record(event("x"));
  recorder.record(event("x"));
  time.settle();
  EXPECT_EQ(body(2)["series"]["count"], 2);
}
TEST_F(RecorderTest, NeverBlocksAndDropsWhenFull) {
  for (int i = 0; i < 8; ++i)
    recorder.record(event("x", std::to_string(i).c_str()));
  EXPECT_EQ(recorder.queued(), 5U);
  EXPECT_EQ(metrics.events_recorded, 8U);
  EXPECT_EQ(metrics.events_dropped_full, 3U);
}
TEST_F(RecorderTest, TriesAgainWhileTheServerIsAwayAndThenDrops) {
  for (int i = 0; i < 30; ++i)
    transport.refuse(error(ErrorCode::kUnavailable));
  start(recorder.run());
  recorder.record(event("x"));
  time.run_for(minutes(3));
  EXPECT_EQ(transport.sent.size(), 24U)
      << "12 tries; a create that did not leave is tried twice each time";
  EXPECT_EQ(metrics.events_dropped_failed, 1U);
}
TEST_F(RecorderTest, ARefusedEventIsDroppedAtOnce) {
  transport.answer(403, status_json(403, "Forbidden", "namespace is being terminated"));
  transport.answer(201);
  start(recorder.run());
  recorder.record(event("x"));
  recorder.record(event("y"));
  time.settle();
  EXPECT_EQ(transport.sent.size(), 2U);
  EXPECT_EQ(metrics.events_dropped_failed, 1U);
}
TEST_F(RecorderTest, AnUnknownOutcomeIsRepeatedUnderTheSameName) {
  transport.refuse(error(ErrorCode::kUnknownOutcome));
  transport.answer(409, status_json(409, "AlreadyExists"));
  start(recorder.run());
  recorder.record(event("x"));
  time.run_for(seconds(15));
  ASSERT_EQ(transport.sent.size(), 2U);
  EXPECT_EQ(body(0)["metadata"]["name"], body(1)["metadata"]["name"]);
  EXPECT_EQ(metrics.events_dropped_failed, 0U);
}
TEST_F(RecorderTest, FlushesWhatIsQueuedWhenStopped) {
  recorder.record(event("x"));
  recorder.record(event("y"));
  transport.answer(201);
  transport.answer(201);
  recorder.stop(time.monotonic() + seconds(5));
  start(recorder.run());
  time.settle();
  EXPECT_EQ(transport.sent.size(), 2U);
  EXPECT_EQ(recorder.queued(), 0U);
}

}  // namespace
}  // namespace spillway::kube
