#include "hours.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <tuple>

#include <spillway/api/codec.h>
#include <spillway/core/text.h>

#include "table.h"
#include "words.h"

namespace spillway::cli {
namespace {

using nlohmann::json;
using plan::SubjectKind;

constexpr const char* kNameLabel = "kubernetes.io/metadata.name";
constexpr std::size_t kMostChangesOfOne = 1'000;
constexpr std::size_t kNamed = 4;  // objects that a row names; the rest are counted

struct KindNames {
  SubjectKind kind;
  std::string_view name;
  std::string_view brief;
};
constexpr std::array kKinds{KindNames{SubjectKind::kInferencePool, "InferencePool", "ipool"},
                            KindNames{SubjectKind::kTrainingJob, "TrainingJob", "tj"},
                            KindNames{SubjectKind::kDeployment, "Deployment", "deployment"},
                            KindNames{SubjectKind::kStatefulSet, "StatefulSet", "statefulset"},
                            KindNames{SubjectKind::kCronJob, "CronJob", "cronjob"}};

std::map<std::string, std::string> texts_at(const json& object, const char* map) {
  std::map<std::string, std::string> texts;
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return texts;
  const auto found = metadata->find(map);
  if (found == metadata->end() || !found->is_object()) return texts;
  for (const auto& [key, value] : found->items()) {
    if (value.is_string()) texts[key] = value.get<std::string>();
  }
  return texts;
}

ObjectKey key_of(const json& object) {
  const json metadata = object.value("metadata", json::object());
  return {.ns = Namespace(metadata.value("namespace", "")),
          .name = ObjectName(metadata.value("name", ""))};
}

class HoursBuilder {
 public:
  Hours build(const std::vector<json>& objects) {
    for (const json& object : objects)
      take(object);
    for (const Sleeper& sleeper : hours_.sleepers) {
      plan::NamespaceFacts& facts = namespaces_[sleeper.key.ns];
      facts.labels.try_emplace(kNameLabel, sleeper.key.ns.str());
    }
    std::ranges::sort(policies_, {}, &plan::HoursPolicy::name);
    hours_.rules = plan::AwakeRules(std::move(policies_), std::move(namespaces_));
    std::ranges::sort(hours_.sleepers, {}, [](const Sleeper& sleeper) {
      return std::tuple(sleeper.kind, sleeper.key.ns, sleeper.key.name);
    });
    return std::move(hours_);
  }

 private:
  void take(const json& object) {
    const std::string kind = object.value("kind", "");
    if (kind == "CostPolicy") return take_policy(object);
    if (kind == "Namespace") return take_namespace(object);
    const auto known = std::ranges::find(kKinds, kind, &KindNames::name);
    if (known == kKinds.end()) return;
    // Those of a controller follow it.
    for (const json& owner :
         object.value("/metadata/ownerReferences"_json_pointer, json::array())) {
      if (owner.value("controller", false)) return;
    }
    take_workload(known->kind, object);
  }

  void take_policy(const json& object) {
    const std::string who = "CostPolicy " + key_of(object).name.str();
    const auto policy = api::read<api::CostPolicy>(object, api::UnknownFields::kIgnore);
    if (!policy) return remark(who, policy.error());
    const std::optional<api::OffHours>& hours = policy->spec.off_hours;
    if (!hours) return;
    auto schedule = Schedule::make(hours->schedule());
    if (!schedule) return remark(who, schedule.error());
    policies_.push_back({.name = policy->meta.key.name,
                         .selector = policy->spec.selector,
                         .enforced = policy->spec.mode == api::PolicyMode::kEnforce,
                         .schedule = *std::move(schedule),
                         .training = hours->training,
                         .workloads = hours->workloads});
  }

  void take_namespace(const json& object) {
    const ObjectName name = key_of(object).name;
    plan::NamespaceFacts facts{.labels = texts_at(object, "labels"),
                               .annotations = texts_at(object, "annotations")};
    facts.labels.try_emplace(kNameLabel, name.str());
    namespaces_[Namespace(name.str())] = std::move(facts);
  }

