#include "bookkeeper.h"

#include <algorithm>
#include <utility>

#include <spillway/control/keys.h>
#include <spillway/control/world.h>
#include <spillway/kube/types.h>
#include <spillway/sim/autoscaler.h>

#include "json_fields.h"
#include "series.h"

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxRawPoints = 20 * kMaxPoints;

std::string label(const json& object, std::string_view key) {
  return string_in(object, "metadata", "labels", key);
}

std::optional<Bookkeeper::WorkloadKey> workload_of(const json& pod, const Namespace& ns) {
  if (const std::string job = label(pod, control::label::kTrainingJob); !job.empty())
    return {{WorkloadKind::kTrainingJob, {.ns = ns, .name = ObjectName(job)}}};
  if (const std::string pool = label(pod, control::label::kInferencePool); !pool.empty())
    return {{WorkloadKind::kInferencePool, {.ns = ns, .name = ObjectName(pool)}}};
  return std::nullopt;
}

// As many as evictions have to leave, a percentage rounded up; without a word all of them.
std::int64_t floor_of(const json& pool, std::int64_t replicas) {
  const json* minimum = find_in(pool, "spec", "disruption", "minAvailable");
  if (minimum == nullptr) return replicas;
  if (minimum->is_number_integer()) return std::min(minimum->get<std::int64_t>(), replicas);
  const std::int64_t percent = std::min(std::stoll(minimum->get_ref<const std::string&>()), 100LL);
  return (percent * replicas + 99) / 100;
}

// On-demand stands in at once for whatever is not ready: nothing limits it but its own capacity.
bool is_covered(const json& pool) {
  const json* tiers = find_in(pool, "spec", "tiers");
  const bool may = tiers == nullptr || std::ranges::find(*tiers, "OnDemand") != tiers->end();
  return may && find_in(pool, "spec", "maxRate") == nullptr &&
         text_in(pool, "spec", "capacity", "fallback") == "WhileNotReady";
}

PromiseBooks::Terms terms_of(const json& pool, Duration provisioning) {
  const std::int64_t replicas = number_in(pool, 1, "spec", "replicas");
  const bool through_zones =
      is_covered(pool) && text_in(pool, "spec", "capacity", "survives") == "ZoneLoss";
  const std::string start = string_in(pool, "spec", "template", "metadata", "annotations",
                                      "simulate.spillway.dev/start-seconds");
  const std::chrono::seconds start_time(start.empty() ? 2 : std::stoi(start));
  return {.wanted = replicas,
          .floor = through_zones ? floor_of(pool, replicas) : replicas,
          .through_zones = through_zones,
          .baseline = std::min(number_in(pool, 0, "spec", "capacity", "baseline"), replicas),
          .replacement = provisioning + start_time,
          .owed = find_in(pool, "status", "awake") == nullptr || is_set(pool, "status", "awake")};
}

bool says_uncovered(const json& pool) {
  const json* degraded = condition_of(pool, std::string(api::condition::kDegraded));
  if (degraded == nullptr || text_in(*degraded, "status") != "True") return false;
  const std::string_view reason = text_in(*degraded, "reason");
  return reason == "NoPlace" || reason == "ZoneLossUncovered" || reason == "ChildRejected";
}

std::optional<HourlyRate> rate_in(const json& object) {
  const auto rate = HourlyRate::parse(object.value("rate", ""));
  return rate ? std::optional(*rate) : std::nullopt;
}

}  // namespace

Bookkeeper::Bookkeeper(ApiServer& server)
    : server_(server), ledger_([this](const cost::Entry& entry) { take(entry); }) {
  server.listen([this](const Change& change) { note(change); });
}

void Bookkeeper::add_pool(const api::CapacityPool& pool, HourlyRate rate,
                          std::optional<HourlyRate> on_demand, Duration provisioning) {
  const PoolName name(pool.meta.key.name.str());
  if (pool.spec.tier == api::Tier::kOnDemand)
    longest_provisioning_ = std::max(longest_provisioning_, provisioning);
  pools_[name].pool = pool;
  terms_[name] = {.rate = rate, .on_demand = on_demand};
}

