#include <spillway/control/hours_reader.h>

#include <nlohmann/json.hpp>

#include <spillway/control/off_switch.h>
#include <spillway/control/picture.h>

namespace spillway::control {
namespace {

constexpr std::size_t kMostKnown = 20'000;

bool is_override(std::string_view key) {
  return key == api::annotation::kWakeUntil || key == api::annotation::kSleepUntil ||
         key == api::annotation::kOverrideBy || key == api::annotation::kOverrideAt;
}

template <class Map>
Annotations overrides_of(const Map& annotations) {
  Annotations found;
  for (const auto& [key, value] : annotations) {
    if constexpr (std::is_same_v<Map, Annotations>) {
      if (is_override(key)) found.emplace(key, value);
    } else {
      if (is_override(key.view())) found.emplace(key.str(), value.str());
    }
  }
  // Who asked and when is nothing without what was asked for.
  const bool asks = found.contains(std::string(api::annotation::kWakeUntil)) ||
                    found.contains(std::string(api::annotation::kSleepUntil));
  return asks ? found : Annotations{};
}

}  // namespace

const HoursReader::Known& HoursReader::read(const ObjectMeta& meta, const ScheduleSpec& spec) {
  if (known_.size() > kMostKnown) known_.clear();
  const auto [at, added] = known_.try_emplace(meta.uid);
  Known& known = at->second;
  if (!added && known.generation == meta.generation) return known;
  const auto made = Schedule::make(spec);
  known = {.generation = meta.generation,
           .schedule = made ? std::optional(*made) : std::nullopt,
           .problem = made ? std::string() : made.error().message};
  return known;
}

plan::Boxed<plan::AwakeRules> HoursReader::rules(const World& world) {
  std::vector<plan::HoursPolicy> policies;
  world.cost_policies.for_each([&](const Shared<api::CostPolicy>& policy) {
    const std::optional<api::OffHours>& hours = policy->spec.off_hours;
    if (!hours || policy->meta.deleted_at) return;
    const std::optional<Schedule>& schedule = read(policy->meta, hours->schedule()).schedule;
    if (!schedule) return;
    policies.push_back({.name = policy->meta.key.name,
                        .selector = policy->spec.selector,
                        .enforced = policy->spec.mode == api::PolicyMode::kEnforce,
                        .schedule = *schedule,
                        .training = hours->training,
                        .workloads = hours->workloads});
  });
  std::map<Namespace, plan::NamespaceFacts> namespaces;
  world.namespaces.for_each([&](const Shared<NamespaceView>& view) {
    plan::NamespaceFacts facts{.annotations = overrides_of(view->meta.annotations)};
    if (policies.empty() && facts.annotations.empty()) return;
    facts.labels = view->meta.labels.to_map();
    namespaces.emplace(Namespace(view->meta.key.name.str()), std::move(facts));
  });
  if (policies.empty() && namespaces.empty()) return {};
  return plan::AwakeRules(std::move(policies), std::move(namespaces));
}

plan::Boxed<plan::OwnHours> HoursReader::own_hours(const api::InferencePool& pool) {
  plan::OwnHours own{.overrides = overrides_of(pool.meta.annotations),
                     .environment = pool.spec.attribution.environment,
                     .wake_order = read_wake_order(pool.meta.annotations).value};
  if (pool.spec.schedule) {
    const Known& known = read(pool.meta, *pool.spec.schedule);
    own.schedule = known.schedule;
    own.schedule_problem = known.problem;
  }
  const bool silent = own.overrides.empty() && own.environment.empty() && own.wake_order == 0 &&
                      !pool.spec.schedule;
  if (silent) return {};
  return own;
}

plan::Boxed<plan::OwnHours> HoursReader::own_hours(const api::TrainingJob& job) const {
  plan::OwnHours own{.overrides = overrides_of(job.meta.annotations),
                     .environment = job.spec.attribution.environment};
  if (own.overrides.empty() && own.environment.empty()) return {};
  return own;
}

plan::NotReadyIn HoursReader::services_not_ready(const World& world, const std::set<Namespace>& of,
                                                 Instant now) {
  plan::NotReadyIn found;
  const plan::Boxed<plan::AwakeRules> hours = rules(world);
  world.inference_pools.for_each([&](const Shared<api::InferencePool>& pool) {
    const Namespace& ns = pool->meta.key.ns;
    const bool ready = pool->status.ready_replicas >= pool->spec.replicas;
    if (ready || pool->meta.deleted_at || !of.contains(ns)) return;
    const plan::Boxed<plan::OwnHours> own = own_hours(*pool);
    const auto state =
        plan::awake_state(hours, {.kind = plan::SubjectKind::kInferencePool, .ns = ns}, own, now);
    if (state && !state->awake) return;
    found[ns].push_back({.wake_order = own ? own->wake_order : 0,
                         .name = "InferencePool " + pool->meta.key.name.str()});
  });
  return found;
}

}  // namespace spillway::control
