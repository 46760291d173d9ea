#include <spillway/control/off_hours.h>

#include <algorithm>
#include <utility>

namespace spillway::control {
namespace {

plan::SubjectKind subject_kind(PlainKind kind) {
  switch (kind) {
    case PlainKind::kDeployment: return plan::SubjectKind::kDeployment;
    case PlainKind::kStatefulSet: return plan::SubjectKind::kStatefulSet;
    case PlainKind::kCronJob: return plan::SubjectKind::kCronJob;
  }
  return plan::SubjectKind::kDeployment;
}

// Those that ask for something.
Annotations overrides_of(const kube::LabelSet& annotations) {
  if (!annotations.contains(api::annotation::kWakeUntil) &&
      !annotations.contains(api::annotation::kSleepUntil)) {
    return {};
  }
  return annotations.to_map();
}

std::vector<plan::HoursPolicy> in_force(const std::vector<OffHoursBook::PolicyPointer>& policies) {
  std::vector<plan::HoursPolicy> found;
  for (const auto& policy : policies) {
    if (policy->meta.deleted_at || policy->spec.mode != api::PolicyMode::kEnforce) continue;
    const std::optional<api::OffHours>& hours = policy->spec.off_hours;
    if (!hours || hours->workloads.empty()) continue;
    const auto schedule = Schedule::make(hours->schedule());
    // By a policy that makes no sense nothing sleeps; its status says what is wrong with it.
    if (!schedule) continue;
    found.push_back({.name = policy->meta.key.name,
                     .selector = policy->spec.selector,
                     .enforced = true,
                     .schedule = *schedule,
                     .training = hours->training,
                     .workloads = hours->workloads});
  }
  return found;
}

}  // namespace

void OffHoursBook::look(std::vector<PolicyPointer> policies,
                        std::vector<NamespacePointer> namespaces, Instant now) {
  orders_.clear();
  now_ = now;
  if (policies == policies_ && namespaces == namespaces_) return;
  policies_ = std::move(policies);
  namespaces_ = std::move(namespaces);
  made_at_.clear();
  for (const PolicyPointer& policy : policies_)
    made_at_.emplace(policy->meta.key.name.str(), policy->meta.created_at);
  std::map<Namespace, plan::NamespaceFacts> facts;
  for (const NamespacePointer& view : namespaces_) {
    if (view->meta.deleted_at) continue;  // whoever is in it is on the way out
    facts.emplace(Namespace(view->meta.key.name.str()),
                  plan::NamespaceFacts{.labels = view->meta.labels.to_map(),
                                       .annotations = overrides_of(view->meta.annotations)});
  }
  rules_ = plan::AwakeRules(in_force(policies_), std::move(facts));
}

const OffHoursOrder& OffHoursBook::order(const PlainWorkload& object) {
  Group group{.ns = object.meta.key.ns,
              .kind = object.kind,
              .environment = std::string(object.meta.labels.get(api::kEnvironmentLabel)),
              .alone = {}};
  if (!overrides_of(object.meta.annotations).empty()) group.alone = object.meta.uid;
  const auto known = orders_.find(group);
  if (known != orders_.end()) return known->second;
  OffHoursOrder order = compute(object, group);
  return orders_.emplace(std::move(group), std::move(order)).first->second;
}

// The first that is in force for this kind there.
const plan::HoursPolicy* OffHoursBook::policy_for(const plan::HoursSubject& subject,
                                                  PlainKind kind) const {
  const auto found = std::ranges::find_if(rules_.policies(), [&](const plan::HoursPolicy& policy) {
    return std::ranges::find(policy.workloads, kind) != policy.workloads.end() &&
           rules_.selects(policy, subject);
  });
  return found == rules_.policies().end() ? nullptr : &*found;
}

OffHoursOrder OffHoursBook::compute(const PlainWorkload& object, const Group& group) const {
  if (!rules_.namespaces().contains(group.ns)) return {};
  const Annotations own = overrides_of(object.meta.annotations);
  const plan::HoursSubject subject{.kind = subject_kind(object.kind),
                                   .ns = group.ns,
                                   .environment = group.environment,
                                   .annotations = &own};
  const plan::HoursPolicy* policy = policy_for(subject, object.kind);
  if (policy == nullptr) return {};
  const plan::AwakeState state = rules_.state(subject, now_);
  // While a person's word counts, the policy is the one that would be asked.
  const std::string name = state.policy.empty() ? policy->name.str() : state.policy.str();
  // A sleep begins with its policy at the earliest: what was set before that is no person's wish
  // against it.
  const Instant since = std::max(state.since.value_or(Instant{}), made_at_.at(name));
  return {.policy = name, .asleep = !state.awake, .since = since, .until = state.next};
}

}  // namespace spillway::control