  void take_workload(SubjectKind kind, const json& object) {
    Sleeper sleeper{.kind = kind,
                    .key = key_of(object),
                    .environment = {},
                    .annotations = texts_at(object, "annotations"),
                    .schedule = {}};
    if (sleeper.key.ns.empty()) sleeper.key.ns = Namespace("default");
    if (kind == SubjectKind::kInferencePool) {
      const auto pool = api::read<api::InferencePool>(object, api::UnknownFields::kIgnore);
      if (!pool) return remark(sleeper.title(), pool.error());
      sleeper.environment = pool->spec.attribution.environment;
      if (const auto& wanted = pool->spec.schedule) {
        auto schedule = Schedule::make(*wanted);
        if (!schedule) return remark(sleeper.title() + ": spec.schedule", schedule.error());
        sleeper.schedule = *std::move(schedule);
      }
    } else if (kind == SubjectKind::kTrainingJob) {
      const auto job = api::read<api::TrainingJob>(object, api::UnknownFields::kIgnore);
      if (!job) return remark(sleeper.title(), job.error());
      const std::string phase = object.value("/status/phase"_json_pointer, "");
      if (phase == "Succeeded" || phase == "Failed") return;
      sleeper.environment = job->spec.attribution.environment;
    } else {
      const auto labels = texts_at(object, "labels");
      const auto environment = labels.find(std::string(api::kEnvironmentLabel));
      if (environment != labels.end()) sleeper.environment = environment->second;
    }
    hours_.sleepers.push_back(std::move(sleeper));
  }

  void remark(const std::string& who, const Error& error) {
    hours_.remarks.push_back(who + " is passed over: " + error.message);
  }

  Hours hours_;
  std::vector<plan::HoursPolicy> policies_;
  std::map<Namespace, plan::NamespaceFacts> namespaces_;
};

// "Mon 23 Nov 08:00 Europe/Berlin".
std::string local_text(const Schedule& schedule, Instant at) {
  constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const LocalTime local = schedule.zone().local(at);
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const CalendarDate date{day};
  const TimeOfDay time{std::chrono::floor<std::chrono::minutes>(local - day)};
  return std::string(kDays[std::chrono::weekday(day).c_encoding()]) + " " +
         std::to_string(static_cast<unsigned>(date.day())) + " " +
         kMonths[static_cast<unsigned>(date.month()) - 1] + " " + format_time_of_day(time) + " " +
         schedule.zone().name().str();
}

const plan::HoursPolicy* find_policy(const Hours& hours, const ObjectName& name) {
  for (const plan::HoursPolicy& policy : hours.rules.policies()) {
    if (policy.name == name) return &policy;
  }
  return nullptr;
}

using ChangeKey = std::tuple<Instant, bool, std::string>;

class Changes {
 public:
  Changes(const Hours& hours, Instant from, Instant until)
      : hours_(hours), from_(from), until_(until) {}

  std::vector<HoursChange> all() {
    for (const Sleeper& sleeper : hours_.sleepers)
      add(sleeper);
    for (const plan::HoursPolicy& policy : hours_.rules.policies()) {
      if (!is_followed(policy)) add(policy);
    }
    std::vector<HoursChange> list;
    for (auto& [key, change] : changes_) {
      if (list.size() == kMostChanges) break;
      list.push_back(std::move(change));
    }
    return list;
  }

 private:
  HoursChange& change_at(Instant at, bool awake, const std::string& reason) {
    HoursChange& change = changes_[{at, awake, reason}];
    change.at = at;
    change.awake = awake;
    change.reason = reason;
    return change;
  }

  void add(const Sleeper& sleeper) {
    plan::AwakeState state = hours_.rules.state(sleeper.subject(), from_);
    for (std::size_t i = 0; i < kMostChangesOfOne && state.next && *state.next <= until_; ++i) {
      const Instant at = *state.next;
      state = hours_.rules.state(sleeper.subject(), at);
      HoursChange& change = change_at(at, state.awake, state.reason);
      change.objects.push_back(sleeper.title());
      const plan::HoursPolicy* policy = find_policy(hours_, state.policy);
      if (sleeper.schedule)
        change.local = local_text(*sleeper.schedule, at);
      else if (policy != nullptr)
        change.local = local_text(policy->schedule, at);
    }
  }

  bool is_followed(const plan::HoursPolicy& policy) const {
    return policy.enforced && std::ranges::any_of(hours_.sleepers, [&](const Sleeper& sleeper) {
             return hours_.rules.selects(policy, sleeper.subject());
           });
  }

  void add(const plan::HoursPolicy& policy) {
    const std::string reason =
        "policy " + policy.name.str() +
        (policy.enforced ? ", which selects nothing here" : ", which only shows (mode Audit)");
    for (const Transition& edge : transitions(policy.schedule, from_, until_, kMostChangesOfOne))
      change_at(edge.at, edge.awake, reason).local = local_text(policy.schedule, edge.at);
  }

