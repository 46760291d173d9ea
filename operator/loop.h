#pragma once
// Prices and control loop as one unit, which a change of feeds replaces as a whole: the loop is
// built to be killed and started at any moment, so starting it anew is the way to take up anything.

#include <functional>
#include <memory>
#include <optional>

#include <spillway/async/timers.h>
#include <spillway/cloud/http.h>
#include <spillway/control/config.h>
#include <spillway/control/controller.h>
#include <spillway/control/off_switch_loop.h>
#include <spillway/kube/client.h>
#include <spillway/kube/events.h>
#include <spillway/market/keeper.h>

namespace spillway::program {

class Loop {
 public:
  // References outlive the loop; it is destroyed only after drained(). Without `off_switch` plain
  // workloads are none of its business.
  Loop(const Runtime& runtime, const control::OperatorConfig& config, kube::Client& client,
       kube::EventRecorder& events, std::function<bool()> leading,
       control::ControllerOptions options, std::optional<control::OffSwitchOptions> off_switch);

  void start();
  void look_again();   // leadership changed
  void stop_prices();  // what is known stays; nothing more is asked for
  void stop();         // nothing more is begun
  // True when all of it has ended; false at `until`.
  Task<bool> prices_drained(MonotonicTime until);
  Task<bool> drained(MonotonicTime until);

  [[nodiscard]] control::Controller& controller() { return controller_; }
  // What keeps a cache from being in step, one sentence each.
  [[nodiscard]] std::vector<std::string> troubles() const;
  [[nodiscard]] const market::MarketKeeper& market() const { return market_; }
  [[nodiscard]] const control::OffSwitch* off_switch() const { return off_switch_.get(); }

 private:
  void open_queue(const Runtime& runtime, const control::EventQueueConfig& config,
                  std::function<bool()> leading);

  std::unique_ptr<cloud::HttpClient> http_;
  std::unique_ptr<cloud::HttpClient> store_http_;  // null without stores
  std::unique_ptr<cloud::HttpClient> pod_http_;
  std::unique_ptr<control::Stores> stores_;
  std::unique_ptr<cloud::HttpClient> queue_http_;  // null without a queue of notices
  std::unique_ptr<cloud::CredentialsProvider> queue_credentials_;
  std::unique_ptr<cloud::SqsClient> queue_client_;
  market::MarketKeeper market_;
  control::Controller controller_;
  std::unique_ptr<control::EventQueue> queue_;
  std::unique_ptr<control::OffSwitch> off_switch_;  // null: not asked for
  TaskGroup feed_tasks_;
  TaskGroup control_tasks_;
};

}  // namespace spillway::program
