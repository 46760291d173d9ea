#pragma once
// A client of a real cluster, in real time, and a namespace of its own per test.

#include <cstdlib>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/core/text.h>
#include <spillway/kube/beast_transport.h>
#include <spillway/kube/client.h>
#include <spillway/kube/config.h>
#include <spillway/kube/meta.h>
#include <spillway/kube/reflector.h>

namespace spillway::kube {

inline constexpr ResourceType kNamespaces{"", "v1", "namespaces", "Namespace", false};
inline constexpr ResourceType kConfigMaps{"", "v1", "configmaps", "ConfigMap"};

class ClusterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* kubeconfig = std::getenv("SPILLWAY_TEST_KUBECONFIG");
    if (kubeconfig == nullptr) GTEST_SKIP() << "SPILLWAY_TEST_KUBECONFIG does not name a cluster";
    auto config = load_kubeconfig({.paths = kubeconfig}, runtime);
    ASSERT_TRUE(config) << config.error().message;
    transport = make_beast_transport(runtime, config->server, config->credentials, {});
    client = std::make_unique<Client>(runtime, *transport, fence, metrics, ClientOptions{});
    ns = Namespace("kube-" + hex(random->next()));
    ASSERT_TRUE(run(client->create(kNamespaces, {{"metadata", {{"name", ns.str()}}}})));
  }
  void TearDown() override {
    if (client == nullptr) return;
    const auto removed = run(client->remove(kNamespaces, {.name = ObjectName(ns.str())}, {}));
    EXPECT_TRUE(removed) << removed.error().message;
    transport->close();
    turn(std::chrono::milliseconds(100));
  }

  template <class T>
  std::shared_ptr<std::optional<T>> start(Task<T> task) {
    auto result = std::make_shared<std::optional<T>>();
    asio::co_spawn(io, std::move(task), [result](const std::exception_ptr& thrown, T value) {
      if (thrown) std::rethrow_exception(thrown);
      *result = std::move(value);
    });
    return result;
  }
  template <class T>
  T run(Task<T> task) {
    const auto result = start(std::move(task));
    if (!eventually([&] { return result->has_value(); }))
      throw std::runtime_error("a call did not end in time");
    return *std::move(*result);
  }
  // Starts a coroutine without a result and counts it, so that a test can wait for its end.
  void spawn(Task<void> task) {
    ++running;
    asio::co_spawn(io, std::move(task), [this](const std::exception_ptr& thrown) {
      if (thrown) std::rethrow_exception(thrown);
      --running;
    });
  }
  bool eventually(const std::function<bool()>& condition,
                  Duration limit = std::chrono::seconds(60)) {
    const MonotonicTime until = clock->monotonic() + limit;
    while (!condition()) {
      if (clock->monotonic() >= until) return false;
      io.restart();
      io.run_one_for(std::chrono::milliseconds(20));
    }
    return true;
  }
  void turn(Duration duration) {
    eventually([] { return false; }, duration);
  }
  [[nodiscard]] ObjectKey key(const char* name) const {
    return {.ns = ns, .name = ObjectName(name)};
  }
  [[nodiscard]] nlohmann::json config_map(const char* name, const char* value = "1") const {
    return {{"metadata", {{"namespace", ns.str()}, {"name", name}}}, {"data", {{"value", value}}}};
  }
  nlohmann::json must_create(const nlohmann::json& object) {
    auto created = run(client->create(kConfigMaps, object));
    if (!created) throw std::runtime_error(created.error().message);
    return *std::move(created);
  }
  static ResourceVersion version_of(const nlohmann::json& object) {
    return ResourceVersion(object["metadata"]["resourceVersion"].get<std::string>());
  }

  asio::io_context io;
  std::unique_ptr<Clock> clock = make_system_clock();
  std::unique_ptr<Timers> timers = make_system_timers(io.get_executor());
  std::unique_ptr<Random> random = make_entropy_random();
  Runtime runtime{io.get_executor(), *clock, *timers, *random};
  OpenFence fence;
  ClientMetrics metrics;
  std::unique_ptr<Transport> transport;
  std::unique_ptr<Client> client;
  Namespace ns;
  int running = 0;
};

// A ConfigMap with the value that tests look at.
struct Entry {
  Meta meta;
  std::string value;
  friend bool operator==(const Entry&, const Entry&) = default;
  static Result<Entry> from_json(const nlohmann::json& object) {
    TRY(meta, read_meta(object, {}));
    const auto data = object.find("data");
    return Entry{.meta = std::move(meta),
                 .value = data == object.end() ? "" : data->value("value", "")};
  }
};

// A reflector over the ConfigMaps of the test's namespace.
class ReflectedTest : public ClusterTest {
 protected:
  void TearDown() override {
    if (reflector != nullptr) {
      reflector->stop();
      EXPECT_TRUE(eventually([&] { return running == 0; })) << "the reflector does not stop";
    }
    ClusterTest::TearDown();
  }
  void reflect(ReflectorOptions options = {}, ResourceType type = kConfigMaps) {
    store.set_listener([this](const ObjectKey& changed, Change what) {
      if (changed.name.str() == "kube-root-ca.crt")
        return;  // put into every namespace by Kubernetes
      constexpr std::string_view kSigns = "+~-";
      changes.push_back(std::string(1, kSigns[static_cast<std::size_t>(what)]) +
                        changed.name.str());
    });
    options.selectors.ns = ns;
    reflector = std::make_unique<Reflector>(*client, type, sink, std::move(options));
    spawn(reflector->run());
  }
  bool in_step() {
    return eventually(
        [&] { return store.synced() && std::holds_alternative<Watching>(reflector->state()); });
  }
  bool has(const char* name, const char* value) {
    return eventually([&] {
      const auto found = store.find(key(name));
      return found != nullptr && found->value == value;
    });
  }
  bool lacks(const char* name) {
    return eventually([&] { return store.find(key(name)) == nullptr; });
  }
  std::uint64_t reconnects() {
    std::uint64_t sum = 0;
    for (const auto& [labels, count] : metrics.watch_reconnects)
      sum += count;
    return sum;
  }

  Store<Entry> store;
  StoreSink<Entry> sink{store};
  std::unique_ptr<Reflector> reflector;
  std::vector<std::string> changes;
};

}  // namespace spillway::kube
