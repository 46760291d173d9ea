#include <spillway/sim/cost_audit.h>

#include <algorithm>
#include <optional>
#include <set>

#include <spillway/control/keys.h>
#include <spillway/control/world.h>
#include <spillway/core/quantity.h>

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr std::int64_t kMillisecondsPerHour = 3'600'000;

json labels_of(const json& object) {
  return object.at("metadata").value("labels", json::object());
}

bool selects(const std::map<std::string, std::string>& selector, const json& labels) {
  return !selector.empty() && std::ranges::all_of(selector, [&](const auto& wanted) {
    return labels.value(wanted.first, "") == wanted.second;
  });
}

std::int64_t accelerators_of(const json& pod, const std::string& resource) {
  std::int64_t count = 0;
  for (const json& container : pod.at("spec").at("containers")) {
    const json requests = container.value("/resources/requests"_json_pointer, json::object());
    count += parse_quantity(requests.value(resource, "0")).value_or(0);
  }
  return count;
}

std::optional<cost::Consumer> consumer_of(const json& pod, const Namespace& ns) {
  const json labels = labels_of(pod);
  for (const auto& [label, kind] : {std::pair{control::label::kTrainingJob, "TrainingJob"},
                                    std::pair{control::label::kInferencePool, "InferencePool"}}) {
    const std::string name = labels.value(std::string(label), "");
    if (!name.empty()) return cost::Consumer{kind, {.ns = ns, .name = ObjectName(name)}};
  }
  return std::nullopt;
}

Money whole(__int128 micros_times_milliseconds) {
  return Money::micros(static_cast<std::int64_t>(micros_times_milliseconds / kMillisecondsPerHour));
}

}  // namespace

void CostAudit::Meter::run_to(Instant now) {
  if (now <= from) return;
  total += static_cast<__int128>(rate.per_hour().micros()) * (now - from).count();
  from = now;
}

CostAudit::CostAudit(const ApiServer& server, Complain complain)
    : server_(server),
      complain_(std::move(complain)),
      ledger_([this](const cost::Entry& entry) { take(entry); }) {}

void CostAudit::take(const cost::Entry& entry) {
  if (entry.cost < Money() || entry.to < entry.from)
    complain_("node " + entry.node.str() + " has an entry that is negative");
  if (entry.use != cost::NodeUse::kUsed) {
    unused_ += entry.cost;
    return;
  }
  charged_ += entry.cost;
  if (!entry.consumer) complain_("node " + entry.node.str() + " is used by nobody");
}

void CostAudit::look() {
  const Instant now = server_.clock().now();
  for (auto& [node, meter] : meters_)
    meter.run_to(now);
  look_at_pools();
  look_at_nodes();
  look_at_pods();
  ledger_.settle(now);
  check();
}

void CostAudit::look_at_pools() {
  for (const auto& [key, pool] : server_.all(control::kCapacityPools)) {
    const json& spec = pool->at("spec");
    PoolTerms& terms = pools_[key.name.str()];
    terms.name = key.name.str();
    terms.selector = spec.at("nodes").at("selector").get<std::map<std::string, std::string>>();
    terms.tier = spec.at("tier") == "Reserved" ? api::Tier::kReserved
                 : spec.at("tier") == "Spot"   ? api::Tier::kSpot
                                               : api::Tier::kOnDemand;
    terms.accelerators = spec.at("accelerator").at("perNode");
    terms.resource = spec.at("accelerator").at("resource");
    const auto rate =
        HourlyRate::parse(pool->value("/status/price/perNodeHour"_json_pointer, "unknown"));
    if (!rate || *rate == terms.rate) continue;
    terms.rate = *rate;
    ledger_.set_rate(PoolName(terms.name), *rate, server_.clock().now());
    for (const auto& [node, of] : pool_of_node_) {
      if (of == terms.name) meters_.at(node).rate = *rate;
    }
  }
}

void CostAudit::look_at_nodes() {
  const Instant now = server_.clock().now();
  const Collection& nodes = server_.all(kube::kNodes);
  for (const auto& [key, node] : nodes) {
    if (pool_of_node_.contains(key.name.str())) continue;
    const json labels = labels_of(*node);
    const auto pool = std::ranges::find_if(
        pools_, [&](const auto& entry) { return selects(entry.second.selector, labels); });
    if (pool == pools_.end()) continue;
    const PoolTerms& terms = pool->second;
    ledger_.add_node(NodeName(key.name.str()),
                     {.pool = PoolName(terms.name),
                      .tier = terms.tier,
                      .accelerators = AcceleratorCount(terms.accelerators),
                      .rate = terms.rate,
                      .owned = terms.tier == api::Tier::kReserved},
                     now);
    meters_[key.name.str()] = {.rate = terms.rate, .from = now};
    pool_of_node_[key.name.str()] = terms.name;
  }
  std::erase_if(pool_of_node_, [&](const auto& entry) {
    const std::string& node = entry.first;
    if (nodes.contains({.name = ObjectName(node)})) return false;
    ledger_.remove_node(NodeName(node), now);
    of_nodes_gone_ += whole(meters_.at(node).total);
    meters_.erase(node);
    std::erase_if(bound_, [&](const auto& pod) { return pod.second == node; });
    return true;
  });
}

void CostAudit::look_at_pods() {
  const Instant now = server_.clock().now();
  std::set<std::string> alive;
  for (const auto& [key, pod] : server_.all(kube::kPods)) {
    const std::string phase = pod->value("/status/phase"_json_pointer, "");
    const std::string node = pod->value("/spec/nodeName"_json_pointer, "");
    const auto pool = pool_of_node_.find(node);
    const auto consumer = consumer_of(*pod, key.ns);
    if (phase == "Succeeded" || phase == "Failed" || pool == pool_of_node_.end() || !consumer)
      continue;
    const std::string uid = pod->at("metadata").at("uid");
    alive.insert(uid);
    if (!bound_.emplace(uid, node).second) continue;
    const std::int64_t count = accelerators_of(*pod, pools_.at(pool->second).resource);
    if (!ledger_.bind(Uid(uid), NodeName(node), *consumer, AcceleratorCount(count), now))
      complain_("pod " + key.to_string() + " is bound to " + node + " and not charged");
  }
  std::erase_if(bound_, [&](const auto& entry) {
    if (alive.contains(entry.first)) return false;
    ledger_.end(Uid(entry.first), now);
    return true;
  });
}

void CostAudit::check() {
  Money metered = of_nodes_gone_;
  for (const auto& [node, meter] : meters_)
    metered += whole(meter.total);
  if (ledger_.node_cost() != metered)
    complain_("the nodes cost " + metered.to_string() + " by their rates and " +
              ledger_.node_cost().to_string() + " by the ledger");
  if (charged_ + unused_ != ledger_.node_cost())
    complain_("the nodes cost " + ledger_.node_cost().to_string() + ", " + charged_.to_string() +
              " were charged and " + unused_.to_string() + " went unused: not the same");
}

}  // namespace spillway::sim
