#include <spillway/sim/invariants.h>

#include <algorithm>
#include <set>

#include <spillway/control/keys.h>
#include <spillway/control/plain_workload.h>
#include <spillway/control/world.h>
#include <spillway/core/quantity.h>
#include <spillway/sim/model.h>

#include "json_fields.h"

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxViolations = 100;
// Two writes that belong together are not one: a pool may look overfull for as long as it takes to
// make both.
constexpr Duration kOverfullPatience = std::chrono::seconds(60);
// An edge of a schedule is followed within it, API servers that are away for minutes included.
constexpr Duration kEdgePatience = std::chrono::minutes(10);
// What a service waits for each order that is woken before its own.
constexpr Duration kWakeTurn = std::chrono::minutes(5);
constexpr std::string_view kWakeOrder = "spillway.dev/wake-order";

std::string label(const json& object, std::string_view name) {
  return string_in(object, "metadata", "labels", name);
}

std::string uid_of(const json& object) {
  return object.at("metadata").at("uid");
}

std::int64_t accelerators_of(const json& pod, const std::string& resource) {
  std::int64_t count = 0;
  for (const json& container : pod.at("spec").at("containers")) {
    const std::string_view text = text_in(container, "resources", "requests", resource);
    if (!text.empty()) count += parse_quantity(text).value_or(0);
  }
  return count;
}

// What a pod may still take to end once it is told to.
Duration grace_of(const json& pod) {
  return std::chrono::seconds(number_in(pod, 30, "spec", "terminationGracePeriodSeconds"));
}

// How many wake orders there are besides that of the pool, of services and plain workloads.
std::int64_t other_wake_orders(const ApiServer& server, const json& pool) {
  const auto order_of = [](const json& object) {
    return string_in(object, "metadata", "annotations", kWakeOrder);
  };
  std::set<std::string> orders;
  for (const kube::ResourceType& type :
       {control::kInferencePools, kube::kDeployments, control::kStatefulSets, control::kCronJobs}) {
    for (const auto& [key, object] : server.all(type))
      orders.insert(order_of(*object));
  }
  orders.erase(order_of(pool));
  return static_cast<std::int64_t>(orders.size());
}

// What nobody hears of is not known to run.
bool is_unheard(const ApiServer& server, const json& pod) {
  const std::string node = string_in(pod, "spec", "nodeName");
  if (node.empty()) return false;
  const Object at = server.find(kube::kNodes, {.name = ObjectName(node)});
  return !at || !condition_holds(*at, "Ready");
}

// Of the pods with one value of a label, those that have not ended.
struct PodsThere {
  std::int64_t staying = 0;  // not told to end
  std::int64_t all = 0;
  Duration grace{};  // the longest
};
// By namespace and value.
std::map<std::string, PodsThere> pods_there(const ApiServer& server, std::string_view name) {
  std::map<std::string, PodsThere> there;
  for (const auto& [key, pod] : server.all(kube::kPods)) {
    const std::string_view owner = text_in(*pod, "metadata", "labels", name);
    if (owner.empty() || has_ended(*pod)) continue;
    const bool ending = is_deleting(*pod);
    if (ending && is_unheard(server, *pod)) continue;
    PodsThere& pods = there[key.ns.str() + "/" + std::string(owner)];
    ++pods.all;
    pods.staying += ending ? 0 : 1;
    pods.grace = std::max(pods.grace, grace_of(*pod));
  }
  return there;
}

bool sleeps(const json& pool) {
  return find_in(pool, "status", "awake") != nullptr && !is_set(pool, "status", "awake");
}

bool says(const json& object, const std::string& condition, std::string_view reason) {
  const json* found = condition_of(object, condition);
  return found != nullptr && text_in(*found, "reason") == reason;
}

}  // namespace

Invariants::Invariants(const ApiServer& server)
    : server_(server),
      costs_(server, [this](std::string sentence) { complain(std::move(sentence)); }) {}

void Invariants::complain(std::string sentence) {
  if (violations_.size() < kMaxViolations && said_.insert(sentence).second)
    violations_.push_back(std::move(sentence));
}

bool Invariants::lasts(const std::string& what, bool holds, Duration patience, MonotonicTime now) {
  if (!holds) {
    since_.erase(what);
    return false;
  }
  const MonotonicTime end = since_.emplace(what, now).first->second + patience;
  if (now > end) return true;
  next_look_ = std::min(next_look_, end + Duration(1));
  return false;
}

