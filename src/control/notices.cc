#include <spillway/control/notices.h>

#include <algorithm>
#include <array>
#include <charconv>

#include <spillway/api/agent_protocol.h>
#include <spillway/core/text.h>

namespace spillway::control {
namespace {

namespace mark = api::agent::node_mark;
using std::chrono::seconds;

// Times from the first sight of a mark to the end, where nobody says more: the notice that the
// clouds promise (EC2 120 s; GCE and Azure 30 s), and Cluster Autoscaler's default for
// --max-graceful-termination-sec.
constexpr Duration kAwsBudget = seconds(120);
constexpr Duration kShortBudget = seconds(30);
constexpr Duration kAutoscalerBudget = seconds(600);

constexpr std::string_view kHandler = "aws-node-termination-handler";

// Taints by key. The value of one is a time in Unix seconds.
struct KnownTaint {
  std::string_view key;
  NoticeKind kind;
  std::string_view source;
  Duration budget;
  bool value_is_time = false;
};
constexpr std::array kTaints{
    KnownTaint{"karpenter.sh/disrupted", NoticeKind::kDrain, "karpenter", kAwsBudget},
    // Karpenter before v1 said it with a value.
    KnownTaint{"karpenter.sh/disruption", NoticeKind::kDrain, "karpenter", kAwsBudget},
    KnownTaint{"aws-node-termination-handler/spot-itn", NoticeKind::kInterruption, kHandler,
               kAwsBudget},
    KnownTaint{"aws-node-termination-handler/asg-lifecycle-termination", NoticeKind::kDrain,
               kHandler, kAwsBudget},
    KnownTaint{"aws-node-termination-handler/scheduled-maintenance", NoticeKind::kMaintenance,
               kHandler, kAwsBudget},
    KnownTaint{"aws-node-termination-handler/rebalance-recommendation", NoticeKind::kRebalance,
               kHandler, kAwsBudget},
    KnownTaint{"ToBeDeletedByClusterAutoscaler", NoticeKind::kDrain, "cluster-autoscaler",
               kAutoscalerBudget, true},
    KnownTaint{"DeletionCandidateOfClusterAutoscaler", NoticeKind::kRebalance, "cluster-autoscaler",
               kAutoscalerBudget, true},
    KnownTaint{"cloud.google.com/impending-node-termination", NoticeKind::kInterruption, "gke",
               kShortBudget},
    KnownTaint{"remediator.kubernetes.azure.com/unschedulable", NoticeKind::kInterruption, "aks",
               kShortBudget},
};

struct KnownCondition {
  std::string_view type;
  NoticeKind kind;
};
constexpr std::array kConditions{
    KnownCondition{"PreemptScheduled", NoticeKind::kInterruption},
    KnownCondition{"PreemptionScheduled", NoticeKind::kInterruption},
    KnownCondition{"TerminationNotice", NoticeKind::kInterruption},
    KnownCondition{"TerminateScheduled", NoticeKind::kMaintenance},
    KnownCondition{"RebootScheduled", NoticeKind::kMaintenance},
    KnownCondition{"RedeployScheduled", NoticeKind::kMaintenance},
};

constexpr std::string_view kOutOfService = "node.kubernetes.io/out-of-service";
constexpr std::string_view kShutdown = "node.cloudprovider.kubernetes.io/shutdown";

std::optional<Instant> unix_seconds(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  constexpr std::int64_t kLatest = 253'402'300'799;  // the end of year 9999
  if (error != std::errc{} || end != text.data() + text.size() || value <= 0 || value > kLatest)
    return std::nullopt;
  return Instant(seconds(value));
}

NoticeKind kind_of_own(std::string_view value) {
  if (value == mark::kKindRebalance) return NoticeKind::kRebalance;
  if (value == mark::kKindMaintenance) return NoticeKind::kMaintenance;
  return NoticeKind::kInterruption;  // also for a word that a later agent may say
}

NoticeMark own_mark(const kube::Node& node, const kube::Taint& taint) {
  const std::string_view source = node.meta.annotations.get(mark::kSource);
  NoticeMark found{.kind = kind_of_own(taint.value.view()),
                   .source = source.empty() ? "node-agent" : std::string(source),
                   .since = taint.added_at,
                   .budget = kShortBudget};
  if (const auto deadline = parse_instant(node.meta.annotations.get(mark::kDeadline)))
    found.deadline = *deadline;
  return found;
}

void add_taints(const kube::Node& node, std::vector<NoticeMark>& marks) {
  for (const kube::Taint& taint : node.taints) {
    if (taint.key == mark::kTaint) {
      marks.push_back(own_mark(node, taint));
      continue;
    }
    const auto* known =
        std::ranges::find_if(kTaints, [&](const KnownTaint& k) { return taint.key == k.key; });
    if (known == kTaints.end()) continue;
    NoticeMark found{.kind = known->kind,
                     .source = std::string(known->source),
                     .since = taint.added_at,
                     .budget = known->budget};
    if (!found.since && known->value_is_time) found.since = unix_seconds(taint.value.view());
    marks.push_back(std::move(found));
  }
}

void add_conditions(const kube::Node& node, std::vector<NoticeMark>& marks) {
  for (const KnownCondition& known : kConditions) {
    const kube::Condition* condition = kube::find_condition(node.conditions, known.type);
    if (condition == nullptr || !condition->is_true()) continue;
    marks.push_back({.kind = known.kind,
                     .source = "condition " + std::string(known.type),
                     .since = condition->since,
                     .budget = kShortBudget});
  }
  // The node problem detector of AKS has one condition for all kinds; its reason tells which.
  const kube::Condition* scheduled = kube::find_condition(node.conditions, "VMEventScheduled");
  if (scheduled != nullptr && scheduled->is_true() && !(scheduled->reason == "FreezeScheduled")) {
    const bool preempted = scheduled->reason.view().starts_with("Preempt");
    marks.push_back({.kind = preempted ? NoticeKind::kInterruption : NoticeKind::kMaintenance,
                     .source = "condition VMEventScheduled",
                     .since = scheduled->since,
                     .budget = kShortBudget});
  }
  if (node.shutting_down) {
    marks.push_back({.kind = NoticeKind::kInterruption,
                     .source = "kubelet shutdown",
                     .since = node.ready_changed_at,
                     .budget = kShortBudget});
  }
}

Instant deadline_of(const NoticeMark& mark, Instant first_seen) {
  return mark.deadline ? *mark.deadline : mark.since.value_or(first_seen) + mark.budget;
}

}  // namespace

std::vector<NoticeMark> marks_on(const kube::Node& node) {
  std::vector<NoticeMark> marks;
  add_taints(node, marks);
  add_conditions(node, marks);
  return marks;
}

bool has_to_be_left(const kube::Node& node) {
  return std::ranges::any_of(marks_on(node),
                             [](const NoticeMark& mark) { return plan::must_leave(mark.kind); });
}

NodeFate fate_of(const kube::Node& node) {
  const bool gone = std::ranges::any_of(node.taints, [](const kube::Taint& taint) {
    return taint.key == kOutOfService || taint.key == kShutdown;
  });
  if (gone) return NodeFate::kGone;
  return node.ready || node.shutting_down ? NodeFate::kThere : NodeFate::kSuspected;
}

std::string_view instance_of(std::string_view provider_id) {
  const auto slash = provider_id.rfind('/');
  return slash == std::string_view::npos ? provider_id : provider_id.substr(slash + 1);
}

const InstanceWord* NoticeBook::word_of(const kube::Node& node) const {
  if (node.provider_id.empty()) return nullptr;
  const auto at = instances_.find(instance_of(node.provider_id));
  return at == instances_.end() ? nullptr : &at->second;
}

NodeFate NoticeBook::fate(const kube::Node& node) const {
  const InstanceWord* word = word_of(node);
  return word != nullptr && word->gone ? NodeFate::kGone : fate_of(node);
}

bool NoticeBook::is_news(const kube::Node& node) const {
  const std::vector<NoticeMark> marks = marks_on(node);
  if (marks.empty()) return false;
  const auto known = sights_.find(NodeName(node.meta.key.name.str()));
  if (known == sights_.end() || known->second.uid != node.meta.uid) return true;
  return std::ranges::any_of(marks, [&](const NoticeMark& mark) {
    return !known->second.by_mark.contains({mark.kind, mark.source});
  });
}

void NoticeBook::learn(const kube::Store<kube::Node>& nodes, const Recorded& recorded,
                       Instant now) {
  forget_instances(now);
  std::map<NodeName, Sight> sights;
  notices_.clear();
  nodes.for_each([&](const std::shared_ptr<const kube::Node>& node) {
    std::vector<NoticeMark> marks = marks_on(*node);
    if (const InstanceWord* word = word_of(*node); word != nullptr && !word->gone)
      marks.push_back(word->mark);
    if (marks.empty()) return;
    const NodeName name(node->meta.key.name.str());
    const auto before = sights_.find(name);
    const bool same_node = before != sights_.end() && before->second.uid == node->meta.uid;
    const auto record = recorded.find(name);
    const Sight sight =
        look(*node, marks, same_node ? &before->second : nullptr,
             record == recorded.end() ? std::nullopt : std::optional(record->second), now);
    notices_.emplace(name, merged(name, marks, sight));
    sights.emplace(name, sight);
  });
  sights_ = std::move(sights);
}

// Since when each mark is known. A mark that is new to this process and does not say it itself is
// as old as the deadline that was recorded for the node tells.
NoticeBook::Sight NoticeBook::look(const kube::Node& node, const std::vector<NoticeMark>& marks,
                                   const Sight* before, std::optional<Instant> recorded,
                                   Instant now) {
  Sight sight{.uid = node.meta.uid};
  for (const NoticeMark& mark : marks) {
    Instant first = now;
    if (before != nullptr && before->by_mark.contains({mark.kind, mark.source})) {
      first = before->by_mark.at({mark.kind, mark.source});
    } else if (mark.since) {
      first = std::min(now, *mark.since);
    } else if (recorded) {
      first = std::min(now, *recorded - mark.budget);
    }
    sight.by_mark.emplace(std::pair(mark.kind, mark.source), first);
  }
  return sight;
}

// One notice of all marks: the gravest kind, and of equals the earliest deadline.
NodeNotice NoticeBook::merged(const NodeName& name, const std::vector<NoticeMark>& marks,
                              const Sight& sight) {
  NodeNotice notice{.node = name, .first_seen = Instant::max(), .deadline = Instant::max()};
  notice.kind = std::ranges::min_element(marks, {}, &NoticeMark::kind)->kind;
  for (const NoticeMark& mark : marks) {
    const Instant first = sight.by_mark.at({mark.kind, mark.source});
    notice.first_seen = std::min(notice.first_seen, first);
    const Instant deadline = deadline_of(mark, first);
    if (mark.kind != notice.kind || deadline >= notice.deadline) continue;
    notice.deadline = deadline;
    notice.source = mark.source;
  }
  return notice;
}

bool NoticeBook::hear(InstanceWord word) {
  const auto at = instances_.find(word.instance);
  if (at == instances_.end()) {
    if (instances_.size() >= kMaxInstances) {
      const auto oldest = std::ranges::min_element(
          instances_, {}, [](const auto& entry) { return entry.second.mark.since; });
      instances_.erase(oldest);
    }
    const std::string instance = word.instance;
    instances_.emplace(instance, std::move(word));
    return true;
  }
  InstanceWord& known = at->second;
  if (known.gone) return false;
  if (word.gone || word.mark.kind < known.mark.kind) {
    known = std::move(word);
    return true;
  }
  return false;
}

void NoticeBook::forget_instances(Instant now) {
  std::erase_if(instances_, [&](const auto& entry) {
    const NoticeMark& mark = entry.second.mark;
    return now > deadline_of(mark, mark.since.value_or(now)) + kForgetAfter;
  });
}

}  // namespace spillway::control
