#include <spillway/kube/reflector.h>

#include <spillway/kube/types.h>

#include "kube_fixture.h"

namespace spillway::kube {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

json bookmark(const char* version, bool end = false) {
  json object = {{"kind", "Service"}, {"metadata", {{"resourceVersion", version}}}};
  if (end) object["metadata"]["annotations"] = {{"k8s.io/initial-events-end", "true"}};
  return object;
}
json page(std::vector<json> items, const char* version, const char* next = "") {
  return {{"kind", "ServiceList"},
          {"metadata", {{"resourceVersion", version}, {"continue", next}}},
          {"items", std::move(items)}};
}
json undecodable(const char* name, const char* version) {
  json object = object_json(name, version);
  object["metadata"]["uid"] = 7;
  return object;
}

class ReflectorTest : public KubeTest {
 protected:
  void TearDown() override {
    reflector.stop();
    time.run_for(std::chrono::hours(2));
  }
  void begin() {
    store.set_listener([this](const ObjectKey& changed, Change what) {
      constexpr std::string_view kSigns = "+~-";
      changes.push_back(std::string(1, kSigns[static_cast<std::size_t>(what)]) +
                        changed.name.str());
    });
    start(reflector.run());
    time.settle();
  }
  // In step at version 10 with the objects a and b.
  std::shared_ptr<FakeStream> begin_in_step() {
    auto stream = transport.answer_watch();
    begin();
    stream->push("ADDED", object_json("a", "3"));
    stream->push("ADDED", object_json("b", "4"));
    stream->push("BOOKMARK", bookmark("10", true));
    time.settle();
    changes.clear();
    return stream;
  }
  template <class T>
  T state() {
    const T* found = std::get_if<T>(&reflector.state());
    if (found == nullptr)
      throw std::runtime_error("the state is " + std::string(to_string(reflector.state())));
    return *found;
  }
  std::string version() { return state<Watching>().version.str(); }
  std::vector<std::string> names() {
    std::vector<std::string> all;
    store.for_each([&](const auto& object) { all.push_back(object->meta.key.name.str()); });
    return all;
  }
  const std::string& last_target() { return transport.sent.back().request.target; }
  std::uint64_t reconnects(const char* reason) {
    return metrics.watch_reconnects[{"services", reason}];
  }

