#include <spillway/sim/world.h>

#include <algorithm>

#include <spillway/control/world.h>
#include <spillway/core/check.h>
#include <spillway/core/text.h>

#include "json_fields.h"

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr std::uint64_t kFingerprintFactor = 0x100000001b3ULL;  // any odd number: order counts
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

// What says nothing of what the operator decides: Events, and the lease's renewals.
bool beside_the_point(const std::string& target) {
  return target.find("/events") != std::string::npos || target.find("/leases") != std::string::npos;
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
    if (!keeps_history_ && !fingerprint_) return;
    const std::string line = format_instant(time_.now()) + " " +
                             std::string(to_string(change.kind)) + " " + change.type.to_string() +
                             " " + change.key.to_string() + " " + change.object->dump() + "\n";
    if (keeps_history_) history_ += line;
    if (fingerprint_) *fingerprint_ = *fingerprint_ * kFingerprintFactor + stable_hash(line);
  });
}

World::~World() {
  for (std::size_t seat = 0; seat < seats_.size(); ++seat)
    kill_operator(seat);
  time_.settle();
  const MonotonicTime patience = time_.monotonic() + std::chrono::minutes(5);
  const auto ended = [](const Seat& seat) { return !seat.process || seat.process->ended(); };
  while (!std::ranges::all_of(seats_, ended))
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

const FaultPlan& World::faults_of(std::size_t seat) const {
  return seats_[seat].faults ? *seats_[seat].faults : faults_;
}

RequestFate World::fate_of(std::size_t seat, const RequestSeen& seen) {
  if (told_) told_(seen.request);
  if (seen.write > 0 && !beside_the_point(seen.request.target)) {
    ++counted_writes_;
    if (crash_ && counted_writes_ == crash_->write) return {.fate = crash_->fate};
  }
  const FaultPlan& faults = faults_of(seat);
  return faults.on_request ? faults.on_request(seen) : RequestFate{};
}

OperatorOptions World::options_of_life(std::size_t seat) const {
  OperatorOptions options = options_.operator_options;
  if (options_.leader_election) {
    options.lease = {
        .lease = {.ns = Namespace("kube-system"), .name = ObjectName("spillway-operator")},
        .identity = "operator-" + std::to_string(seat) + "_" + std::to_string(lives_),
        .jitter = 0};
  }
  return options;
}

void World::launch_operator(std::size_t seat) {
  Seat& there = seats_[seat];
  if (there.process) {
    SPILLWAY_CHECK(there.process->ended());
    const auto& writes = there.process->connection().writes();
    there.earlier_writes.insert(there.earlier_writes.end(), writes.begin(), writes.end());
    there.process.reset();
  }
  ++lives_;
  FaultPlan faults{
      .on_request = [this, seat](const RequestSeen& seen) { return fate_of(seat, seen); }};
  faults.on_event = [this, seat](const std::string& collection, const WatchFrame& frame) {
    const FaultPlan& now = faults_of(seat);
    return now.on_event ? now.on_event(collection, frame) : EventFate{};
  };
  faults.reader = [this, seat](const std::string& collection) {
    const FaultPlan& now = faults_of(seat);
    return now.reader ? now.reader(collection) : nullptr;
  };
  faults.lists_from_the_past = [this, seat] {
    const FaultPlan& now = faults_of(seat);
    return now.lists_from_the_past && now.lists_from_the_past();
  };
  there.process = std::make_unique<OperatorProcess>(
      time_, server_, prices_, options_.seed + lives_, options_of_life(seat), std::move(faults),
      [this, seat] {
        ++crashes_;
        const Duration downtime = crash_ ? crash_->downtime : std::chrono::seconds(20);
        time_.after(downtime, [this, seat] { launch_operator(seat); });
      });
}

void World::start_operator() {
  if (seats_.empty()) seats_.emplace_back();
  launch_operator(0);
}

std::size_t World::start_standby() {
  SPILLWAY_CHECK(options_.leader_election && !seats_.empty());
  seats_.emplace_back();
  launch_operator(seats_.size() - 1);
  return seats_.size() - 1;
}

void World::kill_operator(std::size_t seat) {
  if (seat < seats_.size() && seats_[seat].process) seats_[seat].process->kill();
}

void World::restart_operator(Duration downtime, std::size_t seat) {
  kill_operator(seat);
  time_.after(downtime, [this, seat] { launch_operator(seat); });
}

void World::shut_operator_down(std::size_t seat) {
  if (seat < seats_.size() && seats_[seat].process) seats_[seat].process->shut_down();
}

void World::set_faults(FaultPlan faults) {
  faults_ = std::move(faults);
}

void World::set_faults(FaultPlan faults, std::size_t seat) {
  seats_.at(seat).faults = std::move(faults);
}

OperatorProcess* World::operator_in(std::size_t seat) const {
  return seat < seats_.size() ? seats_[seat].process.get() : nullptr;
}

OperatorProcess* World::running_operator() const {
  for (const Seat& seat : seats_) {
    if (seat.process && seat.process->alive()) return seat.process.get();
  }
  return nullptr;
}

OperatorProcess* World::leader() const {
  for (const Seat& seat : seats_) {
    if (seat.process && seat.process->leading()) return seat.process.get();
  }
  return nullptr;
}

// ---- time

void World::step_checks() {
  const bool changed = server_.store().version() != checked_version_;
  const bool due = time_.monotonic() >= invariants_.next_look();
  if ((!changed && !due) || time_.monotonic() < next_check_) return;
  next_check_ = time_.monotonic() + options_.check_every;
  checked_version_ = server_.store().version();
  invariants_.check(time_.monotonic());
}

void World::run_for(Duration duration) {
  const MonotonicTime until = time_.monotonic() + duration;
  while (time_.step(until))
    step_checks();
  time_.run_until(until);
  step_checks();
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
  return job ? string_in(*job, "status", "phase") : "";
}

std::string World::pool_of(const std::string& training_job) const {
  const Object job = find(control::kTrainingJobs, training_job);
  return job ? string_in(*job, "status", "placement", "pool") : "";
}

std::vector<Object> World::pods_on(const std::string& pool) const {
  std::vector<Object> pods;
  for (const auto& [key, pod] : server_.all(kube::kPods)) {
    if (text_in(*pod, "metadata", "labels", "spillway.dev/pool") == pool && !has_ended(*pod) &&
        !is_deleting(*pod))
      pods.push_back(pod);
  }
  return pods;
}

std::vector<WriteRecord> World::writes(bool all) const {
  std::vector<WriteRecord> writes;
  for (const Seat& seat : seats_) {
    writes.insert(writes.end(), seat.earlier_writes.begin(), seat.earlier_writes.end());
    if (!seat.process) continue;
    const auto& latest = seat.process->connection().writes();
    writes.insert(writes.end(), latest.begin(), latest.end());
  }
  if (!all)
    std::erase_if(writes, [](const WriteRecord& write) { return beside_the_point(write.target); });
  return writes;
}

}  // namespace spillway::sim
