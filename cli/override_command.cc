// `kubectl spillway wake` and `sleep`: what a person asks for, with an end, as annotations that the
// operator reads. Written with the user's own rights; who asked is recorded beside it.

#include <algorithm>
#include <cctype>

#include <spillway/api/cost_policy.h>
#include <spillway/control/keys.h>
#include <spillway/control/namespaces.h>
#include <spillway/control/plain_workload.h>
#include <spillway/core/text.h>

#include "commands.h"
#include "hours.h"
#include "words.h"

namespace spillway::cli {
namespace {

using nlohmann::json;
using plan::SubjectKind;

constexpr Duration kLongest = std::chrono::hours(24 * 31);
constexpr kube::ResourceType kReviews{"authentication.k8s.io", "v1", "selfsubjectreviews",
                                      "SelfSubjectReview", false};

// What is to be woken or put to sleep: one workload, or all of a Namespace.
struct Chosen {
  kube::ResourceType type;
  ObjectKey key;
  std::string title;                // "ipool dev/chat", "namespace dev"
  std::optional<Sleeper> workload;  // nullopt: the Namespace
};

std::optional<SubjectKind> parse_kind(std::string word) {
  word = word.substr(0, word.find('.'));
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const auto& [kind, names] :
       std::initializer_list<std::pair<SubjectKind, std::initializer_list<std::string_view>>>{
           {SubjectKind::kInferencePool, {"ipool", "inferencepool", "inferencepools"}},
           {SubjectKind::kTrainingJob, {"tj", "trainingjob", "trainingjobs"}},
           {SubjectKind::kDeployment, {"deploy", "deployment", "deployments"}},
           {SubjectKind::kStatefulSet, {"sts", "statefulset", "statefulsets"}},
           {SubjectKind::kCronJob, {"cj", "cronjob", "cronjobs"}}}) {
    if (std::ranges::find(names, word) != names.end()) return kind;
  }
  return std::nullopt;
}

kube::ResourceType type_of(SubjectKind kind) {
  switch (kind) {
    case SubjectKind::kInferencePool: return control::kInferencePools;
    case SubjectKind::kTrainingJob: return control::kTrainingJobs;
    case SubjectKind::kDeployment: return control::type_of(control::PlainKind::kDeployment);
    case SubjectKind::kStatefulSet: return control::type_of(control::PlainKind::kStatefulSet);
    case SubjectKind::kCronJob: break;
  }
  return control::type_of(control::PlainKind::kCronJob);
}

std::string how_to_name() {
  return "write KIND/NAME with ipool, tj, deployment, statefulset or cronjob, or -n NAMESPACE "
         "alone "
         "for all of it";
}

// The workload that the words name, among those of the namespace.
Result<Sleeper> find_workload(const Hours& hours, const Namespace& ns,
                              const std::vector<std::string>& words) {
  std::string name = words.size() == 2 ? words[0] + "/" + words[1] : words[0];
  std::optional<SubjectKind> kind;
  if (const auto slash = name.find('/'); slash != std::string::npos) {
    kind = parse_kind(name.substr(0, slash));
    if (!kind) return invalid(name.substr(0, slash) + " is no kind that sleeps: " + how_to_name());
    name = name.substr(slash + 1);
  }
  std::vector<const Sleeper*> found;
  for (const Sleeper& sleeper : hours.sleepers) {
    const bool same = sleeper.key.ns == ns && sleeper.key.name.str() == name;
    if (same && (!kind || sleeper.kind == *kind)) found.push_back(&sleeper);
  }
  if (found.empty()) {
    return invalid("there is no " +
                   (kind ? std::string(kind_name(*kind)) : std::string("workload")) + " " + name +
                   " in namespace " + ns.str() + " that could sleep: choose another with -n, or " +
                   how_to_name());
  }
  if (found.size() > 1) {
    return invalid(plural(static_cast<std::int64_t>(found.size()), "workload") + " of namespace " +
                   ns.str() + " are called " + name + ": write " +
                   std::string(short_name(found[0]->kind)) + "/" + name + " or " +
                   std::string(short_name(found[1]->kind)) + "/" + name);
  }
  return *found.front();
}

bool may_sleep(const Hours& hours, const Sleeper& sleeper, Instant now) {
  Sleeper plain = sleeper;  // whatever was asked for before
  plain.annotations.clear();
  return hours.rules.state(plain.subject(), now).managed ||
         hours.rules.state(sleeper.subject(), now).managed;
}

// A plain workload sleeps only under a policy; waking needs something that puts to sleep.
Result<void> check_of_use(const Hours& hours, const Chosen& chosen, const OverrideOptions& asked,
                          Instant now) {
  const auto of_use = [&](const Sleeper& sleeper) {
    const bool ours =
        sleeper.kind == SubjectKind::kInferencePool || sleeper.kind == SubjectKind::kTrainingJob;
    return (ours && !asked.wake) || may_sleep(hours, sleeper, now);
  };
  const bool one = chosen.workload && of_use(*chosen.workload);
  const bool some =
      !chosen.workload && std::ranges::any_of(hours.sleepers, [&](const Sleeper& sleeper) {
        return sleeper.key.ns.str() == chosen.key.name.str() && of_use(sleeper);
      });
  if (one || some || asked.clear) return {};
  return invalid("nothing ever puts " + chosen.title +
                 " to sleep: no CostPolicy in mode Enforce selects it" +
                 (chosen.workload ? ", and it has no schedule of its own" : " or anything in it") +
                 " (kubectl spillway schedule shows what sleeps)");
}

json patch_of(const OverrideOptions& asked, std::optional<Instant> until, const std::string& by,
              Instant now) {
  const auto set = [&](bool mine) { return mine && until ? json(format_instant(*until)) : json(); };
  const json who = asked.clear ? json() : json(by);
  const json when = asked.clear ? json() : json(format_instant(now));
  return {{"metadata",
           {{"annotations",
             {{std::string(api::annotation::kWakeUntil), set(asked.wake)},
              {std::string(api::annotation::kSleepUntil), set(!asked.wake)},
              {std::string(api::annotation::kOverrideBy), who},
              {std::string(api::annotation::kOverrideAt), when}}}}}};
}

// As the API server knows the user. One that cannot say it (before 1.28), or not to everybody,
// leaves it open. The review is not kept: its name is for our client, which sends nothing nameless.
Result<std::string> who_asks(Cluster& cluster) {
  const auto review = cluster.create(kReviews, {{"metadata", {{"name", "self"}}}});
  if (!review) {
    const ErrorCode code = review.error().code;
    const bool unsaid = code == ErrorCode::kNotFound || code == ErrorCode::kForbidden;
    return unsaid ? Result<std::string>("unknown") : fail(review.error());
  }
  return review->value("/status/userInfo/username"_json_pointer, "unknown");
}

Result<Chosen> choose(Cluster& cluster, const Hours& hours, const Options& options,
                      const OverrideOptions& asked) {
  if (asked.target.empty()) {
    if (options.connection.ns.empty()) return invalid("nothing is named: " + how_to_name());
    const Namespace& ns = cluster.ns();
    if (!hours.rules.namespaces().contains(ns))
      return invalid("there is no namespace " + ns.str() + ": choose another with -n");
    return Chosen{.type = control::kNamespaces,
                  .key = {.ns = {}, .name = ObjectName(ns.str())},
                  .title = "namespace " + ns.str(),
                  .workload = {}};
  }
  TRY(workload, find_workload(hours, cluster.ns(), asked.target));
  return Chosen{.type = type_of(workload.kind),
                .key = workload.key,
                .title = workload.title(),
                .workload = workload};
}

struct Outcome {
  std::string title;
  std::optional<Instant> until;
  std::string by;
  std::optional<plan::AwakeState> now, then;  // of one workload: with the override, and at its end
};

Outcome outcome_of(const Hours& hours, const Chosen& chosen, const json& patch,
                   std::optional<Instant> until, std::string by, Instant now) {
  Outcome outcome{
      .title = chosen.title, .until = until, .by = std::move(by), .now = {}, .then = {}};
  if (!chosen.workload) return outcome;
  Sleeper workload = *chosen.workload;
  for (const auto& [key, value] : patch["metadata"]["annotations"].items()) {
    workload.annotations.erase(key);
    if (value.is_string()) workload.annotations[key] = value.get<std::string>();
  }
  outcome.now = hours.rules.state(workload.subject(), now);
  if (until) outcome.then = hours.rules.state(workload.subject(), *until);
  return outcome;
}

std::string text_of(const Outcome& outcome, const OverrideOptions& asked) {
  const std::string what = asked.wake ? "awake" : "asleep";
  std::string text = outcome.title;
  if (!outcome.until) {  // cleared
    text += ": nothing is asked for any more";
    if (outcome.now)
      text += std::string("; now ") + (outcome.now->awake ? "awake" : "asleep") + ", " +
              outcome.now->reason;
    return text + ".\n";
  }
  text +=
      " is " + what + " until " + minute_text(*outcome.until) + " UTC, asked for by " + outcome.by;
  if (outcome.then)
    text += std::string("; then ") + (outcome.then->awake ? "awake" : "asleep") +
            (outcome.then->reason.empty() ? "" : ", " + outcome.then->reason);
  return text + ".\n";
}

nlohmann::ordered_json document_of(const Outcome& outcome, const Chosen& chosen,
                                   const OverrideOptions& asked) {
  nlohmann::ordered_json document{{"kind", "Override"},
                                  {"object",
                                   {{"kind", std::string(chosen.type.kind)},
                                    {"namespace", chosen.key.ns.str()},
                                    {"name", chosen.key.name.str()}}}};
  if (asked.clear)
    document["cleared"] = true;
  else
    document["awake"] = asked.wake;
  if (outcome.until) document["until"] = format_instant(*outcome.until);
  document["by"] = outcome.by;
  if (outcome.now && !outcome.now->reason.empty()) document["reason"] = outcome.now->reason;
  if (outcome.then)
    document["then"] = {{"awake", outcome.then->awake}, {"reason", outcome.then->reason}};
  return document;
}

Error refused(const Error& error, const Chosen& chosen) {
  if (error.code != ErrorCode::kForbidden) return error;
  const std::string where = chosen.key.ns.empty() ? "" : " in namespace " + chosen.key.ns.str();
  return {ErrorCode::kForbidden,
          "this user may not patch " + chosen.type.to_string() + where +
              ": ask for the verb patch on them (docs/cli.md has a Role), or for somebody who may"};
}

}  // namespace

