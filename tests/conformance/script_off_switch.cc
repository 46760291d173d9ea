// What the off switch sends, and what others do to the same objects meanwhile: users' Deployments,
// StatefulSets and CronJobs stopped and started by one merge patch on the version that was looked
// at, which changes the field and the annotation that remembers it; and what a policy says of it.

#include "script_parts.h"

namespace spillway::conformance {
namespace {

constexpr const char* kAsleep = "spillway.dev/asleep";

json annotated(json mark) {
  return {{"metadata", {{"annotations", {{kAsleep, std::move(mark)}}}}}};
}
// `version` of the step that was looked at.
json switched(const char* field, json value, json mark, const std::string& version) {
  json patch = annotated(std::move(mark));
  patch["metadata"]["resourceVersion"] = "${" + version + ".version}";
  patch["spec"][field] = std::move(value);
  return patch;
}
json forgotten(const std::string& version) {
  json patch = annotated(nullptr);
  patch["metadata"]["resourceVersion"] = "${" + version + ".version}";
  return patch;
}
json replicas_status(int replicas) {
  return {{"status",
           {{"observedGeneration", 1},
            {"replicas", replicas},
            {"updatedReplicas", replicas},
            {"readyReplicas", replicas},
            {"availableReplicas", replicas}}}};
}

constexpr const char* kThree = R"({"policy":"nights","replicas":3,"since":"2026-11-20T20:00:00Z"})";
constexpr const char* kTwo =
    R"({"policy":"nights","replicas":2,"reverted":1,"since":"2026-11-20T20:00:00Z"})";

// A day and a night of something with replicas. `target`: of the object; names of the steps begin
// with `what`.
void nights_of_replicas(Script& s, const std::string& what, const std::string& collection,
                        const json& made) {
  const std::string target = collection + "/" + made.at("metadata").at("name").get<std::string>();
  const auto step = [&](const char* happens) { return what + " " + happens; };
  s.post(step("made"), collection, made, "kubectl-create");
  s.merge(step("is ready"), target + "/status", replicas_status(3), "kube-controller-manager");
  s.merge(step("stopped on an old version"), target, switched("replicas", 0, kThree, step("made")));
  s.get(step("as it is"), target);
  s.merge(step("stopped"), target, switched("replicas", 0, kThree, step("as it is")));
  s.merge(step("stopped twice"), target, switched("replicas", 0, kThree, step("as it is")));
  s.merge(step("stopped as it is already"), target,
          switched("replicas", 0, kThree, step("stopped")));
  s.merge(step("started by somebody"), target, {{"spec", {{"replicas", 2}}}}, "kubectl-scale");
  s.merge(step("contradicted"), target, switched("replicas", 0, kTwo, step("started by somebody")));
  s.merge(step("without replicas"), target, {{"spec", {{"replicas", nullptr}}}}, "kubectl-edit");
  s.merge(step("stopped again"), target, switched("replicas", 0, kTwo, step("without replicas")));
  s.merge(step("woken"), target, switched("replicas", 2, nullptr, step("stopped again")));
  s.merge(step("stopped once more"), target, switched("replicas", 0, kTwo, step("woken")));
  json applied = made;
  applied["spec"]["replicas"] = 4;
  s.apply(step("applied against the off switch"), target, applied, "argocd-controller", false);
  s.apply(step("applied over the off switch"), target, applied, "argocd-controller");
  s.merge(step("forgotten"), target, forgotten(step("applied over the off switch")));
  s.merge(step("stopped in spite of the apply"), target,
          switched("replicas", 0, kThree, step("forgotten")));
  s.merge(step("of fewer than none"), target, {{"spec", {{"replicas", -1}}}});
  s.remove(step("removed"), target);
  s.merge(step("stopped when it is gone"), target,
          switched("replicas", 0, kThree, step("forgotten")));
  s.get(step("gone"), target);
}

void nights_of_a_cron_job(Script& s) {
  constexpr const char* kMark =
      R"({"policy":"nights","since":"2026-11-20T20:00:00Z","suspend":false})";
  const std::string target = kCronJobs + "/nightly";
  s.post("cron job made", kCronJobs, cron_job("nightly"), "kubectl-create");
  s.post("cron job without a schedule", kCronJobs, with(cron_job("never"), "/spec/schedule", ""));
  s.merge("cron job has run", target + "/status",
          {{"status", {{"lastScheduleTime", "2026-01-01T00:00:00Z"}}}}, "kube-controller-manager");
  s.merge("cron job suspended on an old version", target,
          switched("suspend", true, kMark, "cron job made"));
  s.merge("cron job suspended", target, switched("suspend", true, kMark, "cron job has run"));
  s.merge("cron job resumed by somebody", target, {{"spec", {{"suspend", false}}}},
          "kubectl-patch");
  s.merge("cron job suspended again", target,
          switched("suspend", true, kMark, "cron job resumed by somebody"));
  s.get("cron job as it is", target);
  s.merge("cron job without suspend", target, {{"spec", {{"suspend", nullptr}}}}, "kubectl-edit");
  s.merge("cron job suspended once more", target,
          switched("suspend", true, kMark, "cron job without suspend"));
  s.merge("cron job resumed", target,
          switched("suspend", false, nullptr, "cron job suspended once more"));
  json applied = cron_job("nightly");
  applied["spec"]["suspend"] = true;
  s.apply("cron job applied against the off switch", target, applied, "argocd-controller", false);
  s.apply("cron job applied over the off switch", target, applied, "argocd-controller");
  s.merge("cron job forgotten", target, forgotten("cron job applied over the off switch"));
  s.remove("cron job removed", target);
  s.merge("cron job suspended when it is gone", target,
          switched("suspend", true, kMark, "cron job resumed"));
}

json condition(const char* type, const char* status, const char* reason) {
  return {{"type", type},
          {"status", status},
          {"reason", reason},
          {"message", "said so"},
          {"observedGeneration", 1},
          {"lastTransitionTime", "2026-01-01T00:00:00Z"}};
}

// Two of our own managers share the list of a policy's conditions.
void status_of_a_policy(Script& s) {
  const json policy = cost_policy("nights");
  const std::string target = kPolicies + "/nights/status";
  const auto said = [&](json conditions) {
    return status_for(policy, {{"conditions", std::move(conditions)}});
  };
  s.post("policy", kPolicies, policy);
  s.post("policy without hours", kPolicies,
         with(with(policy, "/metadata/name", "other"), "/spec/offHours/awake", json::array()));
  json status = said(json::array({condition("Valid", "True", "AsWritten")}));
  status["status"]["awake"] = true;
  status["status"]["observedGeneration"] = 1;
  status["metadata"]["resourceVersion"] = "${policy.version}";
  s.apply("policy's status", target, status, "spillway-status");
  json contested = said(json::array({condition("Contested", "True", "StartedAgain")}));
  contested["metadata"]["resourceVersion"] = "${policy.version}";
  s.apply("policy contested on an old version", target, contested, "spillway-off-switch");
  contested["metadata"]["resourceVersion"] = "${policy's status.version}";
  s.apply("policy contested", target, contested, "spillway-off-switch");
  s.apply("policy's status once more", target,
          said(json::array({condition("Valid", "True", "AsWritten")})), "spillway-status");
  contested["metadata"]["resourceVersion"] = "${policy's status once more.version}";
  contested["status"]["conditions"][0]["status"] = "False";
  s.apply("policy contested no more", target, contested, "spillway-off-switch");
  s.remove("policy removed", kPolicies + "/nights");
  s.apply("policy contested when it is gone", target, contested, "spillway-off-switch");
}

}  // namespace

void off_switch(Script& s) {
  nights_of_replicas(s, "plain deployment", kDeployments, deployment("plain", 3));
  nights_of_replicas(s, "stateful set", kStatefulSets, stateful_set("plain", 3));
  nights_of_a_cron_job(s);
  status_of_a_policy(s);
}

// `kubectl spillway wake` and `sleep`: annotations of whatever sleeps, set and taken away in one
// patch, on no version.
void what_people_ask_for(Script& s) {
  const json asked = {{"metadata",
                       {{"annotations",
                         {{"spillway.dev/wake-until", "2026-01-01T08:00:00Z"},
                          {"spillway.dev/sleep-until", nullptr},
                          {"spillway.dev/override-by", "ada"}}}}}};
  const json cleared = {{"metadata",
                         {{"annotations",
                           {{"spillway.dev/wake-until", nullptr},
                            {"spillway.dev/sleep-until", nullptr},
                            {"spillway.dev/override-by", nullptr}}}}}};
  struct Sleeper {
    std::string what, collection;
    json object;
  };
  json space = object("v1", "Namespace", "conformance-asked", json(), false);
  space.erase("spec");
  const std::vector<Sleeper> sleepers = {{"training job", kJobs, training_job("asked")},
                                         {"inference pool", kInference, inference_pool("asked")},
                                         {"plain deployment", kDeployments, deployment("asked", 1)},
                                         {"stateful set", kStatefulSets, stateful_set("asked", 1)},
                                         {"cron job", kCronJobs, cron_job("asked")},
                                         {"namespace", kNamespaces, space}};
  for (const Sleeper& sleeper : sleepers) {
    const std::string target =
        sleeper.collection + "/" + sleeper.object.at("metadata").at("name").get<std::string>();
    s.post("asked of a " + sleeper.what, sleeper.collection, sleeper.object, "kubectl-create");
    s.merge("asked to wake a " + sleeper.what, target, asked, "kubectl-spillway");
    s.merge("asked nothing of a " + sleeper.what, target, cleared, "kubectl-spillway");
    s.get("a " + sleeper.what + " of which nothing is asked", target);
  }
}

}  // namespace spillway::conformance
