#pragma once
// What /metrics says. Families are built anew at each scrape from the state of the loop, so that
// nothing is counted twice and nothing has to be forgotten when an object goes. Names begin with
// spillway_, units are base units, money is US dollars per hour. docs/operations.md lists them all.
//
// Pools and workloads are exported by the leader alone: a sum over all operators counts nothing
// twice. A family has at most kMaxSeries series; spillway_metrics_truncated says how many were left
// out.
//
// Money becomes a floating-point number here because the format has no other; it is for dashboards
// and alerts, never for charging.

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <spillway/control/config_watcher.h>
#include <spillway/control/controller.h>
#include <spillway/control/off_switch_loop.h>
#include <spillway/kube/metrics.h>
#include <spillway/market/keeper.h>

namespace spillway::control {

inline constexpr std::size_t kMaxSeries = 10'000;

// Everything that is exported, as one look at it on the control thread.
struct MetricsView {
  bool leading = false;
  bool observe = false;
  const World* world = nullptr;  // the four are never null
  const Picture* picture = nullptr;
  const plan::Plan* plan = nullptr;
  const kube::ClientMetrics* client = nullptr;
  PassFacts pass;
  ExecutorMetrics executor;
  std::size_t chains_in_flight = 0;
  const CheckpointBook* checkpoints = nullptr;  // null without stores
  const SaveRequests* save_requests = nullptr;
  const OffSwitch* off_switch = nullptr;  // null when plain workloads are left alone
  std::size_t events_queued = 0;
  market::MarketMetrics market;
  ConfigFacts config;
};

// The view of a running controller; leading, observe, events, market and config are the caller's.
MetricsView view_of(const Controller& controller, const kube::ClientMetrics& client);

// In the order of the names, each family once, no two series with the same labels.
std::vector<prometheus::MetricFamily> metric_families(const MetricsView& view,
                                                      std::size_t max_series = kMaxSeries);

// For prometheus-cpp's registries and serializers. Control thread only.
class MetricsCollector final : public prometheus::Collectable {
 public:
  explicit MetricsCollector(std::function<MetricsView()> look) : look_(std::move(look)) {}
  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;
  // The text exposition format, version 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  std::function<MetricsView()> look_;
};

}  // namespace spillway::control
