// The API server is stopped, killed and restarted, and a definition is removed, while a reflector
// watches.

#include <sys/types.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "cluster_fixture.h"

namespace spillway::kube {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

class Disturbed : public ReflectedTest {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("SPILLWAY_TEST_CLUSTER");
    if (folder == nullptr)
      GTEST_SKIP() << "SPILLWAY_TEST_CLUSTER does not name the folder of a cluster";
    cluster = folder;
    ReflectedTest::SetUp();
  }
  void TearDown() override {
    if (stopped) resume();
    ReflectedTest::TearDown();
  }
  pid_t api_server_pid() const {
    std::ifstream file(cluster + "/run/kube-apiserver.json");
    return json::parse(file).at("pid").get<pid_t>();
  }
  // proc(5): the state stands behind the name of the program, which ends with the last ')'.
  static bool every_thread_is_stopped(pid_t pid) {
    const std::filesystem::path threads = "/proc/" + std::to_string(pid) + "/task";
    for (const auto& thread : std::filesystem::directory_iterator(threads)) {
      std::ifstream file(thread.path() / "stat");
      const std::string stat{std::istreambuf_iterator<char>(file), {}};
      const std::size_t name_ends = stat.rfind(')');
      if (name_ends == std::string::npos || stat.substr(name_ends + 2, 1) != "T") return false;
    }
    return true;
  }
  void signal_api_server(int signal) { ASSERT_EQ(::kill(api_server_pid(), signal), 0); }
  void stop() {
    signal_api_server(SIGSTOP);
    stopped = true;
    // Until it takes effect the process goes on answering.
    ASSERT_TRUE(eventually([&] { return every_thread_is_stopped(api_server_pid()); }));
  }
  void resume() {
    signal_api_server(SIGCONT);
    stopped = false;
  }
  void start_again() {
    const std::string command = std::string(SPILLWAY_SOURCE_DIR) +
                                "/e2e/cluster/cluster up --dir '" + cluster + "' > /dev/null";
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
  std::string cluster;
  bool stopped = false;
};

TEST_F(Disturbed, ARestartOfTheApiServerLosesNothing) {
  must_create(config_map("a", "1"));
  reflect();
  ASSERT_TRUE(in_step());
  signal_api_server(SIGKILL);
  ASSERT_TRUE(eventually([&] { return reconnects() > 0; }));
  EXPECT_NE(store.find(key("a")), nullptr);
  // Its last connection may have taken the bytes before it broke; then nobody knows.
  const auto lost = run(client->create(kConfigMaps, config_map("lost", "1")));
  ASSERT_FALSE(lost);
  EXPECT_THAT((std::vector{ErrorCode::kUnavailable, ErrorCode::kUnknownOutcome}),
              Contains(lost.error().code));
  start_again();
  ASSERT_TRUE(eventually(
      [&] { return run(client->create(kConfigMaps, config_map("b", "1"))).has_value(); }));
  EXPECT_TRUE(has("b", "1"));
  ASSERT_TRUE(in_step());
  EXPECT_THAT(changes, ElementsAre("+a", "+b"));
}
TEST_F(Disturbed, AStoppedApiServerIsNoticedByDeadlinesAndSilence) {
  reflect({.inactivity_limit = seconds(3)});
  ASSERT_TRUE(in_step());
  must_create(config_map("a", "1"));
  ASSERT_TRUE(has("a", "1"));
  stop();
  Client hasty(runtime, *transport, fence, metrics, {.call_timeout = seconds(2)});
  const MonotonicTime begun = clock->monotonic();
  EXPECT_EQ(run(hasty.get(kConfigMaps, key("a"))).error().code, ErrorCode::kTimeout);
  EXPECT_LT(clock->monotonic() - begun, seconds(4));
  // On the kept connection its bytes leave: nobody knows what became of it.
  const auto written = run(hasty.create(kConfigMaps, config_map("b", "1")));
  EXPECT_THAT((std::vector{ErrorCode::kUnknownOutcome, ErrorCode::kTimeout}),
              Contains(written.error().code));
  EXPECT_TRUE(eventually([&] { return metrics.watch_reconnects[{"configmaps", "inactive"}] > 0; },
                         seconds(10)));
  EXPECT_NE(store.find(key("a")), nullptr);
  resume();
  const auto created = run(client->create(kConfigMaps, config_map("c", "1")));
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_TRUE(has("c", "1"));
  EXPECT_THAT(changes, Not(Contains("-a")));
}
TEST_F(Disturbed, ADefinitionThatIsRemovedAndInstalledAgainIsFollowed) {
  constexpr ResourceType kDefinitions{"apiextensions.k8s.io", "v1", "customresourcedefinitions",
                                      "CustomResourceDefinition", false};
  constexpr ResourceType kThings{"kube-test.spillway.dev", "v1", "things", "Thing"};
  const json schema = {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}};
  const json definition = {
      {"metadata", {{"name", "things.kube-test.spillway.dev"}}},
      {"spec",
       {{"group", "kube-test.spillway.dev"},
        {"scope", "Namespaced"},
        {"names",
         {{"plural", "things"},
          {"singular", "thing"},
          {"kind", "Thing"},
          {"listKind", "ThingList"}}},
        {"versions", json::array({{{"name", "v1"},
                                   {"served", true},
                                   {"storage", true},
                                   {"schema", {{"openAPIV3Schema", schema}}}}})}}}};
  const auto install = [&] {
    ASSERT_TRUE(
        eventually([&] { return run(client->create(kDefinitions, definition)).has_value(); }));
  };
  const auto make = [&](const char* name) {
    const json thing = {{"metadata", {{"namespace", ns.str()}, {"name", name}}},
                        {"data", {{"value", "1"}}}};
    return eventually([&] { return run(client->create(kThings, thing)).has_value(); });
  };
  // A run that was cut off may have left its definition.
  ASSERT_TRUE(
      run(client->remove(kDefinitions, {.name = ObjectName("things.kube-test.spillway.dev")}, {})));
  install();
  ASSERT_TRUE(make("a"));
  reflect({}, kThings);
  ASSERT_TRUE(in_step());
  ASSERT_TRUE(
      run(client->remove(kDefinitions, {.name = ObjectName("things.kube-test.spillway.dev")}, {})));
  // Kubernetes deletes the objects with their definition, one DELETED event each; what follows is a
  // 404.
  EXPECT_TRUE(lacks("a"));
  ASSERT_TRUE(eventually([&] {
    return metrics.watch_reconnects[{"things.kube-test.spillway.dev", "not-found"}] > 0;
  }));
  install();
  ASSERT_TRUE(make("b"));
  EXPECT_TRUE(has("b", "1"));
  EXPECT_TRUE(
      run(client->remove(kDefinitions, {.name = ObjectName("things.kube-test.spillway.dev")}, {})));
}

}  // namespace
}  // namespace spillway::kube