void Bookkeeper::set_rate(const PoolName& pool, HourlyRate rate) {
  terms_.at(pool).rate = rate;
  ledger_.set_rate(pool, rate, now());
}

void Bookkeeper::note(const Change& change) {
  if (change.type == kube::kPods) return note_pod(change);
  if (change.type == kube::kNodes) return note_node(change);
  if (change.type == control::kTrainingJobs) return note_training_job(change);
  if (change.type == control::kInferencePools) return note_inference_pool(change);
}

// ---- nodes

void Bookkeeper::note_node(const Change& change) {
  const std::string& name = change.key.name.str();
  if (change.kind == ChangeKind::kModified) return;
  if (change.kind == ChangeKind::kDeleted) {
    const auto pool = pool_of_node_.find(name);
    if (pool == pool_of_node_.end()) return;
    end_pods_on(name);
    ledger_.remove_node(NodeName(name), now());
    PoolBooks& books = pools_.at(pool->second);
    add_point(books.nodes, --books.nodes_now);
    pool_of_node_.erase(pool);
    return;
  }
  const PoolName pool(label(*change.object, kGroupLabel));
  const auto books = pools_.find(pool);
  if (books == pools_.end()) return;
  const api::CapacityPoolSpec& spec = books->second.pool.spec;
  ledger_.add_node(NodeName(name),
                   {.pool = pool,
                    .tier = spec.tier,
                    .accelerators = spec.accelerator.per_node,
                    .rate = terms_.at(pool).rate,
                    .on_demand = terms_.at(pool).on_demand,
                    .owned = spec.tier == api::Tier::kReserved},
                   now());
  pool_of_node_[name] = pool;
  add_point(books->second.nodes, ++books->second.nodes_now);
}

// Kubernetes ends them later; they have nothing to run on from here.
void Bookkeeper::end_pods_on(const std::string& node) {
  std::vector<Uid> gone;
  for (const auto& [uid, pod] : pods_) {
    if (pod.node == node) gone.push_back(uid);
  }
  for (const Uid& uid : gone)
    unbind(uid);
}

void Bookkeeper::interrupt(const std::string& node) {
  for (auto& [uid, pod] : pods_) {
    if (pod.node != node || std::exchange(pod.interrupted, true)) continue;
    const auto zone = spot_zone(pod.pool);
    if (const auto serving = serving_.find(pod.workload);
        serving != serving_.end() && pod.runs && zone)
      serving->second.promise.zone_lost(*zone, now());
    bool again = false;
    if (pod.workload.first == WorkloadKind::kTrainingJob)  // an attempt is interrupted once
      again = std::exchange(stays_.at({pod.workload, pod.stay}).span.interrupted, true);
    if (!again) ++workloads_[pod.workload].interruptions;
  }
}

void Bookkeeper::node_taken(const std::string& node) {
  const auto pool = pool_of_node_.find(node);
  if (pool == pool_of_node_.end()) return;
  interrupt(node);
  ++pools_.at(pool->second).nodes_taken;
}

// ---- pods

void Bookkeeper::note_pod(const Change& change) {
  const json& pod = *change.object;
  const Uid uid(pod.at("metadata").at("uid").get_ref<const std::string&>());
  const std::string_view phase = text_in(pod, "status", "phase");
  if (change.kind == ChangeKind::kDeleted || phase == "Succeeded" || phase == "Failed")
    return unbind(uid);
  if (!pods_.contains(uid)) bind(uid, change);
  const auto books = pods_.find(uid);
  if (books == pods_.end()) return;
  const bool runs = phase == "Running" && !is_deleting(pod);
  if (std::exchange(books->second.runs, runs) != runs) count_running(books->second, runs ? 1 : -1);
}