  Client client{runtime, transport, fence, metrics, {}};
  Store<Service> store;
  StoreSink<Service> sink{store};
  Reflector reflector{client, kServices, sink, {}};
  std::vector<std::string> changes;
};

TEST_F(ReflectorTest, PublishesAStreamingListOnlyWhenItIsComplete) {
  const auto stream = transport.answer_watch();
  begin();
  EXPECT_THAT(last_target(), HasSubstr("sendInitialEvents=true"));
  stream->push("ADDED", object_json("a", "3"));
  stream->push("ADDED", object_json("b", "4"));
  stream->push("DELETED", object_json("b", "5"));
  stream->push("MODIFIED", object_json("a", "6"));
  time.settle();
  EXPECT_EQ(store.size(), 0U);
  EXPECT_FALSE(store.synced());
  stream->push("BOOKMARK", bookmark("10", true));
  time.settle();
  EXPECT_THAT(names(), ElementsAre("a"));
  EXPECT_TRUE(store.synced());
  EXPECT_EQ(store.find({Namespace("team-a"), ObjectName("a")})->meta.resource_version,
            ResourceVersion("6"));
  EXPECT_EQ(version(), "10");
}
// Kubernetes answers a read that names no version as of now, whichever API server is asked
// (KEP-2340): no life of the operator begins before the writes of an earlier one.
TEST_F(ReflectorTest, BeginsWithAConsistentReadHoweverItIsMade) {
  transport.answer(504, status_json(504, "Timeout", "Too large resource version"));
  transport.answer(200, page({object_json("a", "3")}, "10"));
  transport.answer_watch();
  begin();
  time.run_for(seconds(60));
  ASSERT_GE(transport.sent.size(), 3U);
  for (std::size_t i = 0; i < transport.sent.size() - 1; ++i)
    EXPECT_THAT(transport.sent[i].request.target, Not(HasSubstr("resourceVersion=")));
  EXPECT_THAT(last_target(), HasSubstr("watch=1"));
  EXPECT_THAT(last_target(), HasSubstr("resourceVersion=10"));
}
TEST_F(ReflectorTest, AppliesEventsAsTheyCome) {
  const auto stream = begin_in_step();
  stream->push("ADDED", object_json("c", "11"));
  json changed = object_json("a", "12");
  changed["metadata"]["generation"] = 2;
  stream->push("MODIFIED", changed);
  stream->push("DELETED", object_json("b", "13"));
  time.settle();
  EXPECT_THAT(changes, ElementsAre("+c", "~a", "-b"));
  EXPECT_EQ(store.seen_version(), ResourceVersion("13"));
}
TEST_F(ReflectorTest, ABookmarkMovesTheVersionFromWhichItWatchesAgain) {
  const auto stream = begin_in_step();
  stream->push("BOOKMARK", bookmark("40"));
  time.run_for(seconds(30));
  EXPECT_EQ(store.seen_version(), ResourceVersion("40"));
  transport.answer_watch();
  stream->end();
  time.settle();
  EXPECT_THAT(last_target(), HasSubstr("resourceVersion=40"));
  EXPECT_THAT(last_target(), Not(HasSubstr("sendInitialEvents")));
  EXPECT_EQ(version(), "40");
  EXPECT_EQ(reconnects("end"), 1U);
}
TEST_F(ReflectorTest, FallsBackToPagesWhenStreamingListsAreRefused) {
  transport.answer(422, status_json(422, "Invalid", "sendInitialEvents is forbidden"));
  transport.answer(200, page({object_json("a", "3")}, "10", "next"));
  transport.answer(200, page({object_json("b", "4")}, "10"));
  transport.answer_watch();
  begin();
  EXPECT_THAT(names(), ElementsAre("a", "b"));
  EXPECT_EQ(transport.sent[1].request.target, "/api/v1/services?limit=500");
  EXPECT_EQ(transport.sent[2].request.target, "/api/v1/services?limit=500&continue=next");
  EXPECT_EQ(version(), "10");
}
TEST_F(ReflectorTest, AnExpiredContinueTokenStartsAListWithoutLimit) {
  transport.answer(422, status_json(422, "Invalid"));
  transport.answer(200, page({object_json("gone", "3")}, "10", "next"));
  transport.answer(410, status_json(410, "Expired"));
  transport.answer(200, page({object_json("b", "4")}, "20"));
  transport.answer_watch();
  begin();
  EXPECT_EQ(transport.sent[3].request.target, "/api/v1/services");
  EXPECT_THAT(names(), ElementsAre("b"));
}
TEST_F(ReflectorTest, RelistsAfter410AndReportsWhatVanished) {
  const auto stream = begin_in_step();
  transport.answer(200, page({object_json("b", "4"), object_json("c", "50")}, "60"));
  transport.answer_watch();
  stream->push("ERROR", status_json(410, "Expired", "too old resource version"));
  time.run_for(seconds(2));
  EXPECT_THAT(transport.sent[1].request.target,
              HasSubstr("resourceVersion=10&resourceVersionMatch=NotOlderThan"));
  EXPECT_THAT(changes, ElementsAre("+c", "-a"));
  EXPECT_EQ(version(), "60");
  EXPECT_EQ(reconnects("expired"), 1U);
}
TEST_F(ReflectorTest, RelistsAfterARefusedRewatchToo) {
  const auto stream = begin_in_step();
  time.run_for(seconds(30));
  transport.answer(410, status_json(410, "Gone"));
  transport.answer(410, status_json(410, "Expired"));
  transport.answer(200, page({object_json("b", "4")}, "60"));
  transport.answer_watch();
  stream->end();
  time.run_for(seconds(2));
  EXPECT_EQ(transport.sent.at(3).request.target, "/api/v1/services?limit=500")
      << "the second time consistently, at once";
  EXPECT_THAT(changes, ElementsAre("-a"));
}
TEST_F(ReflectorTest, WatchesAgainFromWhereItWasWhenTheServerComesBack) {
  const auto stream = begin_in_step();
  for (int i = 0; i < 3; ++i)
    transport.refuse(error(ErrorCode::kUnavailable, "connection refused"));
  transport.answer_watch()->push("ADDED", object_json("c", "11"));
  stream->break_with(error(ErrorCode::kUnavailable, "reset"));
  time.settle();
  EXPECT_EQ(state<InitListed>().version, ResourceVersion("10"));
  ASSERT_TRUE(reflector.trouble());
  time.run_for(seconds(30));
  EXPECT_THAT(changes, ElementsAre("+c"));
  EXPECT_FALSE(reflector.trouble());
  EXPECT_EQ(metrics.relists["services"], 1U) << "no list but the first";
}
TEST_F(ReflectorTest, HonoursRetryAfter) {
  const auto stream = begin_in_step();
  time.run_for(seconds(30));
  transport.answer(429, status_json(429, "TooManyRequests"), seconds(25));
  transport.answer_watch();
  stream->end();
  time.run_for(seconds(24));
  EXPECT_EQ(transport.sent.size(), 2U);
  time.run_for(seconds(2));
  EXPECT_EQ(transport.sent.size(), 3U);
  EXPECT_EQ(version(), "10");
}
TEST_F(ReflectorTest, ARemovedDefinitionIsNotAnEmptyCollection) {
  const auto stream = begin_in_step();
  time.run_for(seconds(30));
  for (int i = 0; i < 3; ++i)
    transport.answer(
        404, status_json(404, "NotFound", "the server could not find the requested resource"));
  stream->end();
  time.run_for(seconds(4));
  EXPECT_THAT(names(), ElementsAre("a", "b"));
  EXPECT_THAT(changes, IsEmpty());
  // Installed again, with one of the objects restored: a new object with the same name.
  while (transport.unused() > 0)
    time.run_for(seconds(1));
  const auto again = transport.answer_watch();
  again->push("ADDED", object_json("a", "90", "other-uid"));
  again->push("BOOKMARK", bookmark("95", true));
  time.run_for(seconds(60));
  EXPECT_THAT(changes, ElementsAre("-a", "+a", "-b"));
  EXPECT_EQ(version(), "95");
}
TEST_F(ReflectorTest, ASilentStreamIsGivenUpAndWatchedAgain) {
  const auto stream = begin_in_step();
  time.run_for(seconds(189));
  EXPECT_FALSE(stream->closed());
  transport.answer_watch();
  time.run_for(seconds(2));
  EXPECT_TRUE(stream->closed());
  EXPECT_THAT(last_target(), HasSubstr("resourceVersion=10"));
  EXPECT_EQ(reconnects("inactive"), 1U);
}
TEST_F(ReflectorTest, AStreamThatOutlivesItsTimeoutIsGivenUp) {
  const auto stream = begin_in_step();
  for (int i = 0; i < 8; ++i) {
    time.run_for(seconds(30));
    stream->push("BOOKMARK", bookmark("20"));
  }
  transport.answer_watch();
  time.run_for(seconds(6));
  EXPECT_TRUE(stream->closed());
  EXPECT_EQ(version(), "20");
}
TEST_F(ReflectorTest, WatchesThatEndAtOnceAreSpacedOut) {
  const auto first = begin_in_step();
  for (int i = 0; i < 100; ++i)
    transport.answer_watch()->end();
  time.run_for(seconds(30));
  first->end();
  const std::size_t before = transport.sent.size();
  time.run_for(seconds(120));
  EXPECT_LT(transport.sent.size() - before, 12U);
  EXPECT_GT(reconnects("very-short"), 2U);
}
TEST_F(ReflectorTest, AnObjectThatCannotBeReadIsSkippedAndTheStreamGoesOn) {
  const auto stream = begin_in_step();
  stream->push("MODIFIED", undecodable("a", "11"));
  stream->push("ADDED", object_json("c", "12"));
  time.settle();
  EXPECT_THAT(changes, ElementsAre("+c"));
  EXPECT_EQ(metrics.undecodable_objects["services"], 1U);
  EXPECT_EQ(version(), "12");
}
TEST_F(ReflectorTest, AnObjectThatCannotBeReadCanStillBeDeleted) {
  const auto stream = begin_in_step();
  json last = object_json("a", "11");
  last["metadata"]["labels"] = 7;
  stream->push("DELETED", last);
  time.settle();
  EXPECT_THAT(changes, ElementsAre("-a"));
  EXPECT_EQ(metrics.undecodable_objects["services"], 0U);
}
TEST_F(ReflectorTest, AnObjectOfAListThatCannotBeReadIsNotTakenForDeleted) {
  const auto stream = begin_in_step();
  transport.answer(200, page({undecodable("a", "30"), object_json("b", "4")}, "60"));
  transport.answer_watch();
  stream->push("ERROR", status_json(410, "Expired"));
  time.run_for(seconds(2));
  EXPECT_THAT(changes, IsEmpty());
  EXPECT_THAT(names(), ElementsAre("a", "b"));
}
TEST_F(ReflectorTest, ABrokenFrameMeansANewList) {
  const auto stream = begin_in_step();
  transport.answer(200, page({object_json("a", "3")}, "60"));
  transport.answer_watch();
  stream->push(std::string(R"({"type":"ADDED","object":{"metad)"));
  time.run_for(seconds(2));
  EXPECT_THAT(changes, ElementsAre("-b"));
  EXPECT_EQ(reconnects("error"), 1U);
}
class ReflectorFrames : public ReflectorTest, public ::testing::WithParamInterface<const char*> {};
TEST_P(ReflectorFrames, WithoutSenseMeanANewList) {
  const auto stream = begin_in_step();
  transport.answer(200, page({object_json("a", "3")}, "60"));
  transport.answer_watch();
  stream->push(std::string(GetParam()));
  time.run_for(seconds(2));
  EXPECT_TRUE(stream->closed());
  EXPECT_THAT(changes, ElementsAre("-b"));
  EXPECT_EQ(version(), "60");
}
INSTANTIATE_TEST_SUITE_P(
    Frames, ReflectorFrames,
    ::testing::Values(R"({"type":"ADDED"})", R"({"type":"ADDED","object":{}})", "[]", "7", "{",
                      R"({"type":"NEWS","object":{"metadata":{"resourceVersion":"11"}}})",
                      R"({"object":{"metadata":{"resourceVersion":"11"}}})"));
TEST_F(ReflectorTest, ARestoredBackupRebuildsTheStore) {
  const auto stream = begin_in_step();
  transport.answer(504, [] {
    json body = status_json(504, "Timeout", "Too large resource version");
    body["details"] = {{"causes", {{{"reason", "ResourceVersionTooLarge"}}}},
                       {"retryAfterSeconds", 1}};
    return body;
  }());
  json restored = object_json("a", "2");
  restored["metadata"]["generation"] = 4;
  transport.answer(200, page({restored}, "5"));
  transport.answer_watch();
  stream->break_with(error(ErrorCode::kUnavailable, "reset"));
  time.run_for(seconds(10));
  EXPECT_THAT(changes, ElementsAre("~a", "-b"))
      << "an older version wins after the history was set back";
  EXPECT_EQ(version(), "5");
  EXPECT_EQ(store.seen_version(), ResourceVersion("5"));
}
TEST_F(ReflectorTest, OwnWritesAreNotUndoneByEventsFromBeforeThem) {
  const auto stream = begin_in_step();
  json written = object_json("a", "20");
  written["metadata"]["generation"] = 5;
  store.upsert(*Service::from_json(written));
  json late = object_json("a", "15");
  late["metadata"]["generation"] = 4;
  stream->push("MODIFIED", late);
  time.settle();
  EXPECT_EQ(store.find({Namespace("team-a"), ObjectName("a")})->meta.generation, 5);
}
TEST_F(ReflectorTest, StopsWhereverItIs) {
  begin_in_step();
  reflector.stop();
  time.settle();
  EXPECT_EQ(transport.sent.size(), 1U);
}

}  // namespace
}  // namespace spillway::kube
