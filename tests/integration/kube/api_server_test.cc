// What the API server really answers, and what the client makes of it.

#include <set>

#include <spillway/kube/events.h>
#include <spillway/kube/lease.h>
#include <spillway/kube/types.h>

#include "cluster_fixture.h"

namespace spillway::kube {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

using ApiServer = ClusterTest;

TEST_F(ApiServer, AnswersCreateGetPutAndDelete) {
  const json created = must_create(config_map("a"));
  EXPECT_EQ(run(client->create(kConfigMaps, config_map("a"))).error().code,
            ErrorCode::kAlreadyExists);
  json changed = created;
  changed["data"]["value"] = "2";
  const auto updated = run(client->put(kConfigMaps, changed, {}));
  ASSERT_TRUE(updated) << updated.error().message;
  EXPECT_EQ(run(client->put(kConfigMaps, changed, {})).error().code, ErrorCode::kConflict)
      << "the stale body again";
  EXPECT_EQ((*run(client->get(kConfigMaps, key("a"))))["data"]["value"], "2");
  EXPECT_EQ(run(client->remove(kConfigMaps, key("a"), {.uid = Uid("another")})).error().code,
            ErrorCode::kConflict);
  EXPECT_EQ(run(client->remove(kConfigMaps, key("a"), {.resource_version = version_of(created)}))
                .error()
                .code,
            ErrorCode::kConflict);
  const DeleteOptions exact{.uid = Uid(created["metadata"]["uid"].get<std::string>()),
                            .resource_version = version_of(*updated)};
  EXPECT_EQ(run(client->remove(kConfigMaps, key("a"), exact)), Removal::kGone);
  EXPECT_EQ(run(client->remove(kConfigMaps, key("a"), {})), Removal::kAbsent);
  EXPECT_EQ(run(client->get(kConfigMaps, key("a"))).error().code, ErrorCode::kNotFound);
}
TEST_F(ApiServer, ADeletionThatWaitsForAFinalizerIsReportedAsSuch) {
  json object = config_map("a");
  object["metadata"]["finalizers"] = {"spillway.dev/test"};
  must_create(object);
  EXPECT_EQ(run(client->remove(kConfigMaps, key("a"), {})), Removal::kTerminating);
  ASSERT_TRUE(run(
      client->merge_patch(kConfigMaps, key("a"), {{"metadata", {{"finalizers", nullptr}}}}, {})));
  EXPECT_EQ(run(client->get(kConfigMaps, key("a"))).error().code, ErrorCode::kNotFound);
}
TEST_F(ApiServer, SaysInASentenceWhyItRefuses) {
  json bad = config_map("Upper_Case");
  const auto refused = run(client->create(kConfigMaps, bad));
  EXPECT_EQ(refused.error().code, ErrorCode::kRejected);
  EXPECT_THAT(refused.error().message, HasSubstr("is invalid: metadata.name"));
  EXPECT_EQ(run(client->get({"nonsense.dev", "v1", "things", "Thing"}, key("a"))).error().code,
            ErrorCode::kNotFound);
}
TEST_F(ApiServer, AppliesFieldsOfSeveralOwners) {
  const FieldManager first("first");
  const FieldManager second("second");
  ASSERT_TRUE(run(client->apply(kConfigMaps, config_map("a", "1"), {.field_manager = first})));
  const auto again =
      run(client->apply(kConfigMaps, config_map("a", "1"), {.field_manager = first}));
  ASSERT_TRUE(again) << again.error().message;
  const auto fought = run(
      client->apply(kConfigMaps, config_map("a", "2"), {.field_manager = second, .force = false}));
  EXPECT_EQ(fought.error().code, ErrorCode::kConflict);
  EXPECT_THAT(fought.error().message, HasSubstr("conflict with \"first\""));
  const auto taken =
      run(client->apply(kConfigMaps, config_map("a", "2"), {.field_manager = second}));
  ASSERT_TRUE(taken);
  EXPECT_EQ((*taken)["data"]["value"], "2");
  const auto stale =
      run(client->apply(kConfigMaps, config_map("a", "3"),
                        {.field_manager = second, .resource_version = version_of(*again)}));
  EXPECT_EQ(stale.error().code, ErrorCode::kConflict);
}
TEST_F(ApiServer, AnApplyKeepsAwkwardText) {
  const std::string awkward =
      "a: \"b\" \\ / \xc3\xa9 \xf0\x9f\x98\x80 \t \x1b #"
      "\x7f \xc2\x80 \xc2\x85 \xc2\x9f \xc2\xa0 \xe2\x80\xa8 \xe2\x80\xa9 \xef\xbb\xbf "
      "\xef\xbf\xbe \xef\xbf\xbf "
      "\xef\xbf\xbd";
  const auto applied = run(client->apply(kConfigMaps, config_map("a", awkward.c_str()),
                                         {.field_manager = FieldManager("f")}));
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_EQ((*applied)["data"]["value"], awkward);
}
json deployment(const Namespace& ns) {
  return {{"metadata", {{"namespace", ns.str()}, {"name", "d"}}},
          {"spec",
           {{"replicas", 0},
            {"selector", {{"matchLabels", {{"a", "b"}}}}},
            {"template",
             {{"metadata", {{"labels", {{"a", "b"}}}}},
              {"spec", {{"containers", json::array({{{"name", "c"}, {"image", "i"}}})}}}}}}}};
}
TEST_F(ApiServer, StatusHasItsOwnManager) {
  ASSERT_TRUE(run(
      client->apply(kDeployments, deployment(ns), {.field_manager = FieldManager("spillway")})));
  const json condition = {
      {"type", "Spillway"}, {"status", "True"}, {"reason", "Test"}, {"message", "m"}};
  const json status = {{"metadata", {{"namespace", ns.str()}, {"name", "d"}}},
                       {"status", {{"conditions", json::array({condition})}}}};
  const auto written = run(client->apply(
      kDeployments, status,
      {.field_manager = FieldManager("spillway-status"), .subresource = Subresource::kStatus}));
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_THAT((*written)["status"]["conditions"].dump(), HasSubstr("\"Spillway\""));
  EXPECT_EQ((*written)["spec"]["replicas"], 0);
  const auto read = Deployment::from_json(*written);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->replicas, 0);
}
TEST_F(ApiServer, ListsInPages) {
  for (const char* name : {"a", "b", "c", "d", "e"})
    must_create(config_map(name));
  std::set<std::string> names;
  std::string token;
  int pages = 0;
  do {
    const auto page = run(
        client->list(kConfigMaps, {.selectors = {.ns = ns}, .limit = 2, .continue_token = token}));
    ASSERT_TRUE(page) << page.error().message;
    EXPECT_LE(page->size(), 2U);
    for (std::size_t i = 0; i < page->size(); ++i)
      names.insert(key_of(json::parse(page->item(i)))->name.str());
    token = page->continue_token();
    ++pages;
  } while (!token.empty());
  EXPECT_GE(pages, 3);
  names.erase("kube-root-ca.crt");
  EXPECT_THAT(names, UnorderedElementsAre("a", "b", "c", "d", "e"));
}
TEST_F(ApiServer, AVersionFromTheFutureIsToldApart) {
  const auto page =
      run(client->list(kConfigMaps, {.selectors = {.ns = ns},
                                     .resource_version = ResourceVersion("99999999999"),
                                     .retry = false}));
  EXPECT_EQ(page.error().code, ErrorCode::kTooLargeResourceVersion) << page.error().message;
  EXPECT_TRUE(page.error().retry_after);
}
TEST_F(ApiServer, AVersionOutOfTheWindowIsExpired) {
  const auto lines = run(client->watch(kConfigMaps, {.resource_version = ResourceVersion("1")}));
  if (!lines) {
    EXPECT_EQ(lines.error().code, ErrorCode::kExpired);
    return;
  }
  const auto line = run((*lines)->next(clock->monotonic() + seconds(10)));
  ASSERT_TRUE(line && *line);
  if ((*line)->starts_with(R"({"type":"ADDED")"))
    GTEST_SKIP() << "this server still remembers everything";
  EXPECT_THAT(**line, HasSubstr("\"code\":410"));
}
TEST_F(ApiServer, TakesEventsAndTheirSeries) {
  EventRecorder recorder(*client, {.controller = "spillway.dev/test", .instance = "one"}, {});
  const json about = must_create(config_map("a"));
  const Event event{.regarding = {.api_version = "v1",
                                  .kind = "ConfigMap",
                                  .key = key("a"),
                                  .uid = Uid(about["metadata"]["uid"].get<std::string>())},
                    .reason = "Placed",
                    .action = "Place",
                    .note = "on spot-a"};
  recorder.record(event);
  recorder.record(event);
  recorder.stop(clock->monotonic() + seconds(20));
  spawn(recorder.run());
  ASSERT_TRUE(eventually([&] { return running == 0; }));
  EXPECT_EQ(metrics.events_dropped_failed, 0U);
  const auto page = run(client->list(kEvents, {.selectors = {.ns = ns}}));
  ASSERT_TRUE(page);
  ASSERT_EQ(page->size(), 1U);
  const json written = json::parse(page->item(0));
  EXPECT_EQ(written["note"], "on spot-a");
  EXPECT_EQ(written["series"]["count"], 2);
  EXPECT_EQ(written["reportingController"], "spillway.dev/test");
}