void Invariants::check(MonotonicTime now) {
  next_look_ = MonotonicTime::max();
  check_attempts();
  for (const auto& [key, job] : server_.all(control::kTrainingJobs))
    check_training_job(key.to_string(), *job);
  for (const auto& [key, pool] : server_.all(control::kInferencePools)) {
    check_cost(key.to_string(), *pool);
    for (const json& tier : list_in(*pool, "status", "tiers")) {
      check_tiers(pool->at("spec"), tier.at("tier"), key.to_string());
    }
  }
  check_capacity(now);
  check_hours(now);
  costs_.look();
}

void Invariants::check_attempts() {
  std::map<std::string, std::set<std::string>> alive;      // Jobs by TrainingJob
  std::map<std::string, std::set<std::string>> with_pods;  // attempts with pods, by TrainingJob
  for (const auto& [key, job] : server_.all(kube::kJobs)) {
    const std::string owner = label(*job, control::label::kTrainingJob);
    if (owner.empty() || condition_holds(*job, "Complete") || condition_holds(*job, "Failed"))
      continue;
    alive[key.ns.str() + "/" + owner].insert(key.name.str());
  }
  for (const auto& [key, pod] : server_.all(kube::kPods)) {
    const std::string owner = label(*pod, control::label::kTrainingJob);
    if (owner.empty() || has_ended(*pod)) continue;
    with_pods[key.ns.str() + "/" + owner].insert(label(*pod, control::label::kAttempt));
  }
  for (const auto& [owner, jobs] : alive) {
    if (jobs.size() > 1)
      complain(owner + " has " + std::to_string(jobs.size()) + " attempts that are not terminal");
  }
  for (const auto& [owner, attempts] : with_pods) {
    if (attempts.size() > 1)
      complain(owner + " has pods of " + std::to_string(attempts.size()) + " attempts");
  }
}

void Invariants::check_training_job(const std::string& name, const json& job) {
  const std::string uid = job.at("metadata").at("uid");
  check_cost(name, job);
  check_deadline(name, job);
  const std::string end = condition_holds(job, "Complete") ? "Complete"
                          : condition_holds(job, "Failed") ? "Failed"
                                                           : "";
  const auto before = ended_.find(uid);
  if (before != ended_.end() && before->second != end)
    complain(name + " was " + before->second + " and is not any more");
  if (!end.empty()) ended_.emplace(uid, end);
  const auto attempt = number_in(job, 0, "status", "attempt");
  if (attempt < attempts_[uid])
    complain(name + " went back from attempt " + std::to_string(attempts_[uid]));
  attempts_[uid] = attempt;
  const std::string tier = string_in(job, "status", "placement", "tier");
  if (!tier.empty()) check_tiers(job.at("spec"), tier, name);
}

// The job may run on demand, there is a pool for that, and when it was made there was time enough.
bool Invariants::feasible(const json& job) const {
  const json& spec = job.at("spec");
  const auto deadline = parse_instant(spec.value("deadline", ""));
  const auto duration = parse_duration(spec.value("duration", ""));
  const auto created = parse_instant(text_in(job, "metadata", "creationTimestamp"));
  if (!deadline || !duration || !created || *created + *duration + kDeadlineReserve > *deadline)
    return false;
  const json tiers = spec.value("tiers", json::array());
  if (!tiers.empty() && std::ranges::find(tiers, json("OnDemand")) == tiers.end()) return false;
  const Collection& pools = server_.all(control::kCapacityPools);
  return std::ranges::any_of(pools, [&](const auto& entry) {
    const json& pool = entry.second->at("spec");
    const std::string model = pool.at("accelerator").at("model");
    return pool.at("tier") == "OnDemand" &&
           spec.at("accelerator").at("models").at(0).at("name") == model;
  });
}

// No deadline that was feasible is missed; not the operator's fault: a program that fails, a user
// who suspends, a cloud without on-demand capacity.
void Invariants::check_deadline(const std::string& name, const json& job) {
  if (!job.at("spec").contains("deadline")) return;
  const std::string uid = job.at("metadata").at("uid");
  if (!feasible_.contains(uid)) feasible_[uid] = feasible(job);
  const Collection& pools = server_.all(control::kCapacityPools);
  const bool stocked_out = std::ranges::any_of(pools, [](const auto& entry) {
    return entry.second->at("spec").at("tier") == "OnDemand" &&
           text_in(*entry.second, "status", "availability") == "StockedOut";
  });
  const bool excused = job.at("spec").value("suspend", false) || condition_holds(job, "Failed") ||
                       is_deleting(job) || stocked_out;
  if (excused) feasible_[uid] = false;
  if (!feasible_[uid]) return;
  const Instant deadline = parse_instant(job.at("spec").at("deadline").get<std::string>()).value();
  const auto finished = parse_instant(text_in(job, "status", "finishedAt"));
  const bool in_time = finished ? *finished <= deadline : server_.clock().now() <= deadline;
  if (!in_time) complain(name + " missed its deadline, which was feasible");
}

