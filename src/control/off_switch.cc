#include <spillway/control/off_switch.h>

#include <algorithm>
#include <array>
#include <charconv>

#include <nlohmann/json.hpp>

#include <spillway/core/text.h>
#include <spillway/core/time.h>

namespace spillway::control {
namespace {

using nlohmann::json;

constexpr std::string_view kOurManager = "spillway";
constexpr std::string_view kKeda = "keda";
// Controllers that are known to set spec.replicas, by what their managers' names contain.
constexpr std::array<std::string_view, 7> kMachines = {"argocd",   "flux",       "helm",   "keda",
                                                       "operator", "controller", "rancher"};

std::string_view field_of(PlainKind kind) {
  return kind == PlainKind::kCronJob ? "spec.suspend" : "spec.replicas";
}

std::string count_of(std::int32_t replicas) {
  return std::to_string(replicas) + (replicas == 1 ? " replica" : " replicas");
}

std::string manager_of(const PlainWorkload& object) {
  return object.set_by.manager.empty() ? "somebody" : object.set_by.manager.str();
}

// What the object is set to, as a predicate: "was set to 3 replicas", "was resumed".
std::string was_started(const PlainWorkload& object) {
  if (object.kind == PlainKind::kCronJob) return "was resumed by " + manager_of(object);
  return "was set to " + count_of(object.replicas) + " by " + manager_of(object);
}

json patch_of(PlainKind kind, std::optional<std::int32_t> replicas,
              const std::optional<AsleepRecord>& record) {
  json mark = nullptr;
  if (record) mark = write_asleep_record(kind, *record);
  json patch = {{"metadata", {{"annotations", {{annotation::kAsleep, std::move(mark)}}}}}};
  if (!replicas) return patch;
  if (kind == PlainKind::kCronJob) {
    patch["spec"]["suspend"] = *replicas == 0;
  } else {
    patch["spec"]["replicas"] = *replicas;
  }
  return patch;
}

std::string until(const OffHoursOrder& order) {
  return order.until ? " until " + format_instant(*order.until) : "";
}

OffSwitchStep put_to_sleep(const PlainWorkload& object, const OffHoursOrder& order, Instant now) {
  const AsleepRecord record{
      .replicas = object.replicas, .since = now, .policy = order.policy, .reverted = 0};
  const std::string what = object.kind == PlainKind::kCronJob
                               ? "is suspended"
                               : "goes from " + count_of(object.replicas) + " to 0";
  return {.state = OffSwitchState::kAsleep,
          .patch = patch_of(object.kind, 0, record),
          .reason = "PutToSleep",
          .note = "off-hours of policy " + order.policy + ": it " + what + until(order)};
}

// By name, so that whom one waits for changes as seldom as may be while many become ready.
std::map<std::int32_t, const plan::NotReady*> first_of_each_order(
    const std::vector<plan::NotReady>& list) {
  std::map<std::int32_t, const plan::NotReady*> orders;
  for (const plan::NotReady& each : list) {
    const plan::NotReady*& first = orders.try_emplace(each.wake_order, &each).first->second;
    if (each.name < first->name) first = &each;
  }
  return orders;
}

// Awake is wanted, and our mark is there.
OffSwitchStep wake(const PlainWorkload& object, const AsleepRecord& record,
                   const plan::WakeTurn& turn) {
  if (object.replicas != 0) {
    return {.state = OffSwitchState::kAwake,
            .patch = patch_of(object.kind, std::nullopt, std::nullopt),
            .reason = "AlreadyAwake",
            .note = "it " + was_started(object) + " while it slept, which stays"};
  }
  const std::string over = "off-hours of policy " + record.policy + " are over: it ";
  const std::int32_t order = wake_order(object);
  if (order > turn.order) {
    return {.state = OffSwitchState::kWaking,
            .reason = "WaitsForItsTurn",
            .note = over + "waits for " + turn.waits_for + ", whose wake order is lower"};
  }
  const std::string without =
      turn.without && turn.without->wake_order < order
          ? " without " + turn.without->name + ", which took too long to be ready"
          : "";
  const std::string what = object.kind == PlainKind::kCronJob
                               ? "is resumed"
                               : "goes back to " + count_of(record.replicas);
  return {.state = OffSwitchState::kAwake,
          .patch = patch_of(object.kind, record.replicas, std::nullopt),
          .reason = "Woken",
          .note = over + what + without};
}

// It was started again in the sleep that `record` is of.
OffSwitchStep started_again(const PlainWorkload& object, const AsleepRecord& record,
                            const OffSwitchLimits& limits, Instant now) {
  if (!is_machine(object.set_by)) {
    return {.state = OffSwitchState::kLeftAlone,
            .reason = "LeftAlone",
            .note = "it " + was_started(object) + " during off-hours of policy " + record.policy +
                    ", and is left alone until they are over"};
  }
  // KEDA brings a workload back whenever it looks: to contradict it is of no use.
  const bool keda = object.set_by.manager.view().find(kKeda) != std::string_view::npos;
  if (keda || record.reverted >= limits.max_reversions) {
    return {.state = OffSwitchState::kContested,
            .reason = "Contested",
            .note = "it " + was_started(object) +
                    (keda ? "" : " " + std::to_string(record.reverted + 1) + " times") +
                    " during off-hours of policy " + record.policy +
                    ", and is left alone until they are over; " +
                    ignore_rule(object.kind, object.set_by.manager.view()),
            .warning = true};
  }
  const Instant due = object.set_by.at.value_or(now) + limits.first_pause * (1 << record.reverted);
  if (now < due) return {.state = OffSwitchState::kAsleep, .look_again = due};
  AsleepRecord next = record;
  ++next.reverted;
  next.replicas = object.replicas;  // a number that was changed meanwhile, where it is kept
  return {.state = OffSwitchState::kAsleep,
          .patch = patch_of(object.kind, 0, next),
          .reason = "PutToSleepAgain",
          .note = "it " + was_started(object) + " during off-hours of policy " + record.policy +
                  " and is stopped again"};
}

// Asleep is wanted, and no mark of this sleep is there.
OffSwitchStep begin_sleep(const PlainWorkload& object, const OffHoursOrder& order,
                          const OffSwitchLimits& limits, Instant now) {
  if (object.replicas == 0) return {.state = OffSwitchState::kAsleep};
  const bool is_new = object.meta.created_at > order.since;
  const Instant settled = object.meta.created_at + limits.grace;
  if (is_new && now < settled) return {.state = OffSwitchState::kNew, .look_again = settled};
  const FieldOwner& by = object.set_by;
  if (!is_new && by.at && *by.at > order.since && by.manager != kOurManager && !is_machine(by)) {
    return {.state = OffSwitchState::kLeftAlone,
            .reason = "LeftAlone",
            .note = "it " + was_started(object) + " after off-hours of policy " + order.policy +
                    " had begun, and is left alone until they are over"};
  }
  return put_to_sleep(object, order, now);
}

}  // namespace

std::string_view to_string(OffSwitchState state) {
  switch (state) {
    case OffSwitchState::kUnmanaged: return "Unmanaged";
    case OffSwitchState::kAwake: return "Awake";
    case OffSwitchState::kAsleep: return "Asleep";
    case OffSwitchState::kNew: return "New";
    case OffSwitchState::kLeftAlone: return "LeftAlone";
    case OffSwitchState::kContested: return "Contested";
    case OffSwitchState::kWaking: return "Waking";
    case OffSwitchState::kUnreadable: return "Unreadable";
  }
  return "Unmanaged";
}

Result<AsleepRecord> read_asleep_record(PlainKind kind, std::string_view text) {
  const json object = json::parse(text, nullptr, false);
  const auto refuse = [](std::string_view what) {
    return invalid("the annotation " + std::string(annotation::kAsleep) + " " + std::string(what));
  };
  if (!object.is_object()) return refuse("has to be a JSON object");
  AsleepRecord record;
  if (kind == PlainKind::kCronJob) {
    const auto suspended = object.find("suspend");
    if (suspended == object.end() || !suspended->is_boolean())
      return refuse("has to say \"suspend\":false or true");
    record.replicas = suspended->get<bool>() ? 0 : 1;
  } else {
    const auto replicas = object.find("replicas");
    if (replicas == object.end() || !replicas->is_number_integer())
      return refuse("has to say \"replicas\" as an integer");
    const std::int64_t wide = replicas->get<std::int64_t>();
    if (wide < 0 || wide > INT32_MAX)
      return refuse("has to say \"replicas\" as an integer from 0 to 2147483647");
    record.replicas = static_cast<std::int32_t>(wide);
  }
  const auto since = object.find("since");
  if (since == object.end() || !since->is_string())
    return refuse("has to say \"since\" as an RFC 3339 time");
  TRY(at, parse_instant(since->get_ref<const std::string&>()));
  record.since = at;
  if (const auto policy = object.find("policy"); policy != object.end() && policy->is_string())
    record.policy = policy->get<std::string>();
  const auto reverted = object.find("reverted");
  if (reverted != object.end() && reverted->is_number_integer()) {
    record.reverted =
        static_cast<int>(std::clamp<std::int64_t>(reverted->get<std::int64_t>(), 0, 1000));
  }
  return record;
}

std::string write_asleep_record(PlainKind kind, const AsleepRecord& record) {
  json object = {{"since", format_instant(record.since)}, {"policy", record.policy}};
  if (kind == PlainKind::kCronJob) {
    object["suspend"] = record.replicas == 0;
  } else {
    object["replicas"] = record.replicas;
  }
  if (record.reverted > 0) object["reverted"] = record.reverted;
  return object.dump();
}

OffSwitchStep off_switch_step(const PlainWorkload& object, const OffHoursOrder& order,
                              const OffSwitchLimits& limits, Instant now,
                              const plan::WakeTurn& turn) {
  const auto mark = object.meta.annotations.find(annotation::kAsleep);
  const bool managed = !order.policy.empty();
  if (!mark && !managed) return {};
  if (!mark && !order.asleep) return {.state = OffSwitchState::kAwake};
  if (!mark) return begin_sleep(object, order, limits, now);
  const auto record = read_asleep_record(object.kind, *mark);
  if (!record) {
    return {.state = OffSwitchState::kUnreadable,
            .reason = "NotRestored",
            .note = record.error().message + ": set " + std::string(field_of(object.kind)) +
                    " as it is to be, and remove the annotation",
            .warning = true};
  }
  if (!managed || !order.asleep) return wake(object, *record, turn);
  if (object.replicas == 0) return {.state = OffSwitchState::kAsleep};
  // A mark of an earlier sleep says nothing of this one; what runs now is what is to be restored.
  if (record->since < order.since) return begin_sleep(object, order, limits, now);
  return started_again(object, *record, limits, now);
}

bool switchable(const PlainWorkload& object) {
  return !object.meta.controller && !object.meta.deleted_at &&
         object.meta.annotations.get(annotation::kNeverSleep) != "true";
}

WakeOrder read_wake_order(std::string_view text) {
  if (text.empty()) return {};
  constexpr std::size_t kShown = 40;
  std::int32_t order = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, order);
  if (read.ec == std::errc() && read.ptr == end) return {.value = order, .problem = {}};
  return {.value = 0,
          .problem = "annotation " + std::string(annotation::kWakeOrder) + ": '" +
                     shorten(text, kShown) +
                     "' is taken for 0: write an integer, for example \"-10\""};
}

