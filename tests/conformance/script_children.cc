// What is made for workloads, as it is made: with labels, an owner, and for what is applied
// annotations that change; deleted by its uid. And what is said of all of it in status and Events.

#include "script_parts.h"

namespace spillway::conformance {
namespace {

// As a child of the object that the step `owner` made.
json child_of(json child, const char* kind, const std::string& owner) {
  child["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "spillway";
  child["metadata"]["labels"]["spillway.dev/team"] = "search";
  child["metadata"]["ownerReferences"] = json::array({{{"apiVersion", "spillway.dev/v1alpha1"},
                                                       {"kind", kind},
                                                       {"name", "parent"},
                                                       {"uid", "${" + owner + ".uid}"},
                                                       {"controller", true}}});
  return child;
}
json annotated(json child, const char* hash) {
  child["metadata"]["annotations"]["spillway.dev/applied-hash"] = hash;
  return child;
}
json by_uid_of(const std::string& step, const char* propagation) {
  return {{"propagationPolicy", propagation}, {"preconditions", {{"uid", "${" + step + ".uid}"}}}};
}

void children_of_a_job(Script& s) {
  s.post("parent job", kJobs, training_job("parent"));
  const auto child = [](json made) {
    return child_of(std::move(made), "TrainingJob", "parent job");
  };
  const json job = annotated(child(batch_job("parent-1")), "1");
  const json ranks = with(child(service("parent", 80)), "/spec/clusterIP", "None");
  s.post("child Service", kServices, ranks);
  s.post("child Service again", kServices, ranks);
  s.get("child Service as it is", kServices + "/parent");
  s.post("child Job", kBatch, job);
  s.post("child Job again", kBatch, job);
  s.get("child Job as it is", kBatch + "/parent-1");
  s.merge("child Job annotated", kBatch + "/parent-1",
          {{"metadata", {{"annotations", {{"spillway.dev/rate", "8.00"}}}}}});
  s.remove("child Job in the foreground", kBatch + "/parent-1",
           by_uid_of("child Job", "Foreground"));
  s.merge("child Job let go", kBatch + "/parent-1", {{"metadata", {{"finalizers", nullptr}}}});
  s.remove("child Service removed", kServices + "/parent",
           by_uid_of("child Service", "Background"));
}

void children_of_a_pool(Script& s) {
  s.post("parent pool", kInference, inference_pool("parent"));
  struct Child {
    std::string what, collection;
    json object;
  };
  const std::vector<Child> children = {
      {"child deployment", kDeployments, deployment("parent", 2)},
      {"serving Service", kServices, service("parent", 80)},
      {"child budget", kBudgets, budget("parent", {{"minAvailable", 1}})}};
  for (const Child& child : children) {
    const std::string target = child.collection + "/parent";
    const json made = child_of(child.object, "InferencePool", "parent pool");
    s.apply(child.what, target, annotated(made, "1"), "spillway");
    s.apply(child.what + " with another hash", target, annotated(made, "2"), "spillway");
    s.apply(child.what + " without annotations", target, made, "spillway");
    s.get(child.what + " as it is", target);
    s.remove(child.what + " removed", target, by_uid_of(child.what, "Background"));
  }
}

void pods_of_a_pool(Script& s) {
  s.post("child pod", kPods, child_of(pod("parent-a", "n"), "InferencePool", "parent pool"));
  s.remove("child pod by force", kPods + "/parent-a",
           with(by_uid_of("child pod", "Background"), "/gracePeriodSeconds", 0));
  s.post("child pod with time", kPods,
         child_of(pod("parent-b", "n"), "InferencePool", "parent pool"));
  s.remove("child pod in its time", kPods + "/parent-b",
           with(by_uid_of("child pod with time", "Background"), "/gracePeriodSeconds", 20));
}

void what_is_said(Script& s) {
  s.post("parent capacity", kPools, capacity_pool("parent"));
  s.get("parent capacity as it is", kPools + "/parent");
  const auto on_version = [](json status, const char* step) {
    return with(std::move(status), "/metadata/resourceVersion",
                "${" + std::string(step) + ".version}");
  };
  s.apply("parent capacity's status", kPools + "/parent/status",
          on_version(status_for(capacity_pool("parent"),
                                {{"observedGeneration", 1}, {"nodes", {{"ready", 1}, {"max", 2}}}}),
                     "parent capacity"),
          "spillway-status");
  s.get("parent pool as it is", kInference + "/parent");
  s.apply("parent pool's status", kInference + "/parent/status",
          on_version(status_for(inference_pool("parent"),
                                {{"observedGeneration", 1},
                                 {"replicas", 2},
                                 {"selector", "spillway.dev/inference-pool=parent"}}),
                     "parent pool"),
          "spillway-status");
  s.get("parent pool with its status", kInference + "/parent");
  json event = {{"apiVersion", "events.k8s.io/v1"},
                {"kind", "Event"},
                {"metadata", {{"name", "counted"}, {"namespace", "default"}}},
                {"eventTime", "2026-01-01T00:00:00.000000Z"},
                {"reportingController", "spillway.dev/operator"},
                {"reportingInstance", "one"},
                {"action", "Observe"},
                {"reason", "StockedOut"},
                {"type", "Warning"},
                {"note", "here"},
                {"series", {{"count", 3}, {"lastObservedTime", "2026-01-01T00:01:00.000000Z"}}},
                {"regarding",
                 {{"apiVersion", "spillway.dev/v1alpha1"},
                  {"kind", "CapacityPool"},
                  {"name", "parent"},
                  {"uid", "${parent capacity.uid}"}}}};
  s.post("event that goes on", kEvents, event);
  s.post("event that is there", kEvents, event);
  s.merge("series of an event that is forgotten", kEvents + "/nobody",
          {{"series", {{"count", 2}, {"lastObservedTime", "2026-01-01T00:01:00.000000Z"}}}});
  s.remove("parent job removed", kJobs + "/parent", by_uid_of("parent job", "Background"));
}

}  // namespace

void children(Script& s) {
  children_of_a_job(s);
  children_of_a_pool(s);
  pods_of_a_pool(s);
  what_is_said(s);
}

}  // namespace spillway::conformance
