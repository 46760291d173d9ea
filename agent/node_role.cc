#include "node_role.h"

#include <spillway/cloud/beast_http_client.h>
#include <spillway/core/log.h>
#include <spillway/core/text.h>
#include <spillway/kube/beast_transport.h>
#include <spillway/kube/config.h>
#include <nlohmann/json.hpp>

namespace spillway::agent {
namespace {

constexpr int kTries = 5;

std::string source_name(Cloud cloud) {
  switch (cloud) {
    case Cloud::kAws: return "aws-metadata";
    case Cloud::kGcp: return "gcp-metadata";
    case Cloud::kAzure: break;
  }
  return "azure-metadata";
}

std::optional<EndKind> kind_of(const std::optional<MachineNotice>& notice) {
  if (!notice) return std::nullopt;
  return notice->kind;
}

std::string variable(const cloud::EnvironmentLookup& lookup, const char* name) {
  const char* value = lookup(name);
  return value == nullptr ? std::string() : std::string(trim(value));
}

Task<void> run_to_end(NodeWatcher* watcher, kube::Transport* transport, cloud::HttpClient* http,
                      asio::signal_set* signals) {
  co_await watcher->run();
  transport->close();
  http->shut_down();
  signals->cancel();
}

}  // namespace

Result<NodeSettings> read_node_settings(const cloud::EnvironmentLookup& lookup) {
  NodeSettings settings{.node = NodeName(variable(lookup, "NODE_NAME"))};
  if (settings.node.empty()) {
    return invalid("the variable NODE_NAME is not set: take it from spec.nodeName");
  }
  TRY(cloud, parse_cloud(variable(lookup, "SPILLWAY_CLOUD")));
  settings.cloud = cloud;
  const std::string address = variable(lookup, "SPILLWAY_METADATA_URL");
  TRY(metadata, address.empty() ? metadata_address(cloud) : cloud::parse_url(address));
  settings.metadata = std::move(metadata);
  const std::string poll = variable(lookup, "SPILLWAY_METADATA_POLL");
  if (!poll.empty()) {
    TRY(pause, parse_duration(poll));
    if (pause < std::chrono::milliseconds(100) || pause > std::chrono::seconds(30)) {
      return invalid("SPILLWAY_METADATA_POLL has to be from 100ms to 30s");
    }
    settings.poll = pause;
  }
  return settings;
}

NodeWatcher::NodeWatcher(Runtime runtime, NodeSettings settings, MetadataReader& reader,
                         kube::Client& client)
    : runtime_(std::move(runtime)),
      settings_(std::move(settings)),
      reader_(reader),
      client_(client),
      wake_(runtime_.timers) {}

void NodeWatcher::stop() {
  stopping_ = true;
  wake_.notify();
}

Task<void> NodeWatcher::run() {
  while (!stopping_) {
    co_await pass();
    if (stopping_) co_return;
    co_await wake_.wait(runtime_.clock.monotonic() + settings_.poll);
  }
}

Task<void> NodeWatcher::pass() {
  const auto read = co_await reader_.read();
  Result<void> outcome;
  if (!read) {
    outcome = fail(read.error().in("reading the metadata service"));
  } else {
    if (*read != notice_) {
      // The same word with another deadline is not seen for the first time.
      if (kind_of(notice_) != kind_of(*read)) first_seen_ = runtime_.clock.now();
      notice_ = *read;
      written_ = false;
    }
    if (!written_) outcome = co_await write();
  }
  const std::string problem = outcome ? std::string() : outcome.error().message;
  if (!problem.empty() && problem != last_problem_) {
    log::warning("the node could not be looked after", {{"error", problem}});
  }
  last_problem_ = problem;
}

Task<Result<void>> NodeWatcher::write() {
  std::optional<NodeMark> wanted;
  if (notice_) wanted = mark_of(*notice_, first_seen_);
  const ObjectKey key{.name = ObjectName(settings_.node.str())};
  for (int tries = 0; tries < kTries; ++tries) {
    TRY_CO(node, co_await client_.get(kube::kNodes, key));
    auto patch = patch_for(node, wanted, source_name(settings_.cloud));
    if (!patch) break;
    const ResourceVersion version(node["metadata"].value("resourceVersion", ""));
    kube::PatchOptions options{.resource_version = version};
    const auto done = co_await client_.merge_patch(kube::kNodes, key, *std::move(patch), options);
    if (done) {
      log::info(wanted ? "the node is marked: it will go" : "the node's mark is taken away",
                {{"node", settings_.node.str()}});
      break;
    }
    const bool moved_on = done.error().code == ErrorCode::kConflict;
    if (!moved_on) co_return fail(done.error().in("marking the node " + settings_.node.str()));
    if (tries + 1 == kTries) co_return fail(done.error());
  }
  written_ = true;
  co_return Result<void>();
}

Result<void> run_node_role(const Runtime& runtime, asio::io_context& io, asio::signal_set& signals,
                           NodeSettings settings) {
  TRY(cluster, kube::load_config({}, runtime, kube::process_environment()));
  const auto transport = kube::make_beast_transport(
      runtime, cluster.server, cluster.credentials,
      {.max_connections = 1, .user_agent = "spillway-agent/" SPILLWAY_VERSION});
  const kube::OpenFence fence;
  kube::ClientMetrics metrics;
  kube::Client client(runtime, *transport, fence, metrics,
                      {.field_manager = kube::FieldManager("spillway-node-agent")});
  TRY(http,
      cloud::make_beast_http_client(runtime, {.allowed_origins = {settings.metadata.origin()}}));
  const auto reader = make_metadata_reader(runtime, *http, settings.cloud, settings.metadata);
  NodeWatcher watcher(runtime, std::move(settings), *reader, client);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) watcher.stop();
  });
  TaskGroup group(runtime.executor, runtime.timers);
  group.spawn(run_to_end(&watcher, transport.get(), http.get(), &signals));
  io.run();
  return {};
}

}  // namespace spillway::agent
