// Every collection that is kept a copy of, read in every way in which the copy is made and kept:
// by a list, by a list that may be as old as what was seen last, by the first events of a watch,
// and by a watch that goes on where another ended.

#include <vector>

#include <spillway/kube/resource_type.h>

#include "script_parts.h"

namespace spillway::conformance {
namespace {

constexpr const char* kManagedBy = "app.kubernetes.io/managed-by";

enum class Selected { kAll, kOfSpillway, kOfOthers };

struct Reflected {
  std::string what;        // steps begin with it
  std::string everywhere;  // the collection in all namespaces
  std::string collection;  // of the object
  json object;
  Selected selected = Selected::kAll;
  // How it is deleted; null: not at all, for that would take controllers.
  json ending = {{"gracePeriodSeconds", 0}};
};

std::vector<Reflected> kinds() {
  const json one = {{"minAvailable", 1}};
  json space = object("v1", "Namespace", "conformance-reflected", json(), false);
  space.erase("spec");
  return {
      {"pools", kPools, kPools, capacity_pool("reflected")},
      {"training jobs", "/apis/spillway.dev/v1alpha1/trainingjobs", kJobs,
       training_job("reflected")},
      {"inference pools", "/apis/spillway.dev/v1alpha1/inferencepools", kInference,
       inference_pool("reflected")},
      {"policies", kPolicies, kPolicies, cost_policy("reflected")},
      {"namespaces", kNamespaces, kNamespaces, space, Selected::kAll, nullptr},
      {"nodes", kNodes, kNodes, node("reflected")},
      {"pods", "/api/v1/pods", kPods, pod("reflected", "n"), Selected::kAll, json::object()},
      {"jobs", "/apis/batch/v1/jobs", kBatch, batch_job("reflected"), Selected::kOfSpillway},
      {"services", "/api/v1/services", kServices, service("reflected", 80), Selected::kOfSpillway},
      {"budgets", "/apis/policy/v1/poddisruptionbudgets", kBudgets, budget("reflected", one),
       Selected::kOfSpillway},
      {"deployments", "/apis/apps/v1/deployments", kDeployments, deployment("reflected", 1),
       Selected::kOfSpillway},
      {"plain deployments", "/apis/apps/v1/deployments", kDeployments,
       deployment("plain-reflected", 1), Selected::kOfOthers},
      {"stateful sets", "/apis/apps/v1/statefulsets", kStatefulSets, stateful_set("reflected", 1),
       Selected::kOfOthers},
      {"cron jobs", "/apis/batch/v1/cronjobs", kCronJobs, cron_job("reflected"),
       Selected::kOfOthers}};
}

std::string selector_of(Selected selected) {
  if (selected == Selected::kAll) return "";
  const char* const is = selected == Selected::kOfSpillway ? "=" : "!=";
  return "&labelSelector=" + kube::percent_encode(std::string(kManagedBy) + is + "spillway");
}

void reflect(Script& s, const Reflected& kind) {
  const auto step = [&](const char* happens) { return kind.what + " " + happens; };
  const std::string target =
      kind.collection + "/" + kind.object.at("metadata").at("name").get<std::string>();
  const std::string selector = selector_of(kind.selected);
  const std::string since = "&resourceVersion=${" + step("made") + ".version}";
  const std::string watch =
      kind.everywhere + "?watch=1&allowWatchBookmarks=true&timeoutSeconds=240" + selector;
  const std::string initial = "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
  json made = kind.object;
  made["metadata"]["labels"][kOurs] = "reflected";
  if (kind.selected == Selected::kOfSpillway) made["metadata"]["labels"][kManagedBy] = "spillway";
  s.post(step("made"), kind.collection, made);
  s.get(step("read"), target);
  s.list_ours(step("listed"), kind.everywhere + "?limit=500" + selector);
  s.list_ours(step("listed, not older"), kind.everywhere + "?limit=500" + selector + since +
                                             "&resourceVersionMatch=NotOlderThan");
  const std::string question = selector.empty() ? "?" : "?" + selector.substr(1) + "&";
  s.list_ours(step("listed without pages"),
              kind.everywhere + question.substr(0, question.size() - 1));
  s.list_ours(step("listed without pages, not older"),
              kind.everywhere + question + since.substr(1) + "&resourceVersionMatch=NotOlderThan");
  if (!selector.empty()) s.list_ours(step("listed whole"), kind.everywhere + "?limit=500");
  s.watch_ours(step("watched from the start"), watch + initial);
  s.watch_ours(step("watched from the start, not older"), watch + initial + since);
  s.merge(step("changed"), target, {{"metadata", {{"annotations", {{"seen", "twice"}}}}}});
  if (!kind.ending.is_null()) s.remove(step("removed"), target, kind.ending);
  s.watch_ours(step("watched from then on"), watch + since);
}

// Pages follow each other by their token, which stands for the version of the first.
void paged(Script& s, const std::string& what, const std::string& everywhere,
           const std::string& selector) {
  s.get("first page of " + what, everywhere + "?limit=1" + selector);
  s.get("next page of " + what,
        everywhere + "?limit=1" + selector + "&continue=${first page of " + what + ".continue}");
}

}  // namespace

void reflected_kinds(Script& s) {
  for (const Reflected& kind : kinds())
    reflect(s, kind);
  for (const char* name : {"paged-1", "paged-2"}) {
    const auto labelled = [](json made) {
      return with(std::move(made), "/metadata/labels/conformance", "paged");
    };
    s.post(std::string("training job ") + name, kJobs, labelled(training_job(name)));
    s.post(std::string("plain deployment ") + name, kDeployments, labelled(deployment(name, 1)));
  }
  const std::string paged_ones =
      "&labelSelector=" +
      kube::percent_encode(std::string(kOurs) + "=paged," + kManagedBy + "!=spillway");
  paged(s, "training jobs", "/apis/spillway.dev/v1alpha1/trainingjobs", "");
  paged(s, "plain deployments", "/apis/apps/v1/deployments", paged_ones);
}

}  // namespace spillway::conformance
