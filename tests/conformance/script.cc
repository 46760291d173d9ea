#include "script.h"

#include "request_form.h"
#include "script_parts.h"

namespace spillway::conformance {
namespace {

void own_kinds(Script& s) {
  s.post("made", kJobs, training_job("a"));
  s.get("read", kJobs + "/a");
  s.post("made again", kJobs, training_job("a"));
  s.post("zero replicas and no models", kJobs,
         with(with(training_job("b"), "/spec/replicas", 0), "/spec/accelerator", json::object()));
  s.post("wrong type", kJobs, with(training_job("b"), "/spec/replicas", "many"));
  s.post("unknown tier", kJobs, with(training_job("b"), "/spec/tiers", {"Spott"}));
  s.post("tier twice", kJobs, with(training_job("b"), "/spec/tiers", {"Spot", "Spot"}));
  s.post("deadline without duration", kJobs,
         with(training_job("b"), "/spec/deadline", "2090-01-01T00:00:00Z"));
  s.post("no containers", kJobs,
         with(training_job("b"), "/spec/template/spec/containers", json::array()));
  s.post("name too long", kJobs, training_job("a-name-of-more-than-forty-characters-is-too-long"));
  s.post("name that is none", kJobs, training_job("Not_A_Name"));
  s.post("unknown fields", kJobs,
         with(with(training_job("u"), "/spec/replicsa", 4), "/spec/template/spec/containers/0/imag",
              "x"));
  s.post("in no namespace", "/apis/spillway.dev/v1alpha1/namespaces/nowhere/trainingjobs",
         with(training_job("a"), "/metadata/namespace", "nowhere"));
  s.post("with a version", kJobs, with(training_job("v"), "/metadata/resourceVersion", "1"));
  s.get("of nobody", kJobs + "/nobody");
  s.merge("new spec", kJobs + "/a", {{"spec", {{"replicas", 2}}}});
  s.merge("same spec", kJobs + "/a", {{"spec", {{"replicas", 2}}}});
  s.merge("label", kJobs + "/a", {{"metadata", {{"labels", {{"conformance", "yes"}}}}}});
  s.merge("status through the main endpoint", kJobs + "/a", {{"status", {{"attempt", 9}}}});
  s.merge("spec through the status endpoint", kJobs + "/a/status",
          {{"spec", {{"replicas", 9}}}, {"status", {{"attempt", 1}}}});
  s.merge("bad status", kJobs + "/a/status", {{"status", {{"attempt", -1}}}});
  s.merge("on an old version", kJobs + "/a",
          {{"metadata", {{"resourceVersion", "${made.version}"}}}, {"spec", {{"replicas", 3}}}});
  s.merge("of nobody's spec", kJobs + "/nobody", {{"spec", {{"replicas", 3}}}});
  s.put("old update", kJobs + "/a",
        with(training_job("a"), "/metadata/resourceVersion", "${made.version}"));
  s.put("update without version", kJobs + "/a", training_job("a"));
  s.put("update", kJobs + "/a",
        with(training_job("a"), "/metadata/resourceVersion",
             "${spec through the status endpoint.version}"));
}

void status_applies(Script& s) {
  const json placement = {{"pool", "p"},       {"tier", "Spot"},
                          {"attempt", 1},      {"since", "2026-01-01T00:00:00Z"},
                          {"reason", "cheap"}, {"rate", "8.00"}};
  const auto condition = [](const char* type, const char* status) {
    return json{
        {"type", type},        {"status", status}, {"observedGeneration", 1},
        {"reason", "Because"}, {"message", ""},    {"lastTransitionTime", "2026-01-01T00:00:00Z"}};
  };
  const std::string target = kJobs + "/a/status";
  s.apply("status", target,
          with(status_of("a", {{"phase", "Placed"},
                               {"placement", placement},
                               {"conditions", json::array({condition("Placed", "True")})}}),
               "/metadata/resourceVersion", "${update.version}"),
          "spillway-status");
  s.apply("same status", target,
          status_of("a", {{"phase", "Placed"},
                          {"placement", placement},
                          {"conditions", json::array({condition("Placed", "True")})}}),
          "spillway-status");
  s.apply("status on an old version", target,
          with(status_of("a", {{"phase", "Pending"}}), "/metadata/resourceVersion",
               "${update.version}"),
          "spillway-status");
  s.apply("status of another manager", target,
          status_of("a", {{"conditions", json::array({condition("Running", "False")})}}), "other");
  s.apply("conflicting status", target,
          status_of("a", {{"phase", "Running"},
                          {"conditions", json::array({condition("Placed", "False")})}}),
          "other", false);
  s.apply("one conflict", target, status_of("a", {{"phase", "Running"}}), "other", false);
  s.apply("placement left out", target,
          status_of("a", {{"phase", "Pending"},
                          {"conditions", json::array({condition("Placed", "False")})}}),
          "spillway-status");
  s.apply("taken by force", target, status_of("a", {{"phase", "Running"}}), "other");
  s.apply("let go of everything", target, status_of("a", json::object()), "other");
  s.apply("bad applied status", target, status_of("a", {{"phase", "Dancing"}}), "spillway-status");
  s.apply("status of nobody", kJobs + "/nobody/status", status_of("nobody", {{"attempt", 1}}),
          "spillway-status");
  s.apply("applied without manager", target, status_of("a", {{"attempt", 1}}), "");
}

void deletions(Script& s) {
  s.remove("with another uid", kJobs + "/a",
           {{"preconditions", {{"uid", "00000000-0000-4000-8000-000000000000"}}}});
  s.remove("at another version", kJobs + "/a", {{"preconditions", {{"resourceVersion", "1"}}}});
  s.remove("in the foreground", kJobs + "/a",
           {{"propagationPolicy", "Foreground"}, {"preconditions", {{"uid", "${made.uid}"}}}});
  s.remove("twice", kJobs + "/a", {{"propagationPolicy", "Foreground"}});
  s.merge("a new finalizer while ending", kJobs + "/a",
          {{"metadata", {{"finalizers", {"foregroundDeletion", "example.com/late"}}}}});
  s.merge("without its finalizer", kJobs + "/a", {{"metadata", {{"finalizers", nullptr}}}});
  s.get("gone", kJobs + "/a");
  s.remove("what is gone", kJobs + "/a");
  s.post("made with a finalizer", kJobs,
         with(training_job("f"), "/metadata/finalizers", {"example.com/hold"}));
  s.remove("held", kJobs + "/f");
  s.merge("released", kJobs + "/f", {{"metadata", {{"finalizers", nullptr}}}});
  s.remove("at once", kJobs + "/u");
  s.post("made to be held", kJobs, training_job("g"));
  s.merge("held from a version on", kJobs + "/g",
          {{"metadata",
            {{"resourceVersion", "${made to be held.version}"},
             {"finalizers", {"spillway.dev/checkpoint"}}}}});
  s.merge("held from an old version on", kJobs + "/g",
          {{"metadata",
            {{"resourceVersion", "${made to be held.version}"},
             {"finalizers", {"spillway.dev/other"}}}}});
  s.remove("waits for its checkpoint", kJobs + "/g");
  s.apply("status while ending", kJobs + "/g/status", status_of("g", {{"phase", "Pending"}}),
          "spillway-status");
  s.merge(
      "let go on an old version", kJobs + "/g",
      {{"metadata", {{"resourceVersion", "${made to be held.version}"}, {"finalizers", nullptr}}}});
  s.merge("let go", kJobs + "/g",
          {{"metadata",
            {{"resourceVersion", "${status while ending.version}"}, {"finalizers", nullptr}}}});
  s.get("let go and gone", kJobs + "/g");
}

void built_in_kinds(Script& s) {
  s.apply("service", kServices + "/s", service("s", 80), "spillway");
  s.merge("annotation of another", kServices + "/s",
          {{"metadata", {{"annotations", {{"theirs", "1"}}}}}});
  s.apply("another port", kServices + "/s", service("s", 81), "spillway");
  s.apply("shared port", kServices + "/s", service("s", 81), "other", false);
  s.apply("renamed port", kServices + "/s", with(service("s", 81), "/spec/ports/0/name", "web"),
          "other", false);
  s.post("headless service", kServices,
         with(with(service("h", 80), "/spec/clusterIP", "None"), "/spec/publishNotReadyAddresses",
              true));
  s.post("service without a name", kServices, with(service("1-bad", 80), "/spec/selector/x", "y"));
  s.remove("service", kServices + "/s", {{"preconditions", {{"uid", "${service.uid}"}}}});
  s.apply("deployment", kDeployments + "/d", deployment("d", 2), "spillway");
  s.apply("same deployment", kDeployments + "/d", deployment("d", 2), "spillway");
  s.get("scale", kDeployments + "/d/scale");
  s.merge("scaled", kDeployments + "/d/scale", {{"spec", {{"replicas", 5}}}});
  s.apply("against the autoscaler", kDeployments + "/d", deployment("d", 2), "spillway", false);
  s.apply("over the autoscaler", kDeployments + "/d", deployment("d", 3), "spillway");
  s.apply("another selector", kDeployments + "/d",
          with(with(deployment("d", 3), "/spec/selector/matchLabels/app", "b"),
               "/spec/template/metadata/labels/app", "b"),
          "spillway");
  s.apply("selector without labels", kDeployments + "/e",
          with(deployment("e", 1), "/spec/template/metadata/labels/app", "b"), "spillway");
  s.remove("deployment in the background", kDeployments + "/d",
           {{"propagationPolicy", "Background"}});
  s.post("job", kBatch, batch_job("j"));
  s.post("job again", kBatch, batch_job("j"));
  s.post("job that restarts", kBatch,
         with(batch_job("k"), "/spec/template/spec/restartPolicy", "Always"));
  s.merge("another template", kBatch + "/j", {{"spec", {{"completionMode", "NonIndexed"}}}});
  s.merge("job status", kBatch + "/j/status",
          {{"status", {{"startTime", "2026-01-01T00:00:00Z"}, {"active", 2}}}});
  s.remove("job in the foreground", kBatch + "/j",
           {{"propagationPolicy", "Foreground"}, {"preconditions", {{"uid", "${job.uid}"}}}});
  s.apply("budget", kBudgets + "/b",
          object("policy/v1", "PodDisruptionBudget", "b",
                 {{"maxUnavailable", 1}, {"selector", {{"matchLabels", {{"app", "a"}}}}}}),
          "spillway");
  s.apply("budget changed", kBudgets + "/b",
          object("policy/v1", "PodDisruptionBudget", "b",
                 {{"minAvailable", "50%"}, {"selector", {{"matchLabels", {{"app", "a"}}}}}}),
          "spillway");
  s.remove("budget", kBudgets + "/b");
  json lease =
      object("coordination.k8s.io/v1", "Lease", "l",
             {{"holderIdentity", "one"}, {"leaseDurationSeconds", 15}, {"leaseTransitions", 0}});
  s.post("lease", kLeases, lease);
  lease["metadata"]["resourceVersion"] = "${lease.version}";
  lease["spec"]["holderIdentity"] = "two";
  s.put("lease taken", kLeases + "/l", lease);
  s.put("lease lost", kLeases + "/l", lease);
  s.get("lease as it is", kLeases + "/l");
  s.remove("lease removed", kLeases + "/l");
  s.post("lease made again", kLeases, without(lease, "/metadata/resourceVersion"));
  lease["metadata"]["uid"] = "${lease.uid}";
  s.put("lease that was another", kLeases + "/l", lease);
  lease["metadata"]["resourceVersion"] = "${lease made again.version}";
  s.put("lease of another uid", kLeases + "/l", lease);
  json event = {{"apiVersion", "events.k8s.io/v1"},
                {"kind", "Event"},
                {"metadata", {{"name", "e"}, {"namespace", "default"}}},
                {"eventTime", "2026-01-01T00:00:00.000000Z"},
                {"reportingController", "spillway.dev/operator"},
                {"reportingInstance", "one"},
                {"action", "Place"},
                {"reason", "Placed"},
                {"type", "Normal"},
                {"note", "here"},
                {"regarding",
                 {{"apiVersion", "spillway.dev/v1alpha1"},
                  {"kind", "TrainingJob"},
                  {"name", "a"},
                  {"namespace", "default"},
                  {"uid", "${made.uid}"}}}};
  s.post("event", kEvents, event);
  s.merge("event series", kEvents + "/e",
          {{"series", {{"count", 2}, {"lastObservedTime", "2026-01-01T00:01:00.000000Z"}}}});
}

// What becomes of pods: marked, ended with and without grace, and ended by force when their node is
// gone.
void pods(Script& s) {
  s.post("pod that waits", kPods, pod("w"));
  s.post("pod on a node", kPods, pod("p", "n"));
  s.get("a pod", kPods + "/p");
  s.merge(
      "pod's deletion cost", kPods + "/p",
      {{"metadata", {{"annotations", {{"controller.kubernetes.io/pod-deletion-cost", "-5"}}}}}});
  s.merge("pod's save taken back", kPods + "/p",
          {{"metadata",
            {{"annotations",
              {{"controller.kubernetes.io/pod-deletion-cost", "0"},
               {"spillway.dev/save-asked-at", nullptr}}}}}});
  s.merge(
      "pod without its deletion cost", kPods + "/p",
      {{"metadata", {{"annotations", {{"controller.kubernetes.io/pod-deletion-cost", nullptr}}}}}});
  s.merge(
      "pod's deletion cost of nobody", kPods + "/nobody",
      {{"metadata", {{"annotations", {{"controller.kubernetes.io/pod-deletion-cost", "-5"}}}}}});
  s.merge("pod's finalizers on a version", kPods + "/p",
          {{"metadata",
            {{"resourceVersion", "${pod on a node.version}"}, {"finalizers", {"example.com/a"}}}}});
  s.merge("pod runs", kPods + "/p/status",
          {{"status",
            {{"phase", "Running"},
             {"podIP", "10.0.0.1"},
             {"conditions", json::array({{{"type", "Ready"},
                                          {"status", "True"},
                                          {"lastTransitionTime", "2026-01-01T00:00:00Z"}}})}}}});
  const auto marked = [](const char* version) {
    return json{
        {"metadata", {{"resourceVersion", version}}},
        {"status",
         {{"conditions", json::array({{{"type", "DisruptionTarget"},
                                       {"status", "True"},
                                       {"reason", "DeletionBySpillway"},
                                       {"message", "its node is about to go"},
                                       {"lastTransitionTime", "2026-01-01T00:00:00Z"}}})}}}};
  };
  s.merge("pod marked on an old version", kPods + "/p/status", marked("${pod on a node.version}"));
  s.merge("pod marked as disrupted", kPods + "/p/status", marked("${pod runs.version}"));
  s.remove("pod of another uid", kPods + "/p",
           {{"preconditions", {{"uid", "00000000-0000-4000-8000-000000000000"}}}});
  s.remove("pod that nobody runs", kPods + "/w");
  s.remove("pod with its grace", kPods + "/p",
           {{"preconditions", {{"uid", "${pod on a node.uid}"}}}});
  s.remove("pod with a shorter grace", kPods + "/p", {{"gracePeriodSeconds", 5}});
  s.remove("pod with a longer grace", kPods + "/p", {{"gracePeriodSeconds", 60}});
  s.remove("pod by force", kPods + "/p",
           {{"gracePeriodSeconds", 0}, {"preconditions", {{"uid", "${pod on a node.uid}"}}}});
  s.remove("pod by force again", kPods + "/p", {{"gracePeriodSeconds", 0}});
  s.post("pod held by a finalizer", kPods,
         with(pod("h", "n"), "/metadata/finalizers", {"example.com/hold"}));
  s.remove("held pod by force", kPods + "/h", {{"gracePeriodSeconds", 0}});
  s.merge("held pod let go", kPods + "/h", {{"metadata", {{"finalizers", nullptr}}}});
}

void nodes(Script& s) {
  json node = object("v1", "Node", "conformance", {{"providerID", "aws:///zone-a/i-1"}}, false);
  node["metadata"]["labels"] = {{"pool", "p"}};
  s.post("node", kNodes, node);
  s.merge("node will go", kNodes + "/conformance",
          {{"metadata", {{"annotations", {{"spillway.dev/deadline", "2026-01-01T00:02:00Z"}}}}},
           {"spec",
            {{"taints", json::array({{{"key", "spillway.dev/interruption"},
                                      {"value", "spot"},
                                      {"effect", "NoSchedule"}}})}}}});
  s.merge(
      "node's taint on an old version", kNodes + "/conformance",
      {{"metadata", {{"resourceVersion", "${node.version}"}}}, {"spec", {{"taints", nullptr}}}});
  s.merge("node stays", kNodes + "/conformance",
          {{"metadata", {{"annotations", {{"spillway.dev/deadline", nullptr}}}}},
           {"spec", {{"taints", nullptr}}}});
  s.merge("node's health", kNodes + "/conformance/status",
          {{"status",
            {{"allocatable", {{"nvidia.com/gpu", "8"}}},
             {"conditions", json::array({{{"type", "Ready"},
                                          {"status", "False"},
                                          {"reason", "KubeletNotReady"},
                                          {"message", ""},
                                          {"lastHeartbeatTime", "2026-01-01T00:00:00Z"},
                                          {"lastTransitionTime", "2026-01-01T00:00:00Z"}}})}}}});
  s.get("node as it is", kNodes + "/conformance");
  const auto marked_by_agent = [](json deadline, json taints, const char* version) {
    return json{{"metadata",
                 {{"resourceVersion", version},
                  {"annotations",
                   {{"spillway.dev/deadline", deadline}, {"spillway.dev/source", deadline}}}}},
                {"spec", {{"taints", std::move(taints)}}}};
  };
  const json taint = {
      {"key", "spillway.dev/interruption"}, {"value", "interruption"}, {"effect", "NoSchedule"}};
  s.merge("node marked by its agent", kNodes + "/conformance",
          marked_by_agent("2026-01-01T00:02:00Z", json::array({taint}), "${node as it is.version}"),
          "spillway-node-agent");
  s.merge("node marked on an old version", kNodes + "/conformance",
          marked_by_agent("2026-01-01T00:01:00Z", json::array({taint}), "${node as it is.version}"),
          "spillway-node-agent");
  s.merge("node without its agent's mark", kNodes + "/conformance",
          marked_by_agent(nullptr, nullptr, "${node marked by its agent.version}"),
          "spillway-node-agent");
  s.merge("node that is not there", kNodes + "/nobody",
          marked_by_agent(nullptr, nullptr, "${node marked by its agent.version}"),
          "spillway-node-agent");
  s.remove("node", kNodes + "/conformance");
}

void secrets(Script& s) {
  json secret = {{"apiVersion", "v1"},
                 {"kind", "Secret"},
                 {"metadata",
                  {{"name", "t"},
                   {"namespace", "default"},
                   {"ownerReferences", json::array({{{"apiVersion", "spillway.dev/v1alpha1"},
                                                     {"kind", "TrainingJob"},
                                                     {"name", "a"},
                                                     {"uid", "${made.uid}"},
                                                     {"controller", true}}})}}},
                 {"type", "Opaque"},
                 {"data", {{"token", "c2VjcmV0"}}}};
  secret["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "spillway";
  s.post("secret", kSecrets, secret);
  s.post("secret again", kSecrets, secret);
  s.get("a secret", kSecrets + "/t");
  s.merge("another token", kSecrets + "/t", {{"data", {{"token", "b3RoZXI="}}}});
  s.post("secret without a type", kSecrets,
         {{"apiVersion", "v1"},
          {"kind", "Secret"},
          {"metadata", {{"name", "u"}}},
          {"data", {{"token", "c2VjcmV0"}}}});
  s.post("secret in plain text", kSecrets,
         {{"apiVersion", "v1"},
          {"kind", "Secret"},
          {"metadata", {{"name", "x"}, {"namespace", "default"}}},
          {"immutable", true},
          {"stringData", {{"key", "0123456789abcdef0"}, {"other", "\u00e9\n"}}}});
  s.remove("secret", kSecrets + "/t", {{"preconditions", {{"uid", "${secret.uid}"}}}});
  s.remove("secret that is gone", kSecrets + "/t");
}

void pools(Script& s) {
  const json pool = capacity_pool("p");
  s.post("capacity pool", kPools, pool);
  s.post("two prices", kPools, with(with(pool, "/metadata/name", "q"), "/spec/price/feed", "aws"));
  s.merge("another tier", kPools + "/p", {{"spec", {{"tier", "Reserved"}}}});
  s.remove("capacity pool", kPools + "/p");
  s.post("inference pool", kInference, inference_pool("i"));
  s.get("its scale", kInference + "/i/scale");
  s.merge("its status", kInference + "/i/status",
          {{"status", {{"replicas", 2}, {"selector", "spillway.dev/inference-pool=i"}}}});
  s.merge("scaled by HPA", kInference + "/i/scale", {{"spec", {{"replicas", 4}}}});
  s.get("scaled pool", kInference + "/i");
}

void lists_and_watches(Script& s) {
  const std::string selector = "labelSelector=conformance%3Dlist";
  for (const char* name : {"l1", "l2", "l3"})
    s.post(std::string("listed ") + name, kJobs,
           with(training_job(name), "/metadata/labels/conformance", "list"));
  s.get("list", kJobs + "?" + selector);
  s.get("page", kJobs + "?" + selector + "&limit=2");
  s.get("rest", kJobs + "?" + selector + "&limit=2&continue=${page.continue}");
  s.get("list not older",
        kJobs + "?" + selector +
            "&resourceVersion=${listed l1.version}&resourceVersionMatch=NotOlderThan");
  s.get("services", kServices + "?labelSelector=conformance%3Dlist");
  s.get("in sets", kJobs + "?labelSelector=conformance+in+%28list%2Cother%29%2C%21nothing");
  s.get("broken selector", kJobs + "?labelSelector=a%3D%3D%3Db");
  s.merge("changed l1", kJobs + "/l1", {{"spec", {{"replicas", 2}}}});
  s.merge("l2 leaves", kJobs + "/l2", {{"metadata", {{"labels", {{"conformance", "gone"}}}}}});
  s.remove("l3 goes", kJobs + "/l3");
  s.watch("watch from l3", kJobs + "?watch=1&allowWatchBookmarks=true&timeoutSeconds=3&" +
                               selector + "&resourceVersion=${listed l3.version}");
  s.watch("streaming list", kJobs + "?watch=1&allowWatchBookmarks=true&timeoutSeconds=3&" +
                                selector +
                                "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
  s.watch("watch from nowhere", kJobs + "?watch=1&timeoutSeconds=3&" + selector);
  const std::string future = "&resourceVersion=99999999999";
  s.watch("watch from the future",
          kJobs + "?watch=1&allowWatchBookmarks=true&timeoutSeconds=3&" + selector + future);
  s.watch("built-in watch from the future",
          kServices + "?watch=1&allowWatchBookmarks=true&timeoutSeconds=3&" + selector + future);
}

}  // namespace

std::vector<Step> script() {
  Script s;
  own_kinds(s);
  status_applies(s);
  deletions(s);
  built_in_kinds(s);
  pods(s);
  nodes(s);
  secrets(s);
  pools(s);
  lists_and_watches(s);
  children(s);
  off_switch(s);
  what_people_ask_for(s);
  reflected_kinds(s);
  return std::move(s.steps);
}

const std::set<std::string>& scripted_forms() {
  static const std::set<std::string> forms = [] {
    std::set<std::string> all;
    for (const Step& step : script()) {
      all.merge(request_forms({.method = step.method,
                               .target = step.target,
                               .content_type = step.content_type,
                               .body = step.body.is_null() ? "" : step.body.dump()}));
    }
    return all;
  }();
  return forms;
}

std::vector<std::string> unscripted(const std::set<std::string>& forms) {
  std::vector<std::string> sentences;
  for (const std::string& form : forms) {
    if (scripted_forms().contains(form)) continue;
    sentences.push_back("the script of tests/conformance has no step that would ask: " + form);
  }
  return sentences;
}

}  // namespace spillway::conformance
