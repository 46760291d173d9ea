#include "builtins.h"
#include "json_fields.h"
#include "pattern.h"

// The checks that Spillway can run into when it, or a user's template, is wrong.
namespace spillway::sim {
namespace {

// All of the text.
bool matches(const std::string& text, const char* pattern) {
  return matches_pattern(text, "^(" + std::string(pattern) + ")$");
}

void required(Causes& causes, const std::string& field, const std::string& detail = "") {
  causes.push_back({.reason = "FieldValueRequired",
                    .message = detail.empty() ? "Required value" : "Required value: " + detail,
                    .field = field});
}

void immutable(Causes& causes, const json& object, const json& before, std::string_view of_spec,
               const std::string& field) {
  static const json none;
  const json* now = find_in(object, "spec", of_spec);
  const json* then = find_in(before, "spec", of_spec);
  if (now == nullptr) now = &none;
  if (then == nullptr) then = &none;
  if (*now == *then) return;
  causes.push_back({.reason = "FieldValueInvalid",
                    .message = "Invalid value: " + now->dump() + ": field is immutable",
                    .field = field});
}

void at_least_none(Causes& causes, const json& object, const std::string& field) {
  const std::int64_t value = number_in(object, 0, "spec", field);
  if (value >= 0) return;
  causes.push_back({.reason = "FieldValueInvalid",
                    .message = "Invalid value: " + std::to_string(value) +
                               ": must be greater than or equal to 0",
                    .field = "spec." + field});
}

void check_template(const json& object, Causes& causes) {
  const json& containers = list_in(object, "spec", "template", "spec", "containers");
  if (containers.empty()) required(causes, "spec.template.spec.containers");
  for (std::size_t i = 0; i < containers.size(); ++i) {
    const std::string field = "spec.template.spec.containers[" + std::to_string(i) + "]";
    if (text_in(containers[i], "name").empty()) required(causes, field + ".name");
    if (text_in(containers[i], "image").empty()) required(causes, field + ".image");
  }
}

}  // namespace

void validate_metadata(const json& object, Causes& causes) {
  constexpr const char* kSubdomain =
      "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
  const std::string name = string_in(object, "metadata", "name");
  if (name.empty()) {
    required(causes, "metadata.name", "name or generateName is required");
  } else if (!matches(name, kSubdomain) || name.size() > 253) {
    causes.push_back(
        {.reason = "FieldValueInvalid",
         .message = "Invalid value: \"" + name +
                    "\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
                    "characters, '-' or '.', and must "
                    "start and end with an alphanumeric character (e.g. 'example.com', regex used "
                    "for validation is "
                    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
         .field = "metadata.name"});
  }
}

void validate_job(const json& job, const json* before, Causes& causes) {
  check_template(job, causes);
  const std::string_view restart = text_in(job, "spec", "template", "spec", "restartPolicy");
  if (restart != "Never" && restart != "OnFailure") {
    required(causes, "spec.template.spec.restartPolicy", "valid values: \"OnFailure\", \"Never\"");
  }
  if (before == nullptr) return;
  immutable(causes, job, *before, "template", "spec.template");
  immutable(causes, job, *before, "completionMode", "spec.completionMode");
  immutable(causes, job, *before, "podFailurePolicy", "spec.podFailurePolicy");
}

namespace {

// Deployments and StatefulSets: what finds their pods has to be on them.
void check_selector(const json& object, Causes& causes) {
  const json& wanted = map_in(object, "spec", "selector", "matchLabels");
  const json& labels = map_in(object, "spec", "template", "metadata", "labels");
  const json* selector = find_in(object, "spec", "selector");
  if (selector == nullptr || !selector->is_object()) required(causes, "spec.selector");
  for (const auto& [key, value] : wanted.items()) {
    if (labels.value(key, json()) == value) continue;
    causes.push_back({.reason = "FieldValueInvalid",
                      .message = "Invalid value: " + labels.dump() +
                                 ": `selector` does not match template `labels`",
                      .field = "spec.template.metadata.labels"});
    break;
  }
}

}  // namespace

void validate_deployment(const json& deployment, const json* before, Causes& causes) {
  at_least_none(causes, deployment, "replicas");
  check_template(deployment, causes);
  check_selector(deployment, causes);
  if (before != nullptr) immutable(causes, deployment, *before, "selector", "spec.selector");
}

void validate_stateful_set(const json& set, const json* /*before*/, Causes& causes) {
  at_least_none(causes, set, "replicas");
  check_template(set, causes);
  check_selector(set, causes);
}

void validate_cron_job(const json& job, const json* /*before*/, Causes& causes) {
  if (text_in(job, "spec", "schedule").empty()) required(causes, "spec.schedule");
}

void validate_service(const json& service, const json* before, Causes& causes) {
  const bool headless = text_in(service, "spec", "clusterIP") == "None";
  if (!headless && list_in(service, "spec", "ports").empty()) required(causes, "spec.ports");
  if (before != nullptr && !text_in(*before, "spec", "clusterIP").empty()) {
    immutable(causes, service, *before, "clusterIP", "spec.clusterIPs[0]");
  }
}

}  // namespace spillway::sim