class Leases : public ClusterTest {
 protected:
  std::unique_ptr<LeaderElector> elector(const char* identity) {
    LeaseOptions options{.lease = key("election"), .identity = identity};
    options.lease_duration = seconds(4);
    options.renew_deadline = seconds(3);
    options.retry_period = Duration(500);
    return std::make_unique<LeaderElector>(runtime, *transport, metrics, options, nullptr);
  }
};
TEST_F(Leases, OneLeadsAndHandsOver) {
  const auto first = elector("first");
  const auto second = elector("second");
  spawn(first->run());
  ASSERT_TRUE(eventually([&] { return first->leading(); }));
  spawn(second->run());
  ASSERT_TRUE(eventually([&] { return second->holder() == "first"; }));
  turn(seconds(6));
  EXPECT_TRUE(first->leading());
  EXPECT_FALSE(second->leading());
  first->stop();
  ASSERT_TRUE(eventually([&] { return running == 1; }));
  const auto released = run(first->release());
  EXPECT_TRUE(released) << released.error().message;
  EXPECT_TRUE(eventually([&] { return second->leading(); }, seconds(3)))
      << "without waiting for the lease to run out";
  // Deleted under its holder: made again.
  ASSERT_TRUE(run(client->remove(kLeases, key("election"), {})));
  EXPECT_TRUE(eventually([&] { return run(client->get(kLeases, key("election"))).has_value(); },
                         seconds(5)));
  // It is on the server before its maker has heard so.
  EXPECT_TRUE(eventually([&] { return second->leading(); }, seconds(5)));
  second->stop();
  EXPECT_TRUE(eventually([&] { return running == 0; }));
}

