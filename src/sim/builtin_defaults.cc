#include <algorithm>
#include <string>

#include "builtins.h"
#include "pod_template.h"

// What the API server fills in: pkg/apis/{core,batch,apps}/v1/defaults.go and the registries'
// PrepareForCreate.
namespace spillway::sim {
namespace {

void standard(json& object, const char* field, json value) {
  json& place = object[field];
  if (place.is_null()) place = std::move(value);
}

std::string pull_policy(const std::string& image) {
  const auto slash = image.rfind('/');
  const auto name = slash == std::string::npos ? image : image.substr(slash + 1);
  if (name.find('@') != std::string::npos) return "IfNotPresent";
  const auto colon = name.rfind(':');
  return colon == std::string::npos || name.substr(colon + 1) == "latest" ? "Always"
                                                                          : "IfNotPresent";
}

void default_probe(json& container, const char* name) {
  if (!container.contains(name)) return;
  json& probe = container[name];
  standard(probe, "timeoutSeconds", 1);
  standard(probe, "periodSeconds", 10);
  standard(probe, "successThreshold", 1);
  standard(probe, "failureThreshold", 3);
  if (probe.contains("httpGet")) {
    standard(probe["httpGet"], "scheme", "HTTP");
    standard(probe["httpGet"], "path", "/");
  }
}

void default_container(json& container, bool of_pod) {
  standard(container, "terminationMessagePath", "/dev/termination-log");
  standard(container, "terminationMessagePolicy", "File");
  standard(container, "imagePullPolicy", pull_policy(container.value("image", "")));
  standard(container, "resources", json::object());
  for (const char* probe : {"livenessProbe", "readinessProbe", "startupProbe"})
    default_probe(container, probe);
  if (container.contains("ports")) {
    for (json& port : container["ports"])
      standard(port, "protocol", "TCP");
  }
  if (container.contains("env")) {
    for (json& variable : container["env"]) {
      if (variable.contains("valueFrom") && variable["valueFrom"].contains("fieldRef")) {
        standard(variable["valueFrom"]["fieldRef"], "apiVersion", "v1");
      }
    }
  }
  if (!of_pod || !container["resources"].contains("limits")) return;
  for (const auto& [name, amount] : container["resources"]["limits"].items()) {
    standard(container["resources"]["requests"], name.c_str(), amount);
  }
}

// Admission's DefaultTolerationSeconds: a pod stays five minutes on a node that does not answer.
void tolerate_outages(json& spec) {
  json& tolerations = spec["tolerations"];
  if (!tolerations.is_array()) tolerations = json::array();
  for (const char* key : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
    bool there = false;
    for (const json& toleration : tolerations) {
      const std::string named = toleration.value("key", "");
      const std::string effect = toleration.value("effect", "");
      there =
          there || ((named == key || named.empty()) && (effect == "NoExecute" || effect.empty()));
    }
    if (!there)
      tolerations.push_back({{"key", key},
                             {"operator", "Exists"},
                             {"effect", "NoExecute"},
                             {"tolerationSeconds", 300}});
  }
}

std::string quality_of_service(const json& spec) {
  bool any = false;
  bool guaranteed = true;
  for (const json& container : spec.value("containers", json::array())) {
    const json requests = container.value("/resources/requests"_json_pointer, json::object());
    const json limits = container.value("/resources/limits"_json_pointer, json::object());
    for (const char* name : {"cpu", "memory"}) {
      any = any || requests.contains(name) || limits.contains(name);
      guaranteed = guaranteed && limits.contains(name) &&
                   requests.value(name, limits.value(name, json())) == limits[name];
    }
  }
  if (!any) return "BestEffort";
  return guaranteed ? "Guaranteed" : "Burstable";
}

void default_failure_policy(json& spec) {
  if (!spec.contains("podFailurePolicy")) return;
  for (json& rule : spec["podFailurePolicy"]["rules"]) {
    if (!rule.contains("onPodConditions")) continue;
    for (json& pattern : rule["onPodConditions"])
      standard(pattern, "status", "True");
  }
}

}  // namespace

void default_pod_spec(json& spec, bool of_pod) {
  standard(spec, "restartPolicy", "Always");
  standard(spec, "dnsPolicy", "ClusterFirst");
  standard(spec, "schedulerName", "default-scheduler");
  standard(spec, "securityContext", json::object());
  standard(spec, "terminationGracePeriodSeconds", 30);
  for (const char* list : {"initContainers", "containers"}) {
    if (!spec.contains(list)) continue;
    for (json& container : spec[list])
      default_container(container, of_pod);
  }
  if (of_pod) standard(spec, "enableServiceLinks", true);
}

void default_pod(json& pod) {
  default_pod_spec(pod["spec"], true);
}

void create_pod(json& pod) {
  json& spec = pod["spec"];
  tolerate_outages(spec);
  standard(spec, "priority", 0);
  standard(spec, "preemptionPolicy", "PreemptLowerPriority");
  pod["status"] = {{"phase", "Pending"}, {"qosClass", quality_of_service(spec)}};
}

void default_job(json& job) {
  json& spec = job["spec"];
  standard(spec, "completionMode", "NonIndexed");
  standard(spec, "suspend", false);
  standard(spec, "manualSelector", false);
  if (!spec.contains("completions") && !spec.contains("parallelism")) spec["completions"] = 1;
  standard(spec, "parallelism", 1);
  standard(spec, "backoffLimit", spec.contains("backoffLimitPerIndex") ? 2'147'483'647 : 6);
  standard(spec, "podReplacementPolicy",
           spec.contains("podFailurePolicy") ? "Failed" : "TerminatingOrFailed");
  default_failure_policy(spec);
  default_pod_spec(spec["template"]["spec"], false);
}

// batch/strategy.go generateSelector: pods are found by the uid of their Job.
void create_job(json& job) {
  const std::string uid = job["metadata"]["uid"];
  json& labels = job["spec"]["template"]["metadata"]["labels"];
  for (const char* prefix : {"", "batch.kubernetes.io/"}) {
    labels[std::string(prefix) + "controller-uid"] = uid;
    labels[std::string(prefix) + "job-name"] = job["metadata"]["name"];
  }
  job["spec"]["selector"] = {{"matchLabels", {{"batch.kubernetes.io/controller-uid", uid}}}};
  if (job["metadata"].value("labels", json::object()).empty()) job["metadata"]["labels"] = labels;
  job["status"] = json::object();
}

void default_deployment(json& deployment) {
  json& spec = deployment["spec"];
  standard(spec, "replicas", 1);
  standard(spec, "revisionHistoryLimit", 10);
  standard(spec, "progressDeadlineSeconds", 600);
  json& strategy = spec["strategy"];
  standard(strategy, "type", "RollingUpdate");
  if (strategy["type"] == "RollingUpdate") {
    standard(strategy["rollingUpdate"], "maxUnavailable", "25%");
    standard(strategy["rollingUpdate"], "maxSurge", "25%");
  }
  default_pod_spec(spec["template"]["spec"], false);
}

void default_stateful_set(json& set) {
  json& spec = set["spec"];
  standard(spec, "replicas", 1);
  standard(spec, "revisionHistoryLimit", 10);
  standard(spec, "podManagementPolicy", "OrderedReady");
  standard(spec["updateStrategy"], "type", "RollingUpdate");
  if (spec["updateStrategy"]["type"] == "RollingUpdate")
    standard(spec["updateStrategy"]["rollingUpdate"], "partition", 0);
  json& claims = spec["persistentVolumeClaimRetentionPolicy"];
  standard(claims, "whenDeleted", "Retain");
  standard(claims, "whenScaled", "Retain");
  default_pod_spec(spec["template"]["spec"], false);
}

void default_cron_job(json& job) {
  json& spec = job["spec"];
  standard(spec, "concurrencyPolicy", "Allow");
  standard(spec, "suspend", false);
  standard(spec, "successfulJobsHistoryLimit", 3);
  standard(spec, "failedJobsHistoryLimit", 1);
  standard(spec["jobTemplate"], "metadata", json::object());
  json& pods = spec["jobTemplate"]["spec"]["template"];
  standard(pods, "metadata", json::object());
  default_pod_spec(pods["spec"], false);
}

// Policies select by this label.
void default_namespace(json& space) {
  space["metadata"]["labels"]["kubernetes.io/metadata.name"] = space["metadata"]["name"];
}

void default_service(json& service) {
  json& spec = service["spec"];
  standard(spec, "sessionAffinity", "None");
  standard(spec, "type", "ClusterIP");
  standard(spec, "internalTrafficPolicy", "Cluster");
  for (json& port : spec["ports"]) {
    standard(port, "protocol", "TCP");
    standard(port, "targetPort", port.value("port", 0));
  }
}

void create_service(json& service) {
  json& spec = service["spec"];
  // An address of its own for each: from the version that follows, which no other Service has.
  if (spec.value("clusterIP", "").empty()) {
    const std::size_t number =
        std::hash<std::string>{}(service["metadata"]["uid"].get<std::string>());
    spec["clusterIP"] =
        "10.96." + std::to_string(number / 250 % 250) + "." + std::to_string(number % 250 + 1);
  }
  spec["clusterIPs"] = json::array({spec["clusterIP"]});
  standard(spec, "ipFamilies", json::array({"IPv4"}));
  standard(spec, "ipFamilyPolicy", "SingleStack");
  service["status"] = {{"loadBalancer", json::object()}};
}

std::string base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    const auto byte = [&](std::size_t at) {
      return at < text.size() ? static_cast<unsigned>(static_cast<unsigned char>(text[at])) : 0U;
    };
    const unsigned three = byte(i) << 16U | byte(i + 1) << 8U | byte(i + 2);
    const std::size_t there = std::min<std::size_t>(text.size() - i, 3);
    for (std::size_t digit = 0; digit < 4; ++digit)
      out +=
          digit <= there ? kDigits[three >> (18U - 6U * static_cast<unsigned>(digit)) & 63U] : '=';
  }
  return out;
}

void default_secret(json& secret) {
  standard(secret, "type", "Opaque");
  const auto texts = secret.find("stringData");
  if (texts == secret.end()) return;
  for (const auto& [name, text] : texts->items())
    secret["data"][name] = base64(text.get<std::string>());
  secret.erase("stringData");
}

}  // namespace spillway::sim