void Bookkeeper::bind(const Uid& uid, const Change& change) {
  const json& pod = *change.object;
  const std::string node = string_in(pod, "spec", "nodeName");
  const auto pool = pool_of_node_.find(node);
  const auto workload = workload_of(pod, change.key.ns);
  if (node.empty() || pool == pool_of_node_.end() || !workload) return;
  const auto typed = kube::Pod::from_json(pod);
  PoolBooks& books = pools_.at(pool->second);
  PodBooks one{
      .workload = *workload,
      .stay = workload->first == WorkloadKind::kTrainingJob ? label(pod, control::label::kAttempt)
                                                            : pool->second.str(),
      .pool = pool->second,
      .node = node,
      .accelerators = typed ? typed->requests.count(books.pool.spec.accelerator.resource) : 0};
  ledger_.bind(uid, NodeName(node),
               {.kind = std::string(to_string(workload->first)), .key = workload->second},
               AcceleratorCount(one.accelerators), now());
  books.busy_now += one.accelerators;
  add_point(books.busy, books.busy_now);
  open_stay(one);
  pods_.emplace(uid, std::move(one));
}

void Bookkeeper::unbind(const Uid& uid) {
  const auto found = pods_.find(uid);
  if (found == pods_.end()) return;
  const PodBooks pod = std::move(found->second);
  pods_.erase(found);
  ledger_.end(uid, now());
  PoolBooks& books = pools_.at(pod.pool);
  books.busy_now -= pod.accelerators;
  add_point(books.busy, books.busy_now);
  if (pod.runs) count_running(pod, -1);
  const auto stay = stays_.find({pod.workload, pod.stay});
  if (stay == stays_.end() || --stay->second.pods > 0) return;
  close_stay(pod.workload, pod.stay, stay->second);
  stays_.erase(stay);
}

// ---- stays

void Bookkeeper::open_stay(const PodBooks& pod) {
  OpenSpan& open = stays_[{pod.workload, pod.stay}];
  if (++open.pods == 1) {
    open.span.from = now();
    open.span.pool = pod.pool;
    open.span.tier = pools_.at(pod.pool).pool.spec.tier;
  }
  open.span.replicas = std::max(open.span.replicas, open.pods);
}

void Bookkeeper::close_stay(const WorkloadKey& workload, const std::string& stay, OpenSpan& open) {
  WorkloadBooks& books = workloads_[workload];
  if (const auto reason = reasons_.find({workload, stay}); reason != reasons_.end()) {
    open.span.reason = reason->second.text;
    open.span.rate = reason->second.rate;
  }
  open.span.to = now();
  if (books.spans.size() >= kMaxSpansPerWorkload)
    ++books.spans_left_out;
  else
    books.spans.push_back(std::move(open.span));
}

// ---- workloads

void Bookkeeper::note_training_job(const Change& change) {
  const WorkloadKey key{WorkloadKind::kTrainingJob, change.key};
  const json& job = *change.object;
  WorkloadBooks& books = workloads_[key];
  if (change.kind == ChangeKind::kAdded) {
    books.submitted = now();
    books.team = text_in(job, "spec", "attribution", "team");
  }
  const auto status = job.find("status");
  if (status == job.end()) return;
  books.phase = status->value("phase", books.phase);
  books.attempts = std::max(books.attempts, status->value("attempt", std::int64_t{0}));
  if (!books.finished && (books.phase == "Succeeded" || books.phase == "Failed"))
    books.finished = parse_instant(status->value("finishedAt", "")).value_or(now());
  const auto placement = status->find("placement");
  if (placement == status->end()) return;
  const std::string attempt = std::to_string(placement->value("attempt", std::int64_t{0}));
  const auto [reason, fresh] = reasons_.try_emplace({key, attempt});
  if (fresh) reason->second = {placement->value("reason", ""), rate_in(*placement)};
}

