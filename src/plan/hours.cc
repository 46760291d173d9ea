#include <spillway/plan/hours.h>

#include <algorithm>
#include <array>

namespace spillway::plan {
namespace {

// Edges that are looked at for the next change; beyond, several schedules take turns for so long
// that nobody plans by it.
constexpr int kMostEdges = 64;

const std::string* find(const Annotations& annotations, std::string_view key) {
  const auto at = annotations.find(std::string(key));
  return at == annotations.end() ? nullptr : &at->second;
}

std::optional<Instant> read_end(const Annotations& annotations, std::string_view key,
                                std::string& problem) {
  const std::string* text = find(annotations, key);
  if (text == nullptr) return std::nullopt;
  const auto instant = parse_instant(*text);
  if (instant) return *instant;
  problem = "annotation " + std::string(key) + ": " + instant.error().message;
  return std::nullopt;
}

bool covers(const HoursPolicy& policy, SubjectKind kind) {
  using api::PlainWorkloadKind;
  const auto lists = [&](PlainWorkloadKind plain) {
    return std::find(policy.workloads.begin(), policy.workloads.end(), plain) !=
           policy.workloads.end();
  };
  switch (kind) {
    case SubjectKind::kInferencePool: return true;
    case SubjectKind::kTrainingJob: return policy.training != api::TrainingOffHours::kIgnore;
    case SubjectKind::kDeployment: return lists(PlainWorkloadKind::kDeployment);
    case SubjectKind::kStatefulSet: return lists(PlainWorkloadKind::kStatefulSet);
    case SubjectKind::kCronJob: return lists(PlainWorkloadKind::kCronJob);
  }
  return false;
}

std::string ground_text(const Schedule& schedule, Instant at) {
  switch (ground(schedule, at)) {
    case ScheduleGround::kException:
      return "awake until " + format_instant(schedule.except_until().value_or(at)) +
             " by an exception";
    case ScheduleGround::kHoliday:
      return awake(schedule, at) ? "a holiday on which all day is awake" : "a holiday";
    case ScheduleGround::kWindow: return "within its hours";
    case ScheduleGround::kOutsideWindows: return "outside of its hours";
  }
  return {};
}

struct Verdict {
  bool awake = true;
  std::string reason;  // only when it was asked for
  ObjectName policy;
};

// One subject and all that has a say in it; answers for any instant.
class Case {
 public:
  Case(std::vector<const HoursPolicy*> policies, const HoursSubject& subject,
       std::array<Override, 2> overrides)
      : policies_(std::move(policies)),
        own_(subject.schedule),
        own_unreadable_(subject.schedule_problem != nullptr),
        overrides_(std::move(overrides)) {}

  [[nodiscard]] Verdict at(Instant now, bool in_words) const {
    if (auto asked = override_at(now, in_words)) return *std::move(asked);
    if (own_unreadable_) {
      return {.awake = true,
              .reason = in_words ? "kept awake because its own schedule makes no sense" : "",
              .policy = {}};
    }
    if (own_ != nullptr) return own_at(now, in_words);
    return policies_at(policies_, now, in_words);
  }

  [[nodiscard]] std::optional<Instant> next(Instant now) const {
    const bool state = at(now, false).awake;
    std::optional<Instant> edge = next_edge(now);
    for (int i = 0; edge && i < kMostEdges; ++i) {
      if (at(*edge, false).awake != state) return edge;
      edge = next_edge(*edge);
    }
    return std::nullopt;
  }

  // The latest edge of whatever has a say.
  [[nodiscard]] std::optional<Instant> since(Instant now) const {
    std::optional<Instant> last;
    const auto consider = [&](std::optional<Instant> instant) {
      if (instant && *instant <= now && (!last || *instant > *last)) last = instant;
    };
    for (const Override& asked : overrides_) {
      consider(asked.wake_until);
      consider(asked.sleep_until);
      if (active(asked, now)) consider(asked.at);
    }
    if (own_ != nullptr) consider(last_transition(*own_, now));
    for (const HoursPolicy* policy : policies_)
      consider(last_transition(policy->schedule, now));
    return last;
  }

