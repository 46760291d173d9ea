#pragma once
// The operator's configuration file (docs/operations.md lists every key). YAML in, checked values
// out; a key that is not known is an error, because a misspelt one would silently be a default.
//
//   feeds:
//     - name: aws-us-east-1
//       awsSpot: {region: us-east-1, endpoint: "...", credentials: environment | {directory: PATH}}
//       pollInterval: 5m
//       freshFor: 15m
//     - name: recorded
//       file: {path: /etc/spillway/prices.csv, region: us-east-1}
//     - name: stated
//       fixed: {prices: [{instanceType: p3.2xlarge, zone: us-east-1a, perNodeHour: "0.97"}]}
//   onDemandCatalogue: {path: /etc/spillway/on-demand.csv}
//   placement: {moveMarginPercent: 15, minRun: 10m, restartDelay: 6m, assumedDuration: 1h}
//   stores:
//     - {name: main, bucket: checkpoints, region: us-east-1, prefix: training, credentials:
//     workload}
//   agent: {image: "registry.example.com/spillway-agent:0.1.0"}
//   notices: {sqs: {queue: "https://sqs...", region: us-east-1, credentials: workload}}

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/control/event_queue.h>
#include <spillway/control/stores.h>
#include <spillway/core/result.h>
#include <spillway/market/config.h>
#include <spillway/plan/plan.h>

namespace spillway::control {

struct OperatorConfig {
  market::MarketConfig market;
  plan::Config placement;
  std::vector<StoreConfig> stores;
  AgentConfig agent;
  std::optional<EventQueueConfig> notices;  // EventBridge by SQS
};

inline constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20;

// Everything may be left out. kInvalidArgument has one sentence that names the line, the key and
// what to write instead. Anchors and aliases are refused: this file needs none, and they are how a
// small file becomes a large document.
Result<OperatorConfig> parse_config(std::string_view yaml);

// The content of a regular file of at most kMaxConfigBytes; the error names the file.
Result<std::string> read_config_file(const std::string& path);

}  // namespace spillway::control