WakeOrder read_wake_order(const Annotations& annotations) {
  const auto at = annotations.find(std::string(annotation::kWakeOrder));
  return at == annotations.end() ? WakeOrder{} : read_wake_order(at->second);
}

std::int32_t wake_order(const PlainWorkload& object) {
  return read_wake_order(object.meta.annotations.get(annotation::kWakeOrder)).value;
}

bool is_machine(const FieldOwner& owner) {
  const std::string_view name = owner.manager.view();
  if (name.starts_with("kubectl")) return false;
  const bool known = std::ranges::any_of(
      kMachines, [&](std::string_view part) { return name.find(part) != std::string_view::npos; });
  // Nobody types a server-side apply of one field but with kubectl.
  return known || (owner.applies && !name.empty());
}

std::string ignore_rule(PlainKind kind, std::string_view manager) {
  const std::string kind_name(type_of(kind).kind);
  const std::string group(type_of(kind).group);
  const std::string pointer = kind == PlainKind::kCronJob ? "/spec/suspend" : "/spec/replicas";
  const auto named = [&](std::string_view part) {
    return manager.find(part) != std::string_view::npos;
  };
  if (named("argocd")) {
    return "write into the Argo CD Application: spec.ignoreDifferences: [{group: " + group +
           ", kind: " + kind_name + ", jsonPointers: [" + pointer +
           "]}] and spec.syncPolicy.syncOptions: [RespectIgnoreDifferences=true]";
  }
  if (named("helm-controller")) {
    return "write into the HelmRelease: spec.driftDetection.ignore: [{paths: [" + pointer +
           "], target: {kind: " + kind_name + "}}]";
  }
  if (named("kustomize-controller") || named("flux")) {
    return "leave " + std::string(field_of(kind)) +
           " out of the manifest that Flux applies, as for an autoscaler (a Kustomize patch: "
           "[{op: remove, path: " +
           pointer + "}] for kind " + kind_name + ")";
  }
  if (named(kKeda)) {
    return "KEDA does not leave a workload at zero unless its ScaledObject says so: annotate the "
           "ScaledObject with autoscaling.keda.sh/paused-replicas: \"0\" for these hours, or give "
           "it minReplicaCount: 0, and the workload " +
           std::string(annotation::kNeverSleep) + ": \"true\"";
  }
  return "let " + std::string(manager) + " leave " + std::string(field_of(kind)) +
         " alone, or annotate the " + kind_name + " with " + std::string(annotation::kNeverSleep) +
         ": \"true\"";
}