 private:
  static bool active(const Override& asked, Instant now) {
    return asked.wake_unreadable || (asked.wake_until && now < *asked.wake_until) ||
           (asked.sleep_until && now < *asked.sleep_until);
  }

  [[nodiscard]] std::optional<Verdict> override_at(Instant now, bool in_words) const {
    for (std::size_t i = 0; i < overrides_.size(); ++i) {
      const Override& asked = overrides_[i];
      if (!active(asked, now)) continue;
      const bool wake = asked.wake_unreadable || (asked.wake_until && now < *asked.wake_until);
      Verdict verdict{.awake = wake};
      if (in_words) verdict.reason = override_text(asked, wake, i == 1);
      return verdict;
    }
    return std::nullopt;
  }

  static std::string override_text(const Override& asked, bool wake, bool of_namespace) {
    std::string text = wake ? "kept awake" : "put to sleep";
    if (wake && asked.wake_unreadable) {
      text += " because an override cannot be read";
    } else {
      text += " until " + format_instant(wake ? *asked.wake_until : *asked.sleep_until);
      text += " at the request of " + (asked.by.empty() ? "somebody" : asked.by);
    }
    return of_namespace ? text + ", for all of its Namespace" : text;
  }

  [[nodiscard]] Verdict own_at(Instant now, bool in_words) const {
    const auto mine = [&](bool is_awake) {
      Verdict verdict{.awake = is_awake};
      if (in_words) verdict.reason = "its own schedule: " + ground_text(*own_, now);
      return verdict;
    };
    const ScheduleGround own_ground = ground(*own_, now);
    if (own_ground == ScheduleGround::kException || own_ground == ScheduleGround::kHoliday)
      return mine(awake(*own_, now));
    std::vector<const HoursPolicy*> on_holiday;
    for (const HoursPolicy* policy : policies_) {
      if (ground(policy->schedule, now) == ScheduleGround::kHoliday) on_holiday.push_back(policy);
    }
    if (!on_holiday.empty()) return policies_at(on_holiday, now, in_words);
    return mine(awake(*own_, now));
  }

  static Verdict policies_at(const std::vector<const HoursPolicy*>& policies, Instant now,
                             bool in_words) {
    if (policies.empty()) return {};
    const HoursPolicy* decides = nullptr;
    const HoursPolicy* overruled = nullptr;
    for (const HoursPolicy* policy : policies) {
      const HoursPolicy*& slot = awake(policy->schedule, now) ? decides : overruled;
      if (slot == nullptr) slot = policy;
    }
    const bool is_awake = decides != nullptr;
    if (!is_awake) std::swap(decides, overruled);
    Verdict verdict{.awake = is_awake, .policy = decides->name};
    if (!in_words) return verdict;
    verdict.reason = "policy " + decides->name.str() + ": " + ground_text(decides->schedule, now);
    if (is_awake && overruled != nullptr)
      verdict.reason +=
          "; it goes before policy " + overruled->name.str() + ", by which it would sleep";
    return verdict;
  }

  [[nodiscard]] std::optional<Instant> next_edge(Instant now) const {
    std::optional<Instant> first;
    const auto consider = [&](std::optional<Instant> instant) {
      if (instant && *instant > now && (!first || *instant < *first)) first = instant;
    };
    for (const Override& asked : overrides_) {
      consider(asked.wake_until);
      consider(asked.sleep_until);
    }
    if (own_ != nullptr) {
      consider(next_transition(*own_, now));
      // Holidays of policies go before its windows even where the policy changes nothing by them.
      for (const HoursPolicy* policy : policies_)
        consider(next_holiday_edge(policy->schedule, now));
    }
    for (const HoursPolicy* policy : policies_)
      consider(next_transition(policy->schedule, now));
    return first;
  }

  // When the next holiday begins or the present one ends.
  static std::optional<Instant> next_holiday_edge(const Schedule& schedule, Instant now) {
    for (const Holiday& holiday : schedule.holidays()) {
      const auto day = std::chrono::local_days(holiday.date);
      for (const auto midnight : {day, day + std::chrono::days(1)}) {
        const Instant edge = schedule.zone().first(LocalTime(midnight));
        if (edge > now) return edge;
      }
    }
    return std::nullopt;
  }

