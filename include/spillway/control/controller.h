#pragma once
// The one loop: caches -> picture -> plan -> work -> API server (design §3). An event only means
// "look again soon"; bursts fold into one pass; a plan says itself when it wants to be made again
// without an event.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <spillway/control/executor.h>
#include <spillway/control/picture.h>
#include <spillway/control/pool_memory.h>
#include <spillway/control/reconcile.h>
#include <spillway/control/world.h>
#include <spillway/kube/client.h>
#include <spillway/kube/events.h>
#include <spillway/market/keeper.h>
#include <spillway/plan/plan.h>

namespace spillway::control {

struct ControllerOptions {
  bool observe = false;
  plan::Config plan;
  // Planning takes at most 1/20 of a core: the next pass waits for the larger of these after an
  // event.
  Duration fold_window = std::chrono::milliseconds(50);
  int fold_factor = 20;
  Duration longest_rest =
      std::chrono::minutes(1);  // a pass at least this often, as a guard against a missed wake-up
  ExecutorOptions executor;
  kube::ReflectorOptions reflector;
};

// How long something took, as Prometheus counts it.
class DurationHistogram {
 public:
  static constexpr std::array<Duration, 11> kBounds{
      Duration(1),   Duration(2),   Duration(5),    Duration(10),   Duration(25),   Duration(50),
      Duration(100), Duration(250), Duration(1000), Duration(2500), Duration(10000)};
  void add(Duration took);
  // Observations up to each bound, not cumulated; the last entry is of what took longer.
  [[nodiscard]] const std::array<std::uint64_t, kBounds.size() + 1>& counts() const {
    return counts_;
  }
  [[nodiscard]] Duration sum() const { return sum_; }

 private:
  std::array<std::uint64_t, kBounds.size() + 1> counts_{};
  Duration sum_{};
};

struct PassFacts {  // for metrics
  std::uint64_t passes = 0;
  DurationHistogram build, plan, reconcile;
  // Of the last pass:
  std::size_t workloads = 0;
  std::size_t chains = 0;  // started by it
  std::optional<Instant> at;
};

class Controller {
 public:
  // `leading` says whether this process may act; standbys keep their caches warm. References
  // outlive the controller.
  Controller(Runtime runtime, kube::Client& client, market::MarketKeeper& market,
             kube::EventRecorder& events, std::function<bool()> leading, ControllerOptions options);
  ~Controller();
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  // Runs reflectors and the loop until stop(); returns when every chain under way has ended.
  Task<void> run();
  void stop();
  // Something outside the caches changed (leadership, configuration): look again.
  void look_again();
  void set_plan_config(const plan::Config& config);

  [[nodiscard]] bool synced() const { return world_.synced(); }
  [[nodiscard]] const World& world() const { return world_; }
  [[nodiscard]] const PassFacts& facts() const { return facts_; }
  [[nodiscard]] const Picture& last_picture() const { return picture_; }
  [[nodiscard]] const plan::Plan& last_plan() const { return plan_; }
  [[nodiscard]] const Executor& executor() const { return *executor_; }
  // What keeps a cache from being in step, one sentence each; empty when all is well.
  [[nodiscard]] std::vector<std::string> troubles() const;

 private:
  struct Cache;
  template <class T>
  void add_cache(kube::ResourceType type, kube::Store<T>& store,
                 typename kube::StoreSink<T>::Decode decode, std::string selector);
  void add_caches();
  Task<void> loop();
  Task<void> settle();
  void pass();
  void start(std::vector<Work> work);
  void watch_prices();
  [[nodiscard]] MonotonicTime next_look() const;

  Runtime runtime_;
  kube::Client& client_;
  market::MarketKeeper& market_;
  std::function<bool()> leading_;
  ControllerOptions options_;
  World world_;
  std::vector<std::unique_ptr<Cache>> caches_;
  Signal changed_;
  TaskGroup tasks_;
  std::unique_ptr<Executor> executor_;
  PictureBuilder builder_;
  Reconciler reconciler_;
  PoolMemory memory_;
  NoticeBook notices_;
  Picture picture_;
  plan::Plan plan_;
  PassFacts facts_;
  Duration last_cost_{};
  std::optional<Instant> wake_at_;
  std::optional<MonotonicTime> prices_awaited_until_;
  bool stopping_ = false;
};

}  // namespace spillway::control
