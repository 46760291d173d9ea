#include <vector>

#include "server_fixture.h"

namespace spillway::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class WatchTest : public ServerTest {
 protected:
  ApiServer::Opened watch(const std::string& query) {
    return server.open(
        {.target = std::string(kPodsPath) + "?watch=1&" + query},
        [this](const WatchFrame& frame) { frames.push_back(json::parse(frame.line)); });
  }
  [[nodiscard]] std::vector<std::string> heard() const {
    std::vector<std::string> lines;
    for (const json& frame : frames) {
      lines.push_back(frame["type"].get<std::string>() + " " +
                      frame["object"].value("/metadata/name"_json_pointer, ""));
    }
    return lines;
  }
  json labelled(const std::string& name, const std::string& value) {
    json made = pod(name);
    made["metadata"]["labels"]["app"] = value;
    return made;
  }
  std::vector<json> frames;
};

TEST_F(WatchTest, hears_every_change_after_its_version) {
  const std::string from = post(kPodsPath, pod("a")).version();
  post(kPodsPath, pod("b"));
  ASSERT_EQ(watch("resourceVersion=" + from).head.status, 200);
  merge(std::string(kPodsPath) + "/a", {{"metadata", {{"labels", {{"x", "y"}}}}}});
  remove(std::string(kPodsPath) + "/b");
  EXPECT_THAT(heard(), ElementsAre("ADDED b", "MODIFIED a", "DELETED b"));
}

TEST_F(WatchTest, a_streaming_list_ends_with_its_bookmark) {
  post(kPodsPath, pod("a"));
  watch("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
  EXPECT_THAT(heard(), ElementsAre("ADDED a", "BOOKMARK "));
  EXPECT_EQ(frames[1]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
}

TEST_F(WatchTest, a_bookmark_tells_kind_and_version_and_what_the_type_always_has) {
  const auto pods = watch("allowWatchBookmarks=true");
  const auto pools = server.open(
      {.target = "/apis/spillway.dev/v1alpha1/capacitypools?watch=1&allowWatchBookmarks=true"},
      [](const WatchFrame&) {});
  post(kPodsPath, pod("a"));
  const std::string now = std::to_string(server.store().version());
  const auto bookmark = [&now](const char* kind, const char* version, json rest) {
    rest["kind"] = kind;
    rest["apiVersion"] = version;
    rest["metadata"] = {{"resourceVersion", now}};
    return json{{"type", "BOOKMARK"}, {"object", std::move(rest)}};
  };
  EXPECT_EQ(
      json::parse(server.bookmark(pods.id).value().line),
      bookmark("Pod", "v1", {{"spec", {{"containers", nullptr}}}, {"status", json::object()}}));
  EXPECT_EQ(json::parse(server.bookmark(pools.id).value().line),
            bookmark("CapacityPool", "spillway.dev/v1alpha1", json::object()));
}

TEST_F(WatchTest, an_object_that_leaves_the_selector_is_deleted_for_it) {
  watch("labelSelector=app%3Da");
  post(kPodsPath, labelled("p", "a"));
  merge(std::string(kPodsPath) + "/p", {{"metadata", {{"labels", {{"app", "b"}}}}}});
  merge(std::string(kPodsPath) + "/p", {{"metadata", {{"labels", {{"app", "a"}}}}}});
  EXPECT_THAT(heard(), ElementsAre("ADDED p", "DELETED p", "ADDED p"));
}

TEST_F(WatchTest, a_version_before_the_compaction_is_gone_inside_the_stream) {
  const std::string from = post(kPodsPath, pod("a")).version();
  post(kPodsPath, pod("b"));
  server.compact();
  EXPECT_EQ(watch("resourceVersion=" + from).head.status, 200);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0]["type"], "ERROR");
  EXPECT_EQ(frames[0]["object"]["code"], 410);
}

TEST_F(WatchTest, a_list_from_the_future_is_too_large) {
  const std::string future = "resourceVersion=999999&resourceVersionMatch=NotOlderThan";
  const Reply list = get(std::string(kPodsPath) + "?" + future);
  EXPECT_EQ(list.status, 504);
  EXPECT_EQ(list.body["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
  EXPECT_EQ(watch("sendInitialEvents=true&" + future).head.status, 504);
}

TEST_F(WatchTest, a_watch_from_the_future_is_silent_until_it_is_there) {
  const std::uint64_t now = server.store().version();
  const auto opened = watch("allowWatchBookmarks=true&resourceVersion=" + std::to_string(now + 2));
  ASSERT_EQ(opened.head.status, 200);
  post(kPodsPath, pod("a"));
  EXPECT_FALSE(server.bookmark(opened.id).has_value());
  post(kPodsPath, pod("b"));
  EXPECT_TRUE(server.bookmark(opened.id).has_value());
  EXPECT_THAT(heard(), IsEmpty());
  post(kPodsPath, pod("c"));
  EXPECT_THAT(heard(), ElementsAre("ADDED c"));
}

TEST_F(WatchTest, a_list_comes_in_pages_of_one_version) {
  for (const char* name : {"a", "b", "c"})
    post(kPodsPath, pod(name));
  const Reply first = get(std::string(kPodsPath) + "?limit=2");
  EXPECT_EQ(first.body["items"].size(), 2U);
  EXPECT_EQ(first.body["metadata"]["remainingItemCount"], 1);
  remove(std::string(kPodsPath) + "/c");
  const std::string token = first.body["metadata"]["continue"];
  const Reply second = get(std::string(kPodsPath) + "?limit=2&continue=" + token);
  EXPECT_EQ(second.body["items"].size(), 1U);
  EXPECT_EQ(second.version(), first.version());
  server.compact();
  const Reply late = get(std::string(kPodsPath) + "?limit=2&continue=" + token);
  EXPECT_EQ(late.status, 410);
  EXPECT_THAT(late.message(), HasSubstr("continue parameter is too old"));
}

TEST_F(WatchTest, a_closed_watch_hears_nothing) {
  server.close(watch("timeoutSeconds=5").id);
  post(kPodsPath, pod("a"));
  EXPECT_THAT(heard(), IsEmpty());
}

}  // namespace
}  // namespace spillway::sim