void Invariants::check_tiers(const json& spec, const std::string& tier, const std::string& who) {
  const json& allowed = list_in(spec, "tiers");
  if (!allowed.empty() && std::ranges::find(allowed, json(tier)) == allowed.end()) {
    complain(who + " is placed on tier " + tier + ", which it does not allow");
  }
}

void Invariants::check_cost(const std::string& who, const json& object) {
  const std::string total = string_in(object, "status", "cost", "total");
  if (total.empty()) return;
  const auto now = Money::parse(total);
  if (!now) return complain(who + " has a cost that is no amount: " + total);
  Money& before = totals_[object.at("metadata").at("uid").get<std::string>()];
  if (*now < before)
    complain(who + " has become cheaper: from " + before.to_string() + " to " + now->to_string());
  before = *now;
}

// What pods ask of a pool never stays above what the pool can ever have.
void Invariants::check_capacity(MonotonicTime now) {
  std::map<std::string, std::int64_t> asked;
  const Collection& pools = server_.all(control::kCapacityPools);
  for (const auto& [key, pod] : server_.all(kube::kPods)) {
    const std::string pool = label(*pod, control::label::kPool);
    if (pool.empty() || has_ended(*pod) || is_deleting(*pod)) continue;
    const auto there = pools.find({.name = ObjectName(pool)});
    if (there == pools.end()) continue;
    asked[pool] +=
        accelerators_of(*pod, there->second->at("spec").at("accelerator").at("resource"));
  }
  for (const auto& [key, pool] : pools) {
    const json& spec = pool->at("spec");
    const auto owned = spec.at("nodes").at("max").get<std::int64_t>() *
                       spec.at("accelerator").at("perNode").get<std::int64_t>();
    const std::string name = key.name.str();
    if (lasts("overfull " + name, asked[name] > owned, kOverfullPatience, now)) {
      complain(name + " can have " + std::to_string(owned) + " accelerators and is asked for " +
               std::to_string(asked[name]));
    }
  }
}

// What sleeps has no pods once they had time to drain; what is awake has those that were asked for
// as soon as there is a place for them.
void Invariants::check_hours(MonotonicTime now) {
  const Collection& services = server_.all(control::kInferencePools);
  const Collection& jobs = server_.all(control::kTrainingJobs);
  if (!services.empty()) {
    auto pods = pods_there(server_, control::label::kInferencePool);
    for (const auto& [key, pool] : services) {
      const std::string name = key.to_string();
      const PodsThere& there = pods[name];
      if (is_deleting(*pool)) continue;
      if (lasts("asleep " + uid_of(*pool), sleeps(*pool) && there.all > 0,
                there.grace + kEdgePatience, now))
        complain(name + " sleeps and has " + std::to_string(there.all) + " pods");
      check_awake(name, *pool, there.staying, now);
    }
  }
  const auto is_suspended = [](const auto& entry) {
    return text_in(*entry.second, "status", "phase") == "Suspended";
  };
  std::map<std::string, PodsThere> pods;
  if (std::ranges::any_of(jobs, is_suspended))
    pods = pods_there(server_, control::label::kTrainingJob);
  for (const auto& entry : jobs) {
    const PodsThere there = is_suspended(entry) ? pods[entry.first.to_string()] : PodsThere{};
    if (there.all == 0 && since_.empty()) continue;  // thousands of jobs, and nothing to forget
    if (lasts("suspended " + uid_of(*entry.second), there.all > 0, there.grace + kEdgePatience,
              now))
      complain(entry.first.to_string() + " is suspended and has " + std::to_string(there.all) +
               " pods");
  }
}

void Invariants::check_awake(const std::string& name, const json& pool, std::int64_t pods,
                             MonotonicTime now) {
  const auto next = parse_instant(text_in(pool, "status", "nextTransition"));
  if (lasts("edge " + uid_of(pool), next && *next <= server_.clock().now(), kEdgePatience, now))
    complain(name + " has not noticed that its hours have changed");
  const bool refused = says(pool, "Degraded", "ChildRejected");
  const std::int64_t asked = number_in(pool, 1, "spec", "replicas");
  const bool fewer = !sleeps(pool) && !refused && condition_holds(pool, "Placed") && pods < asked;
  const std::int64_t turns = fewer ? other_wake_orders(server_, pool) : 0;
  if (lasts("awake " + uid_of(pool), fewer, kEdgePatience + turns * kWakeTurn, now))
    complain(name + " is awake and has " + std::to_string(pods) + " pods instead of " +
             std::to_string(asked));
}

}  // namespace spillway::sim