using Reflection = ReflectedTest;

TEST_F(Reflection, FollowsACollectionFromAStreamingList) {
  must_create(config_map("a", "1"));
  reflect();
  ASSERT_TRUE(in_step());
  EXPECT_TRUE(metrics.watch_reconnects.empty()) << "the streaming list was accepted";
  EXPECT_TRUE(has("a", "1"));
  must_create(config_map("b", "1"));
  EXPECT_TRUE(has("b", "1"));
  ASSERT_TRUE(run(client->merge_patch(kConfigMaps, key("a"), {{"data", {{"value", "2"}}}}, {})));
  EXPECT_TRUE(has("a", "2"));
  ASSERT_TRUE(run(client->remove(kConfigMaps, key("b"), {})));
  EXPECT_TRUE(lacks("b"));
  EXPECT_THAT(changes, ElementsAre("+a", "+b", "~a", "-b"));
}
TEST_F(Reflection, FollowsACollectionFromPages) {
  for (const char* name : {"a", "b", "c"})
    must_create(config_map(name, "1"));
  reflect({.watch_list = false, .page_size = 2});
  ASSERT_TRUE(in_step());
  EXPECT_TRUE(has("c", "1"));
  must_create(config_map("d", "1"));
  EXPECT_TRUE(has("d", "1"));
}
TEST_F(Reflection, RewatchesAfterTheTimeoutWithoutAList) {
  reflect({.watch_timeout = seconds(2)});
  ASSERT_TRUE(in_step());
  ASSERT_TRUE(eventually([&] { return metrics.watch_reconnects[{"configmaps", "end"}] >= 2; }));
  must_create(config_map("a", "1"));
  EXPECT_TRUE(has("a", "1"));
  EXPECT_EQ(metrics.relists["configmaps"], 1U);
}
TEST_F(Reflection, SeesOwnWritesAtOnce) {
  reflect();
  ASSERT_TRUE(in_step());
  const json written = must_create(config_map("a", "1"));
  store.upsert(*Entry::from_json(written));
  ASSERT_NE(store.find(key("a")), nullptr);
  EXPECT_TRUE(eventually([&] { return store.seen_version() >= version_of(written); }));
  EXPECT_THAT(changes, ElementsAre("+a")) << "the watch told nothing new";
}

}  // namespace
}  // namespace spillway::kube
