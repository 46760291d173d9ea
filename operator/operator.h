#pragma once
// The wired-up program and its life: start, take up changes, stop in order.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/signal_set.hpp>

#include <spillway/async/timers.h>
#include <spillway/control/config_watcher.h>
#include <spillway/control/metrics.h>
#include <spillway/control/probe_server.h>
#include <spillway/kube/client.h>
#include <spillway/kube/config.h>
#include <spillway/kube/events.h>
#include <spillway/kube/lease.h>
#include <spillway/kube/metrics.h>

#include "loop.h"
#include "options.h"

namespace spillway::program {

struct Configuration {
  control::OperatorConfig values;
  std::string content;  // of the file, as read
};

class Operator {
 public:
  // `io` is what runtime.executor runs on.
  Operator(asio::io_context& io, const Runtime& runtime, Options options,
           Configuration configuration, const kube::ClusterConfig& cluster);

  // Begins to answer probes; an error is one sentence for standard error.
  Result<void> listen();
  // Until a signal or the loss of leadership; returns the exit code.
  int run();

 private:
  Task<void> live();
  void start();
  void on_signal();
  void on_leadership(bool leading);
  Task<void> take_up();
  Task<void> shut_down();
  Task<void> give_lease_back();
  [[nodiscard]] bool leading() const { return !elector_ || elector_->leading(); }
  [[nodiscard]] control::ControllerOptions controller_options() const;
  [[nodiscard]] std::optional<control::OffSwitchOptions> off_switch_options() const;
  [[nodiscard]] std::unique_ptr<Loop> make_loop();
  [[nodiscard]] std::vector<std::string> not_ready();
  [[nodiscard]] control::MetricsView look();

  asio::io_context& io_;
  Runtime runtime_;
  Options options_;
  control::OperatorConfig wanted_;    // what the file says
  control::OperatorConfig in_force_;  // what the loop was made with
  kube::ClientMetrics client_metrics_;
  std::unique_ptr<kube::Transport> transport_;
  kube::OpenFence open_fence_;
  std::unique_ptr<kube::LeaderElector> elector_;  // null with --leader-elect=false
  kube::Client client_;
  kube::EventRecorder events_;
  std::optional<control::ConfigWatcher> watcher_;
  std::unique_ptr<Loop> loop_;
  control::MetricsCollector metrics_;
  std::unique_ptr<control::ProbeServer> probes_;

  asio::signal_set signals_;
  TaskGroup life_, probe_tasks_, election_tasks_, event_tasks_, watcher_tasks_;
  Signal changed_;
  bool synced_once_ = false;
  bool ending_ = false;
  bool ended_ = false;
  bool clean_ = true;  // nothing was left behind when it ended
};

}  // namespace spillway::program
