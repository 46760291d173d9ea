#include <spillway/sim/world.h>

#include <spillway/control/world.h>
#include <spillway/core/check.h>

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr const char* kResource = "nvidia.com/gpu";
constexpr const char* kPoolLabel = "simulate.spillway.dev/pool";
constexpr MonotonicTime kBoot{
    std::chrono::hours(1)};  // a machine has been up for a while: zero means "never"

NodeShape node_shape(const PoolPlan& plan) {
  return {.labels = {{kPoolLabel, plan.name}, {"topology.kubernetes.io/zone", plan.zone}},
          .taints = {{.key = kResource, .value = "", .effect = api::TaintEffect::kNoSchedule}},
          .allocatable = {{"cpu", "96"},
                          {"memory", "1Ti"},
                          {"pods", "110"},
                          {kResource, std::to_string(plan.accelerators_per_node)}}};
}

bool of_event(const std::string& target) {
  return target.find("/events") != std::string::npos;
}

}  // namespace

World::World(WorldOptions options)
    : options_(std::move(options)),
      time_(io_, options_.start, kBoot),
      random_(make_random(options_.seed)),
      server_(time_, *random_),
      prices_(time_),
      owners_(server_),
      collector_(time_, server_, owners_),
      jobs_(time_, server_, owners_),
      deployments_(time_, server_, owners_),
      replica_sets_(time_, server_, owners_),
      scheduler_(time_, server_),
      kubelets_(time_, server_),
      nodes_(time_, server_, kubelets_, options_.node_times),
      autoscaler_(time_, server_, nodes_),
      invariants_(server_) {
  server_.listen([this](const Change& change) {
    if (!keeps_history_) return;
    history_ += format_instant(time_.now()) + " " + std::string(to_string(change.kind)) + " " +
                change.type.to_string() + " " + change.key.to_string() + " " +
                change.object->dump() + "\n";
  });
}

World::~World() {
  kill_operator();
  time_.settle();
  const MonotonicTime patience = time_.monotonic() + std::chrono::minutes(5);
  while (operator_ && !operator_->ended())
    SPILLWAY_CHECK(time_.step(patience));
}

// ---- what there is

void World::add_pool(const PoolPlan& plan) {
  const market::PriceKey key{.instance_type = InstanceType(plan.name + ".large"),
                             .zone = Zone(plan.zone)};
  price_keys_[plan.name] = key;
  json price = json::object();
  if (!plan.fixed.empty())
    price["fixed"] = plan.fixed;
  else
    price["feed"] = kBookFeed.str();
  if (!plan.on_demand.empty()) price["onDemand"] = plan.on_demand;
  if (!plan.spot.empty()) set_spot(plan.name, plan.spot);
  submit({{"apiVersion", "spillway.dev/v1alpha1"},
          {"kind", "CapacityPool"},
          {"metadata", {{"name", plan.name}}},
          {"spec",
           {{"tier", api::to_string(plan.tier)},
            {"accelerator",
             {{"model", plan.model},
              {"perNode", plan.accelerators_per_node},
              {"resource", kResource}}},
            {"instanceType", key.instance_type.str()},
            {"location", {{"provider", "aws"}, {"region", "us-east-1"}, {"zone", plan.zone}}},
            {"nodes",
             {{"selector", {{kPoolLabel, plan.name}}},
              {"max", plan.max_nodes},
              {"tolerations",
               json::array(
                   {{{"key", kResource}, {"operator", "Exists"}, {"effect", "NoSchedule"}}})}}},
            {"price", std::move(price)}}}});
  if (!plan.provisioned) {
    autoscaler_.add_group({.name = plan.name,
                           .shape = node_shape(plan),
                           .max = plan.max_nodes,
                           .provisioning = plan.provisioning,
                           .idle_removal = plan.idle_removal});
    return;
  }
  for (int i = 1; i <= plan.max_nodes; ++i) {
    json node = make_node(plan.name + "-" + std::to_string(i), node_shape(plan),
                          format_instant(time_.now()));
    SPILLWAY_CHECK(server_.create(kube::kNodes, std::move(node), {}).has_value());
  }
}

void World::set_spot(const std::string& pool, const std::string& per_node_hour) {
  const auto rate = HourlyRate::parse(per_node_hour);
  SPILLWAY_CHECK(rate.has_value());
  prices_.set_spot(price_keys_.at(pool), *rate, time_.now());
}

void World::submit(json object) {
  const Answer<Object> made = try_submit(std::move(object));
  if (!made) check_failed(made.error().message, __FILE__, __LINE__);
}

Answer<Object> World::try_submit(json object) {
  const std::string kind = object.at("kind");
  for (const Kind& served : all_kinds()) {
    if (served.type.kind != kind) continue;
    if (served.type.namespaced && !object["metadata"].contains("namespace"))
      object["metadata"]["namespace"] = "default";
    return server_.create(served.type, std::move(object), {.manager = "user"});
  }
  return bad_request("no kind \"" + kind + "\" is served");
}