void Bookkeeper::note_inference_pool(const Change& change) {
  const WorkloadKey key{WorkloadKind::kInferencePool, change.key};
  const json& pool = *change.object;
  WorkloadBooks& books = workloads_[key];
  Serving& serving = serving_[key];
  if (change.kind == ChangeKind::kAdded) {
    books.submitted = now();
    books.team = text_in(pool, "spec", "attribution", "team");
  }
  if (change.kind == ChangeKind::kDeleted) books.finished = now();
  PromiseBooks::Terms terms = terms_of(pool, longest_provisioning_);
  terms.owed = terms.owed && !books.finished;
  serving.promise.expect(terms, now());
  serving.promise.say_uncovered(says_uncovered(pool), now());
  look_at_readiness(key, serving);
  const auto status = pool.find("status");
  if (status == pool.end() || !status->contains("tiers")) return;
  for (const json& tier : status->at("tiers"))
    reasons_[{key, tier.value("pool", "")}] = {status->value("reason", ""), rate_in(tier)};
}

std::optional<Zone> Bookkeeper::spot_zone(const PoolName& pool) const {
  const api::CapacityPoolSpec& spec = pools_.at(pool).pool.spec;
  if (spec.tier != api::Tier::kSpot) return std::nullopt;
  return spec.location.zone;
}

void Bookkeeper::count_running(const PodBooks& pod, std::int64_t change) {
  const auto serving = serving_.find(pod.workload);
  if (serving == serving_.end()) return;
  serving->second.promise.count(spot_zone(pod.pool), change, now());
  look_at_readiness(pod.workload, serving->second);
}

void Bookkeeper::look_at_readiness(const WorkloadKey& workload, Serving& serving) {
  WorkloadBooks& books = workloads_[workload];
  const bool ready = serving.promise.complete() && !books.finished;
  if (ready == serving.ready_since.has_value()) return;
  if (ready) {
    serving.ready_since = now();
    if (!books.first_ready) books.first_ready = now();
    return;
  }
  books.ready += now() - *serving.ready_since;
  serving.ready_since.reset();
}

// ---- money

void Bookkeeper::take(const cost::Entry& entry) {
  PoolBooks& pool = pools_.at(entry.pool);
  pool.use.time[entry.use] += entry.time;
  pool.use.cost[entry.use] += entry.cost;
  if (!entry.consumer) return;
  const WorkloadKind kind = entry.consumer->kind == to_string(WorkloadKind::kTrainingJob)
                                ? WorkloadKind::kTrainingJob
                                : WorkloadKind::kInferencePool;
  ChargeBooks& charge = workloads_[{kind, entry.consumer->key}].charges[entry.tier];
  charge.time += entry.time;
  charge.cost += entry.cost;
  if (!entry.on_demand) {
    charge.on_demand_known = false;
    without_on_demand_.insert(entry.pool);
    return;
  }
  charge.on_demand += *entry.on_demand;
  pool.use.on_demand += *entry.on_demand;
  on_demand_ += *entry.on_demand;
}

void Bookkeeper::mark_cost() {
  ledger_.settle(now());
  CostPoint point{.at = now(), .cost = ledger_.node_cost(), .on_demand_equivalent = {}};
  if (without_on_demand_.empty()) point.on_demand_equivalent = on_demand_;
  curve_.push_back(point);
}

void Bookkeeper::close() {
  ledger_.settle(now());
  for (auto& [key, open] : stays_)
    close_stay(key.first, key.second, open);
  stays_.clear();
  for (auto& [key, serving] : serving_) {
    serving.promise.settle(now());
    workloads_[key].shortfall = serving.promise.shortfall();
    if (!serving.ready_since) continue;
    workloads_[key].ready += now() - *serving.ready_since;
    serving.ready_since = now();
  }
}

void Bookkeeper::add_point(std::vector<CountPoint>& points, std::int64_t count) const {
  const auto value = static_cast<std::int32_t>(count);
  if (!points.empty() && points.back().at == now())
    points.back().count = value;
  else
    points.push_back({.at = now(), .count = value});
  if (points.size() > kMaxRawPoints)
    points = thinned(points, kMaxPoints, [](const CountPoint& point) { return point.count; });
}

}  // namespace spillway::sim
