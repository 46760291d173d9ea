#include <spillway/control/off_switch.h>

#include <algorithm>
#include <array>
#include <charconv>

#include <nlohmann/json.hpp>

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

// Awake is wanted, and our mark is there.
OffSwitchStep wake(const PlainWorkload& object, const AsleepRecord& record, bool may_wake) {
  if (object.replicas != 0) {
    return {.state = OffSwitchState::kAwake,
            .patch = patch_of(object.kind, std::nullopt, std::nullopt),
            .reason = "AlreadyAwake",
            .note = "it " + was_started(object) + " while it slept, which stays"};
  }
  if (!may_wake) return {.state = OffSwitchState::kWaking};
  const std::string what = object.kind == PlainKind::kCronJob
                               ? "is resumed"
                               : "goes back to " + count_of(record.replicas);
  return {.state = OffSwitchState::kAwake,
          .patch = patch_of(object.kind, record.replicas, std::nullopt),
          .reason = "Woken",
          .note = "off-hours of policy " + record.policy + " are over: it " + what};
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
                              const OffSwitchLimits& limits, Instant now, bool may_wake) {
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
  if (!managed || !order.asleep) return wake(object, *record, may_wake);
  if (object.replicas == 0) return {.state = OffSwitchState::kAsleep};
  // A mark of an earlier sleep says nothing of this one; what runs now is what is to be restored.
  if (record->since < order.since) return begin_sleep(object, order, limits, now);
  return started_again(object, *record, limits, now);
}

bool switchable(const PlainWorkload& object) {
  return !object.meta.controller && !object.meta.deleted_at &&
         object.meta.annotations.get(annotation::kNeverSleep) != "true";
}

std::int32_t wake_order(const PlainWorkload& object) {
  const std::string_view text = object.meta.annotations.get(annotation::kWakeOrder);
  std::int32_t order = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), order);
  return error == std::errc() && end == text.data() + text.size() ? order : 0;
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

WakeTurns::Turns WakeTurns::next(const Members& members, const OffSwitchLimits& limits,
                                 Instant now) {
  std::map<Namespace, Wait> waits;
  Turns turns;
  for (const auto& [ns, list] : members) {
    std::optional<std::int32_t> lowest;
    for (const Member& member : list) {
      if (member.to_wake) lowest = std::min(lowest.value_or(member.order), member.order);
    }
    if (!lowest) continue;
    const auto before = waits_.find(ns);
    const bool waits_already = before != waits_.end() && before->second.order == *lowest;
    const Wait wait = waits_already ? before->second
                                    : Wait{.order = *lowest, .until = now + limits.wake_patience};
    waits.emplace(ns, wait);
    const bool held_up = std::ranges::any_of(
        list, [&](const Member& member) { return member.order < *lowest && !member.ready; });
    if (!held_up || now >= wait.until) turns.emplace(ns, *lowest);
  }
  waits_ = std::move(waits);
  return turns;
}

std::optional<Instant> WakeTurns::look_again(Instant now) const {
  std::optional<Instant> next;
  for (const auto& [ns, wait] : waits_) {
    if (wait.until > now) next = std::min(next.value_or(wait.until), wait.until);
  }
  return next;
}

}  // namespace spillway::control
