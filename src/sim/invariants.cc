#include <spillway/sim/invariants.h>

#include <algorithm>

#include <spillway/control/keys.h>
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

std::string label(const json& object, std::string_view name) {
  return string_in(object, "metadata", "labels", name);
}

std::int64_t accelerators_of(const json& pod, const std::string& resource) {
  std::int64_t count = 0;
  for (const json& container : pod.at("spec").at("containers")) {
    const std::string_view text = text_in(container, "resources", "requests", resource);
    if (!text.empty()) count += parse_quantity(text).value_or(0);
  }
  return count;
}

}  // namespace

Invariants::Invariants(const ApiServer& server)
    : server_(server),
      costs_(server, [this](std::string sentence) { complain(std::move(sentence)); }) {}

void Invariants::complain(std::string sentence) {
  if (violations_.size() < kMaxViolations && said_.insert(sentence).second)
    violations_.push_back(std::move(sentence));
}

void Invariants::check(MonotonicTime now) {
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
    if (asked[name] <= owned) {
      over_since_.erase(name);
      continue;
    }
    const MonotonicTime since = over_since_.emplace(name, now).first->second;
    if (now - since > kOverfullPatience) {
      complain(name + " can have " + std::to_string(owned) + " accelerators and is asked for " +
               std::to_string(asked[name]));
    }
  }
}

}  // namespace spillway::sim
