#include "builtins.h"
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

void immutable(Causes& causes, const json& object, const json& before, const json::json_pointer& at,
               const std::string& field) {
  const json now = object.value(at, json());
  if (now == before.value(at, json())) return;
  causes.push_back({.reason = "FieldValueInvalid",
                    .message = "Invalid value: " + now.dump() + ": field is immutable",
                    .field = field});
}

void check_template(const json& object, Causes& causes) {
  const json containers =
      object.value("/spec/template/spec/containers"_json_pointer, json::array());
  if (containers.empty()) required(causes, "spec.template.spec.containers");
  for (std::size_t i = 0; i < containers.size(); ++i) {
    const std::string field = "spec.template.spec.containers[" + std::to_string(i) + "]";
    if (containers[i].value("name", "").empty()) required(causes, field + ".name");
    if (containers[i].value("image", "").empty()) required(causes, field + ".image");
  }
}

}  // namespace

void validate_metadata(const json& object, Causes& causes) {
  constexpr const char* kSubdomain =
      "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
  const std::string name = object.value("/metadata/name"_json_pointer, "");
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
  const std::string restart = job.value("/spec/template/spec/restartPolicy"_json_pointer, "");
  if (restart != "Never" && restart != "OnFailure") {
    required(causes, "spec.template.spec.restartPolicy", "valid values: \"OnFailure\", \"Never\"");
  }
  if (before == nullptr) return;
  immutable(causes, job, *before, "/spec/template"_json_pointer, "spec.template");
  immutable(causes, job, *before, "/spec/completionMode"_json_pointer, "spec.completionMode");
  immutable(causes, job, *before, "/spec/podFailurePolicy"_json_pointer, "spec.podFailurePolicy");
}

void validate_deployment(const json& deployment, const json* before, Causes& causes) {
  check_template(deployment, causes);
  const json wanted = deployment.value("/spec/selector/matchLabels"_json_pointer, json::object());
  const json labels =
      deployment.value("/spec/template/metadata/labels"_json_pointer, json::object());
  if (!deployment.value("/spec/selector"_json_pointer, json()).is_object())
    required(causes, "spec.selector");
  for (const auto& [key, value] : wanted.items()) {
    if (labels.value(key, json()) == value) continue;
    causes.push_back({.reason = "FieldValueInvalid",
                      .message = "Invalid value: " + labels.dump() +
                                 ": `selector` does not match template `labels`",
                      .field = "spec.template.metadata.labels"});
    break;
  }
  if (before != nullptr)
    immutable(causes, deployment, *before, "/spec/selector"_json_pointer, "spec.selector");
}

void validate_service(const json& service, const json* before, Causes& causes) {
  const bool headless = service.value("/spec/clusterIP"_json_pointer, "") == "None";
  if (!headless && service.value("/spec/ports"_json_pointer, json::array()).empty())
    required(causes, "spec.ports");
  if (before != nullptr && !before->value("/spec/clusterIP"_json_pointer, "").empty()) {
    immutable(causes, service, *before, "/spec/clusterIP"_json_pointer, "spec.clusterIPs[0]");
  }
}

}  // namespace spillway::sim
