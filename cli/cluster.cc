#include "cluster.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include <nlohmann/json.hpp>

#include <spillway/api/codec.h>
#include <spillway/async/timers.h>
#include <spillway/control/keys.h>
#include <spillway/control/namespaces.h>
#include <spillway/control/plain_workload.h>
#include <spillway/core/check.h>
#include <spillway/core/text.h>
#include <spillway/kube/beast_transport.h>
#include <spillway/kube/config.h>

namespace spillway::cli {
namespace {

constexpr int kPageSize = 500;
constexpr std::size_t kMaxRemarks = 10;

bool is_ours(const kube::ResourceType& type) {
  return type.group == api::kGroup;
}

// One collection, all pages. An expired continue token starts the list again, once.
template <class T>
Task<Result<void>> list_into(kube::Client& client, kube::ResourceType type, std::string selector,
                             std::function<Result<T>(const nlohmann::json&)> decode,
                             kube::Store<T>& store, Reading& reading) {
  typename kube::Store<T>::List list;
  kube::ListOptions options{.limit = kPageSize};
  options.selectors.labels = std::move(selector);
  bool expired_before = false;
  for (;;) {
    Result<kube::ListPage> page = co_await client.list(type, options);
    if (!page && page.error().code == ErrorCode::kExpired && !std::exchange(expired_before, true)) {
      options.continue_token.clear();
      list.objects.clear();
      continue;
    }
    if (!page && page.error().code == ErrorCode::kForbidden) {
      reading.missing.push_back(type.to_string());
      co_return Result<void>();
    }
    if (!page && page.error().code == ErrorCode::kNotFound && is_ours(type)) {
      co_return fail(ErrorCode::kNotFound,
                     "the cluster knows no " + type.to_string() +
                         ": install Spillway there first, or choose another --context");
    }
    if (!page) co_return fail(page.error());
    for (std::size_t i = 0; i < page->size(); ++i) {
      auto object = decode(nlohmann::json::parse(page->item(i), nullptr, false));
      if (object) {
        list.objects.push_back(*std::move(object));
      } else if (reading.remarks.size() < kMaxRemarks) {
        reading.remarks.push_back("one of " + type.to_string() +
                                  " is left out: " + object.error().message);
      }
    }
    list.version = page->resource_version();
    options.continue_token = page->continue_token();
    if (options.continue_token.empty()) break;
  }
  store.replace_all(std::move(list));
  co_return Result<void>();
}

template <class T>
Result<T> decode_ours(const nlohmann::json& object) {
  return api::read<T>(object, api::UnknownFields::kIgnore);
}

}  // namespace

Task<Result<Reading>> read_world(kube::Client& client) {
  const std::string ours =
      std::string(control::label::kManagedBy) + "=" + std::string(control::label::kManagedByValue);
  Reading reading;
  control::World& world = reading.world;
  TRY_VOID_CO(co_await list_into<api::CapacityPool>(client, control::kCapacityPools, "",
                                                    decode_ours<api::CapacityPool>,
                                                    world.capacity_pools, reading));
  TRY_VOID_CO(co_await list_into<api::TrainingJob>(client, control::kTrainingJobs, "",
                                                   decode_ours<api::TrainingJob>,
                                                   world.training_jobs, reading));
  TRY_VOID_CO(co_await list_into<api::InferencePool>(client, control::kInferencePools, "",
                                                     decode_ours<api::InferencePool>,
                                                     world.inference_pools, reading));
  TRY_VOID_CO(co_await list_into<api::CostPolicy>(client, control::kCostPolicies, "",
                                                  decode_ours<api::CostPolicy>, world.cost_policies,
                                                  reading));
  TRY_VOID_CO(co_await list_into<control::NamespaceView>(client, control::kNamespaces, "",
                                                         &control::NamespaceView::from_json,
                                                         world.namespaces, reading));
  TRY_VOID_CO(co_await list_into<kube::Node>(client, kube::kNodes, "", &kube::Node::from_json,
                                             world.nodes, reading));
  TRY_VOID_CO(co_await list_into<kube::Job>(client, kube::kJobs, ours, &kube::Job::from_json,
                                            world.jobs, reading));
  TRY_VOID_CO(co_await list_into<kube::Deployment>(
      client, kube::kDeployments, ours, &kube::Deployment::from_json, world.deployments, reading));
  // Pods last: what they belong to is known then, and a Job made meanwhile has no pods here rather
  // than pods without a Job.
  TRY_VOID_CO(co_await list_into<kube::Pod>(client, kube::kPods, "", &kube::Pod::from_json,
                                            world.pods, reading));
  co_return std::move(reading);
}

namespace {

Task<Result<void>> add_all(kube::Client& client, kube::ResourceType type,
                           std::vector<nlohmann::json>& objects) {
  kube::ListOptions options{.limit = kPageSize};
  for (;;) {
    const Result<kube::ListPage> page = co_await client.list(type, options);
    if (!page && page.error().code == ErrorCode::kForbidden) {
      co_return fail(ErrorCode::kForbidden,
                     "this user may not list " + type.to_string() +
                         " in the whole cluster, which hours are made of: ask for a ClusterRole "
                         "with the verb list on them (docs/cli.md has one)");
    }
    if (!page && page.error().code == ErrorCode::kNotFound && is_ours(type)) {
      co_return fail(ErrorCode::kNotFound,
                     "the cluster knows no " + type.to_string() +
                         ": install Spillway there first, or choose another --context");
    }
    if (!page) co_return fail(page.error());
    for (std::size_t i = 0; i < page->size(); ++i) {
      nlohmann::json object = nlohmann::json::parse(page->item(i), nullptr, false);
      if (!object.is_object()) continue;
      object["kind"] = std::string(type.kind);  // items of a list do not say it
      objects.push_back(std::move(object));
    }
    options.continue_token = page->continue_token();
    if (options.continue_token.empty()) co_return Result<void>();
  }
}

// Some policy puts this plain kind to sleep.
bool is_slept(const std::vector<nlohmann::json>& policies, kube::ResourceType type) {
  const std::string wanted(type.kind);
  return std::any_of(policies.begin(), policies.end(), [&](const nlohmann::json& policy) {
    const nlohmann::json kinds =
        policy.value("/spec/offHours/workloads"_json_pointer, nlohmann::json::array());
    return std::any_of(kinds.begin(), kinds.end(),
                       [&](const nlohmann::json& kind) { return kind == wanted; });
  });
}

}  // namespace

Task<Result<std::vector<nlohmann::json>>> read_hours(kube::Client& client) {
  std::vector<nlohmann::json> objects;
  TRY_VOID_CO(co_await add_all(client, control::kCostPolicies, objects));
  const std::vector<nlohmann::json> policies = objects;
  TRY_VOID_CO(co_await add_all(client, control::kNamespaces, objects));
  TRY_VOID_CO(co_await add_all(client, control::kInferencePools, objects));
  TRY_VOID_CO(co_await add_all(client, control::kTrainingJobs, objects));
  for (const auto kind : {control::PlainKind::kDeployment, control::PlainKind::kStatefulSet,
                          control::PlainKind::kCronJob}) {
    const kube::ResourceType type = control::type_of(kind);
    if (!is_slept(policies, type)) continue;
    TRY_VOID_CO(co_await add_all(client, type, objects));
  }
  co_return std::move(objects);
}

std::string missing_rights(const std::vector<std::string>& missing) {
  return "this user may not list " + join(missing, ", ") +
         " in the whole cluster, which the plan is made of: ask for a ClusterRole with the verb "
         "list on them (docs/cli.md has one)";
}

struct Cluster::Parts {
  asio::io_context io{1};
  std::unique_ptr<Clock> clock = make_system_clock();
  std::unique_ptr<Random> random = make_entropy_random();
  std::unique_ptr<Timers> timers = make_system_timers(io.get_executor());
  Runtime runtime{io.get_executor(), *clock, *timers, *random};
  kube::ClosedFence closed;
  kube::OpenFence open;
  kube::ClientMetrics metrics;
  Namespace ns;
  std::string description;
  std::unique_ptr<kube::Transport> transport;
  std::unique_ptr<kube::Client> client;