void World::patch(const kube::ResourceType& type, const std::string& name,
                  const json& merge_patch) {
  const ObjectKey key{.ns = type.namespaced ? Namespace("default") : Namespace(),
                      .name = ObjectName(name)};
  const Answer<Object> patched = server_.merge_patch(type, key, merge_patch, {.manager = "user"});
  if (!patched) check_failed(patched.error().message, __FILE__, __LINE__);
}

void World::remove(const kube::ResourceType& type, const std::string& name) {
  const ObjectKey key{.ns = type.namespaced ? Namespace("default") : Namespace(),
                      .name = ObjectName(name)};
  const Answer<Object> removed = server_.remove(type, key, {});
  if (!removed) check_failed(removed.error().message, __FILE__, __LINE__);
}

// ---- the operator

RequestFate World::fate_of(const RequestSeen& seen) {
  if (seen.write > 0 && !of_event(seen.request.target)) {
    ++counted_writes_;
    if (crash_ && counted_writes_ == crash_->write) return {.fate = crash_->fate};
  }
  return faults_.on_request ? faults_.on_request(seen) : RequestFate{};
}

void World::launch_operator() {
  SPILLWAY_CHECK(!operator_ || operator_->ended());
  collect_writes();
  operator_.reset();
  ++lives_;
  FaultPlan faults{.on_request = [this](const RequestSeen& seen) { return fate_of(seen); }};
  faults.on_event = [this](const std::string& collection, const WatchFrame& frame) {
    return faults_.on_event ? faults_.on_event(collection, frame) : EventFate{};
  };
  faults.reader = [this] { return faults_.reader ? faults_.reader() : nullptr; };
  operator_ = std::make_unique<OperatorProcess>(
      time_, server_, prices_, options_.seed + lives_, options_.operator_options, std::move(faults),
      [this] {
        ++crashes_;
        const Duration downtime = crash_ ? crash_->downtime : std::chrono::seconds(20);
        time_.after(downtime, [this] { launch_operator(); });
      });
}

void World::collect_writes() {
  if (!operator_) return;
  const auto& writes = operator_->connection().writes();
  earlier_writes_.insert(earlier_writes_.end(), writes.begin(), writes.end());
}

void World::start_operator() {
  launch_operator();
}

void World::kill_operator() {
  if (operator_) operator_->kill();
}

void World::restart_operator(Duration downtime) {
  kill_operator();
  time_.after(downtime, [this] { launch_operator(); });
}

void World::set_faults(FaultPlan faults) {
  faults_ = std::move(faults);
}

// ---- time

void World::step_checks() {
  if (server_.store().version() == checked_version_ || time_.monotonic() < next_check_) return;
  next_check_ = time_.monotonic() + options_.check_every;
  checked_version_ = server_.store().version();
  invariants_.check(time_.monotonic());
}

void World::run_for(Duration duration) {
  const MonotonicTime until = time_.monotonic() + duration;
  while (time_.step(until))
    step_checks();
  time_.run_until(until);
}

bool World::run_until(const std::function<bool()>& done, Duration patience) {
  const MonotonicTime until = time_.monotonic() + patience;
  time_.settle();
  while (!done()) {
    if (!time_.step(until)) return false;
    step_checks();
  }
  return true;
}

// ---- what is seen

Object World::find(const kube::ResourceType& type, const std::string& name) const {
  return server_.find(
      type, {.ns = type.namespaced ? Namespace("default") : Namespace(), .name = ObjectName(name)});
}

std::string World::phase(const std::string& training_job) const {
  const Object job = find(control::kTrainingJobs, training_job);
  return job ? job->value("/status/phase"_json_pointer, "") : "";
}

std::string World::pool_of(const std::string& training_job) const {
  const Object job = find(control::kTrainingJobs, training_job);
  return job ? job->value("/status/placement/pool"_json_pointer, "") : "";
}

std::vector<Object> World::pods_on(const std::string& pool) const {
  std::vector<Object> pods;
  for (const auto& [key, pod] : server_.all(kube::kPods)) {
    const std::string phase = pod->value("/status/phase"_json_pointer, "");
    const json labels = pod->at("metadata").value("labels", json::object());
    if (labels.value("spillway.dev/pool", "") == pool && phase != "Succeeded" &&
        phase != "Failed" && !is_deleting(*pod))
      pods.push_back(pod);
  }
  return pods;
}

std::vector<WriteRecord> World::writes(bool events) const {
  std::vector<WriteRecord> all = earlier_writes_;
  if (operator_) {
    const auto& latest = operator_->connection().writes();
    all.insert(all.end(), latest.begin(), latest.end());
  }
  if (!events) std::erase_if(all, [](const WriteRecord& write) { return of_event(write.target); });
  return all;
}

}  // namespace spillway::sim
