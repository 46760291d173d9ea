#pragma once
// The one loop: caches -> picture -> plan -> work -> API server. An event only means
// "look again soon"; bursts fold into one pass; a plan says itself when it wants to be made again
// without an event.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include <spillway/control/duration_histogram.h>
#include <spillway/control/executor.h>
#include <spillway/control/fold_window.h>
#include <spillway/control/picture.h>
#include <spillway/control/policies.h>
#include <spillway/control/pool_memory.h>
#include <spillway/control/reconcile.h>
#include <spillway/control/save_record.h>
#include <spillway/control/world.h>
#include <spillway/kube/client.h>
#include <spillway/kube/events.h>
#include <spillway/market/keeper.h>
#include <spillway/plan/plan.h>
#include <spillway/plan/programme_library.h>

namespace spillway::control {

// What saving and resuming needs of the world. Null: no checkpoints, and a job that wants them says
// so in its conditions. Everything outlives the controller.
struct CheckpointAccess {
  const Stores* stores = nullptr;
  cloud::HttpClient* pods = nullptr;  // speaks to pods at their addresses
  AgentConfig agent;
  // Of the operator: the key that the jobs' tokens are made from is kept in this Secret. It is made
  // when it is missing, and read once.
  ObjectKey key_secret{Namespace("spillway-system"), ObjectName("spillway-token-key")};
  CheckpointBookOptions book;
  SaveRequestsOptions requests;
};

struct ControllerOptions {
  CheckpointAccess checkpoints;
  bool observe = false;
  plan::Config plan;
  FoldLimits fold;
  // Processor time that the control thread has used so far: what passes are paced by. Empty: the
  // monotonic clock stands in, on which passes cost nothing in virtual time.
  std::function<Duration()> processor_time;
  Duration longest_rest =
      std::chrono::minutes(1);  // a pass at least this often, as a guard against a missed wake-up
  ExecutorOptions executor;
  kube::ReflectorOptions reflector;
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

  // What a cloud's queue says of an instance. Heard again it changes nothing, so a message that is
  // delivered twice does no harm.
  void hear(InstanceWord word);
  // True when what was heard of the instance has been planned with, and what followed from it was
  // written: its message may be acknowledged.
  [[nodiscard]] bool acted_on(const std::string& instance) const;

  [[nodiscard]] bool synced() const { return world_.synced(); }
  [[nodiscard]] const World& world() const { return world_; }
  // For those who act beside the controller on what it follows (off_switch_loop.h).
  [[nodiscard]] World& world() { return world_; }
  // Called when a policy or a namespace changed, or all are known; set before run().
  void on_hours_change(std::function<void()> changed) { hours_changed_ = std::move(changed); }
  // The same of InferencePools.
  void on_service_change(std::function<void()> changed) { service_changed_ = std::move(changed); }
  // Who knows in which order services and plain workloads wake; nobody: services wake among
  // themselves. Set before run().
  void take_turns(TurnsIn turns) { turns_in_ = std::move(turns); }
  [[nodiscard]] const PassFacts& facts() const { return facts_; }
  [[nodiscard]] const Picture& last_picture() const { return picture_; }
  [[nodiscard]] const plan::Plan& last_plan() const { return plan_; }
  [[nodiscard]] const Executor& executor() const { return *executor_; }
  // Null without stores.
  [[nodiscard]] const CheckpointBook* checkpoints() const { return book_.get(); }
  [[nodiscard]] const SaveRequests* save_requests() const { return requests_.get(); }
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
  [[nodiscard]] bool has_urgent_news() const;
  [[nodiscard]] Duration processor_time() const;
  void pass();
  void start(std::vector<Work> work);
  void watch_prices();
  Task<void> make_programmes();
  [[nodiscard]] Observed observed() const;
  [[nodiscard]] NoticeBook::Recorded recorded_deadlines() const;
  void follow_checkpoints();
  void follow_gateway_pools();
  std::vector<SaveOrder> save_orders() const;
  std::vector<SaveOrder> orders_of_replicas() const;
  Task<void> ask_when_recorded();
  Task<void> find_token_key();
  [[nodiscard]] MonotonicTime next_look() const;

  Runtime runtime_;
  kube::Client& client_;
  market::MarketKeeper& market_;
  std::function<bool()> leading_;
  ControllerOptions options_;
  World world_;
  std::vector<std::unique_ptr<Cache>> caches_;
  Signal changed_;
  std::function<void()> hours_changed_ = [] {};
  std::function<void()> service_changed_ = [] {};
  TurnsIn turns_in_;
  TaskGroup tasks_;
  std::unique_ptr<Executor> executor_;
  PictureBuilder builder_;
  Reconciler reconciler_;
  PoolMemory memory_;
  PolicyReporter policies_;
  NoticeBook notices_;
  std::map<std::string, std::uint64_t> heard_;  // instance -> passes made when it was heard of
  plan::ProgrammeLibrary programmes_{plan::ProgrammeLibrary::kUsualBytes, plan::Making::kOutside};
  SaveRecord save_record_;
  std::unique_ptr<CheckpointBook> book_;
  std::unique_ptr<SaveRequests> requests_;
  Secret token_key_;
  std::optional<MonotonicTime> key_again_;
  Picture picture_;
  plan::Plan plan_;
  PassFacts facts_;
  FoldWindow window_;
  // Since the last pass: nodes that changed, and whether a queue said something new.
  std::set<ObjectKey> changed_nodes_;
  bool heard_news_ = false;
  Signal urgent_;
  // Jobs that changed and are not looked at by ask_when_recorded() yet.
  std::set<ObjectKey> changed_jobs_;
  Signal recorded_;
  std::optional<Instant> wake_at_;
  std::optional<MonotonicTime> prices_awaited_until_;
  bool stopping_ = false;
};

}  // namespace spillway::control