plan::WakeTurnIn WakeTurns::next(const plan::NotReadyIn& not_ready, const OffSwitchLimits& limits,
                                 Instant now) {
  std::map<Namespace, Waits> waits;
  plan::WakeTurnIn turns;
  for (const auto& [ns, list] : not_ready) {
    if (list.empty()) continue;
    const auto orders = first_of_each_order(list);
    Waits& known = waits[ns] = std::move(waits_[ns]);
    // Another time is another wait; within its own it may come and go.
    std::erase_if(known, [&](const auto& wait) {
      return wait.second <= now && !orders.contains(wait.first);
    });
    plan::WakeTurn& turn = turns[ns];
    for (const auto& [order, first] : orders) {
      const Instant until = known.try_emplace(order, now + limits.wake_patience).first->second;
      if (now < until) {
        turn.order = order;
        turn.waits_for = first->name;
        turn.until = until;
        break;
      }
      if (!turn.without) turn.without = *first;
    }
  }
  waits_ = std::move(waits);
  return turns;
}

std::optional<Instant> WakeTurns::look_again(Instant now) const {
  std::optional<Instant> next;
  for (const auto& [ns, waits] : waits_) {
    for (const auto& [order, until] : waits) {
      if (until > now) next = std::min(next.value_or(until), until);
    }
  }
  return next;
}

}  // namespace spillway::control
