#pragma once
// The role `node`: a DaemonSet's pod that reads the machine's metadata and marks its own Node.

#include <boost/asio/signal_set.hpp>

#include <spillway/cloud/credentials.h>
#include <spillway/core/ids.h>
#include <spillway/kube/client.h>

#include "metadata.h"
#include "node_marks.h"

namespace spillway::agent {

struct NodeSettings {
  NodeName node;  // NODE_NAME, by the downward API
  Cloud cloud = Cloud::kAws;
  cloud::Url metadata;
  Duration poll = std::chrono::seconds(2);
};
// NODE_NAME, SPILLWAY_CLOUD (aws, gcp, azure), SPILLWAY_METADATA_URL (for tests),
// SPILLWAY_METADATA_POLL ("2s").
Result<NodeSettings> read_node_settings(const cloud::EnvironmentLookup& lookup);

class NodeWatcher {
 public:
  NodeWatcher(Runtime runtime, NodeSettings settings, MetadataReader& reader, kube::Client& client);
  // Until stop(). An unreadable metadata service leaves the marks as they are.
  Task<void> run();
  void stop();

 private:
  Task<void> pass();
  Task<Result<void>> write();

  Runtime runtime_;
  NodeSettings settings_;
  MetadataReader& reader_;
  kube::Client& client_;
  Signal wake_;
  std::optional<MachineNotice> notice_;
  Instant first_seen_{};
  bool written_ = false;  // the Node says what notice_ is; at first it may say what an earlier life
                          // of this machine left
  std::string last_problem_;
  bool stopping_ = false;
};

// Runs until a signal. Errors: no way to the API server is configured.
Result<void> run_node_role(const Runtime& runtime, asio::io_context& io, asio::signal_set& signals,
                           NodeSettings settings);

}  // namespace spillway::agent