  template <class T>
  static Task<void> keep(Task<Result<T>> task, std::optional<Result<T>>& into) {
    into.emplace(co_await std::move(task));
  }
  template <class T>
  Result<T> run(Task<Result<T>> task) {
    std::optional<Result<T>> answer;
    TaskGroup group(io.get_executor(), *timers);
    io.restart();  // it stopped if it ran out of work after the request before
    group.spawn(keep(std::move(task), answer));
    while (group.running() > 0)
      SPILLWAY_CHECK(io.run_one() > 0);
    SPILLWAY_CHECK(answer.has_value());
    return *std::move(answer);
  }
};

Cluster::Cluster(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Cluster::~Cluster() {
  parts_->transport->close();
  parts_->io.run_for(std::chrono::milliseconds(50));  // lets closed connections end
}

Result<std::unique_ptr<Cluster>> Cluster::connect(const ConnectionFlags& flags, Access access) {
  auto parts = std::make_unique<Parts>();
  TRY(config, kube::load_config({.paths = flags.kubeconfig, .context = flags.context},
                                parts->runtime, kube::process_environment()));
  parts->ns = flags.ns.empty() ? config.ns : Namespace(flags.ns);
  parts->description = config.description;
  kube::BeastTransportOptions options;
  options.user_agent = std::string("kubectl-spillway/") + SPILLWAY_VERSION;
  parts->transport = kube::make_beast_transport(parts->runtime, config.server, config.credentials,
                                                std::move(options));
  const kube::Fence& fence =
      access == Access::kWrite ? static_cast<const kube::Fence&>(parts->open) : parts->closed;
  parts->client = std::make_unique<kube::Client>(
      parts->runtime, *parts->transport, fence, parts->metrics,
      kube::ClientOptions{.field_manager = kube::FieldManager("kubectl-spillway")});
  return std::unique_ptr<Cluster>(new Cluster(std::move(parts)));
}

Result<Reading> Cluster::read() {
  return parts_->run(read_world(*parts_->client));
}

Result<nlohmann::json> Cluster::get(kube::ResourceType type, ObjectKey key) {
  return parts_->run(parts_->client->get(type, std::move(key)));
}

Result<std::vector<nlohmann::json>> Cluster::read_hours() {
  return parts_->run(cli::read_hours(*parts_->client));
}

Result<nlohmann::json> Cluster::create(kube::ResourceType type, nlohmann::json object) {
  return parts_->run(parts_->client->create(type, std::move(object)));
}

Result<nlohmann::json> Cluster::merge_patch(kube::ResourceType type, ObjectKey key,
                                            nlohmann::json patch) {
  return parts_->run(parts_->client->merge_patch(type, std::move(key), std::move(patch), {}));
}

const Namespace& Cluster::ns() const {
  return parts_->ns;
}

const std::string& Cluster::description() const {
  return parts_->description;
}

Instant Cluster::now() const {
  return parts_->clock->now();
}

}  // namespace spillway::cli