  const Hours& hours_;
  Instant from_;
  Instant until_;
  std::map<ChangeKey, HoursChange> changes_;
};

std::string objects_text(const std::vector<std::string>& objects) {
  if (objects.empty()) return "";
  const std::size_t named = std::min(objects.size(), kNamed);
  std::string text = join({objects.begin(), objects.begin() + static_cast<long>(named)}, ", ");
  if (objects.size() > named) text += " and " + std::to_string(objects.size() - named) + " more";
  return text;
}

std::string asleep_now(const Hours& hours, Instant now) {
  std::int64_t managed = 0;
  std::int64_t asleep = 0;
  for (const Sleeper& sleeper : hours.sleepers) {
    const plan::AwakeState state = hours.rules.state(sleeper.subject(), now);
    managed += state.managed ? 1 : 0;
    asleep += state.awake ? 0 : 1;
  }
  if (managed == 0)
    return "Nothing here ever sleeps: no CostPolicy in mode Enforce selects any of "
           "it, and nothing has a schedule of its own.\n";
  return plural(managed, "workload") + " may sleep, " + std::to_string(asleep) + " asleep now.\n";
}

}  // namespace

std::string_view kind_name(SubjectKind kind) {
  return std::ranges::find(kKinds, kind, &KindNames::kind)->name;
}

std::string_view short_name(SubjectKind kind) {
  return std::ranges::find(kKinds, kind, &KindNames::kind)->brief;
}

plan::HoursSubject Sleeper::subject() const {
  return {.kind = kind,
          .ns = key.ns,
          .environment = environment,
          .annotations = &annotations,
          .schedule = schedule ? &*schedule : nullptr};
}

std::string Sleeper::title() const {
  return std::string(short_name(kind)) + " " + key.to_string();
}

Hours hours_of(const std::vector<json>& objects) {
  return HoursBuilder().build(objects);
}

std::vector<HoursChange> coming_changes(const Hours& hours, Instant from, Instant until) {
  return Changes(hours, from, until).all();
}

std::string changes_text(const std::vector<HoursChange>& changes, const Hours& hours, Instant from,
                         Instant until) {
  Table table({{"AT (UTC)"}, {"LOCAL TIME"}, {"CHANGE"}, {"WORKLOADS"}, {"WHY"}});
  for (const HoursChange& change : changes) {
    table.row({minute_text(change.at), change.local, change.awake ? "wake" : "sleep",
               objects_text(change.objects), change.reason});
  }
  std::string text = asleep_now(hours, from);
  text += table.empty() ? "No change until " + minute_text(until) + " UTC.\n" : "\n" + table.text();
  if (changes.size() == kMostChanges) text += "\nThere are more: ask for fewer days with --next.\n";
  for (const std::string& remark : hours.remarks)
    text += "\nNote: " + printable(remark) + "\n";
  return text;
}

nlohmann::ordered_json changes_document(const std::vector<HoursChange>& changes, const Hours& hours,
                                        Instant from, Instant until) {
  using Json = nlohmann::ordered_json;
  Json list = Json::array();
  for (const HoursChange& change : changes) {
    Json one{{"at", format_instant(change.at)}, {"awake", change.awake}};
    if (!change.local.empty()) one["localTime"] = change.local;
    one["reason"] = change.reason;
    one["workloads"] = change.objects;
    list.push_back(std::move(one));
  }
  Json now = Json::array();
  for (const Sleeper& sleeper : hours.sleepers) {
    const plan::AwakeState state = hours.rules.state(sleeper.subject(), from);
    if (!state.managed) continue;
    Json one{{"kind", std::string(kind_name(sleeper.kind))},
             {"namespace", sleeper.key.ns.str()},
             {"name", sleeper.key.name.str()},
             {"awake", state.awake},
             {"reason", state.reason}};
    if (state.next) one["nextTransition"] = format_instant(*state.next);
    now.push_back(std::move(one));
  }
  return {{"kind", "Schedule"}, {"from", format_instant(from)}, {"to", format_instant(until)},
          {"workloads", now},   {"transitions", list},          {"notes", hours.remarks}};
}

Result<Duration> parse_span(const std::string& text, const std::string& flag, Duration most) {
  const std::string how = ": write a time above zero such as 90m, 2h or 14d, at most " +
                          std::to_string(most / std::chrono::hours(24)) + "d";
  Duration span{};
  if (text.ends_with('d')) {
    std::int64_t days = 0;
    const char* end = text.data() + text.size() - 1;
    const auto read = std::from_chars(text.data(), end, days);
    if (read.ec != std::errc() || read.ptr != end || days < 0 || days > 100'000)
      return invalid(flag + " " + text + " is no time" + how);
    span = std::chrono::hours(24) * days;
  } else {
    const auto parsed = parse_duration(text);
    if (!parsed) return invalid(flag + " " + text + " is no time" + how);
    span = *parsed;
  }
  if (span <= Duration(0)) return invalid(flag + " " + text + " is no time" + how);
  if (span > most) return invalid(flag + " " + text + " is too long" + how);
  return span;
}

}  // namespace spillway::cli