Result<int> run_override(const Options& options, const OverrideOptions& asked) {
  std::optional<Duration> span;
  if (!asked.clear) {
    TRY(parsed, parse_span(asked.span, "--for", kLongest));
    span = parsed;
  }
  if (asked.target.empty() && options.connection.ns.empty())
    return invalid("nothing is named: " + how_to_name());
  TRY(cluster, Cluster::connect(options.connection, Access::kWrite));
  TRY(objects, cluster->read_hours());
  const Instant now = cluster->now();
  const Hours hours = hours_of(objects);
  TRY(chosen, choose(*cluster, hours, options, asked));
  TRY_VOID(check_of_use(hours, chosen, asked, now));
  TRY(by, who_asks(*cluster));
  const auto until =
      span ? std::optional(
                 Instant(std::chrono::ceil<std::chrono::seconds>((now + *span).time_since_epoch())))
           : std::nullopt;
  const json patch = patch_of(asked, until, by, now);
  const auto written = cluster->merge_patch(chosen.type, chosen.key, patch);
  if (!written) return fail(refused(written.error(), chosen));
  const Outcome outcome = outcome_of(hours, chosen, patch, until, by, now);
  if (options.format != Format::kTable) {
    TRY_VOID(print(document_text(document_of(outcome, chosen, asked), options.format)));
    return kDone;
  }
  TRY_VOID(print(text_of(outcome, asked)));
  return kDone;
}

}  // namespace spillway::cli