  std::vector<const HoursPolicy*> policies_;
  const Schedule* own_;
  bool own_unreadable_ = false;
  std::array<Override, 2> overrides_;  // of the object, of its Namespace
};

}  // namespace

Override read_override(const Annotations& annotations) {
  Override asked;
  asked.sleep_until = read_end(annotations, api::annotation::kSleepUntil, asked.problem);
  std::string problem;
  asked.wake_until = read_end(annotations, api::annotation::kWakeUntil, problem);
  asked.wake_unreadable = !problem.empty();
  if (asked.wake_unreadable) asked.problem = std::move(problem);
  if (const std::string* by = find(annotations, api::annotation::kOverrideBy)) asked.by = *by;
  if (const std::string* text = find(annotations, api::annotation::kOverrideAt)) {
    if (const auto at = parse_instant(*text)) asked.at = *at;
  }
  return asked;
}

AwakeRules::AwakeRules(std::vector<HoursPolicy> policies,
                       std::map<Namespace, NamespaceFacts> namespaces)
    : policies_(std::move(policies)), namespaces_(std::move(namespaces)) {
  std::sort(policies_.begin(), policies_.end(),
            [](const HoursPolicy& a, const HoursPolicy& b) { return a.name < b.name; });
  overridden_ = std::any_of(namespaces_.begin(), namespaces_.end(),
                            [](const auto& entry) { return !entry.second.annotations.empty(); });
}

bool AwakeRules::selects(const HoursPolicy& policy, const HoursSubject& subject) const {
  static const Labels kNone;
  const auto facts = namespaces_.find(subject.ns);
  const Labels& labels = facts == namespaces_.end() ? kNone : facts->second.labels;
  if (policy.selector.namespaces && !policy.selector.namespaces->matches(labels)) return false;
  const auto& environments = policy.selector.environments;
  if (environments.empty()) return true;
  std::string environment = subject.environment;
  if (environment.empty()) {
    const auto label = labels.find(std::string(api::kEnvironmentLabel));
    if (label != labels.end()) environment = label->second;
  }
  return std::find(environments.begin(), environments.end(), environment) != environments.end();
}

AwakeState AwakeRules::state(const HoursSubject& subject, Instant now) const {
  static const Annotations kNone;
  const bool own_word = subject.annotations != nullptr && !subject.annotations->empty();
  const bool own_hours = subject.schedule != nullptr || subject.schedule_problem != nullptr;
  if (idle() && !own_word && !own_hours) return {};
  std::vector<const HoursPolicy*> policies;
  for (const HoursPolicy& policy : policies_) {
    if (policy.enforced && covers(policy, subject.kind) && selects(policy, subject))
      policies.push_back(&policy);
  }
  const auto facts = namespaces_.find(subject.ns);
  std::array<Override, 2> overrides{
      read_override(subject.annotations == nullptr ? kNone : *subject.annotations),
      read_override(facts == namespaces_.end() ? kNone : facts->second.annotations)};
  AwakeState state;
  state.problem = !overrides[0].problem.empty() ? overrides[0].problem : overrides[1].problem;
  if (state.problem.empty() && subject.schedule_problem != nullptr)
    state.problem = "spec.schedule: " + *subject.schedule_problem;
  const bool asked = std::any_of(overrides.begin(), overrides.end(), [](const Override& each) {
    return each.wake_until || each.sleep_until || each.wake_unreadable;
  });
  state.managed = !policies.empty() || own_hours || asked;
  if (!state.managed) return state;
  state.training = api::TrainingOffHours::kSuspend;
  for (const HoursPolicy* policy : policies)
    state.training = std::max(state.training, policy->training);
  const Case all(std::move(policies), subject, std::move(overrides));
  Verdict verdict = all.at(now, true);
  state.awake = verdict.awake;
  state.reason = std::move(verdict.reason);
  state.policy = std::move(verdict.policy);
  state.next = all.next(now);
  state.since = all.since(now);
  return state;
}

}  // namespace spillway::plan
