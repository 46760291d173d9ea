#include <spillway/sim/kinds.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include <spillway/api/codec.h>
#include <spillway/api/schema.h>
#include <spillway/control/plain_workload.h>
#include <spillway/control/world.h>
#include <spillway/core/check.h>

#include "builtins.h"
#include "pod_template.h"

namespace spillway::sim {
namespace {

// Every sentence that the CRD itself refuses an object with.
void collect_messages(const json& openapi, std::set<std::string>& messages) {
  if (openapi.is_array()) {
    for (const json& below : openapi)
      collect_messages(below, messages);
  }
  if (!openapi.is_object()) return;
  for (const auto& [name, below] : openapi.items()) {
    if (name == "x-kubernetes-validations") {
      for (const json& rule : below)
        messages.insert(rule.value("message", ""));
    } else {
      collect_messages(below, messages);
    }
  }
}

// The value that a rule is about, as the API server shows it.
std::string shown_at(const json& object, const std::string& field) {
  std::string path = "/" + field;
  std::ranges::replace(path, '.', '/');
  const json value = object.value(json::json_pointer(path), json());
  const bool of_the_whole =
      field == "metadata.name";  // CRDs can name it only in a rule of the object itself
  return value.is_structured() || value.is_null() || of_the_whole ? "" : value.dump() + ": ";
}

// After these nobody knows what a rule is about (apiextensions-apiserver, hasBlockingErr).
bool blocks_rules(const Cause& cause) {
  constexpr std::array<std::string_view, 5> kReasons = {
      "FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany",
      "FieldValueTypeInvalid"};
  return std::ranges::find(kReasons, cause.reason) != kReasons.end();
}

// The rules that relate fields to each other: the CRD says them in CEL, validate() in C++, from one
// description. What the API server cannot check, and validate() does, is not a reason to refuse.
template <class Object>
void check_rules(const std::set<std::string>& messages, const json& object, const json* before,
                 Causes& causes) {
  const auto add = [&](const Result<void>& checked) {
    if (checked) return;
    const std::string& text = checked.error().message;
    for (const std::string& message : messages) {
      const auto at = text.find(message);
      if (at == std::string::npos) continue;
      const auto start = text.rfind("; ", at);
      const std::size_t from = start == std::string::npos ? 0 : start + 2;
      const std::string field = text.substr(from, text.find(": ", from) - from);
      causes.push_back({.reason = "FieldValueInvalid",
                        .message = "Invalid value: " + shown_at(object, field) + message,
                        .field = field});
    }
  };
  const auto read = api::read<Object>(object);
  if (!read) return add(fail(read.error()));
  add(api::validate(*read));
  if (before == nullptr) return;
  if (const auto read_before = api::read<Object>(*before))
    add(api::validate_update(*read_before, *read));
}

template <class Object>
Kind own_kind(const kube::ResourceType& type) {
  const auto definition = api::custom_resource_definition<Object>(
      nlohmann::ordered_json::parse(embedded_pod_template()));
  json openapi = json::parse(
      definition.at("spec").at("versions").at(0).at("schema").at("openAPIV3Schema").dump());
  openapi["properties"]["metadata"] = object_meta_schema();
  Kind kind{.type = type,
            .schema = Schema::parse(openapi),
            .own = true,
            .status = true,
            .generation = true,
            .keeps_fields = true};
  kind.scale = definition.at("spec").at("versions").at(0).at("subresources").contains("scale");
  kind.on_create = [](json& object) { object.erase("status"); };
  kind.set_defaults = [schema = kind.schema](json& object) { fill_defaults(*schema, object); };
  std::set<std::string> messages;
  collect_messages(openapi, messages);
  kind.validate = [schema = kind.schema, messages = std::move(messages)](
                      const json& object, const json* before, Causes& causes) {
    const std::size_t others = causes.size();
    check(*schema, object, "", causes);
    if (std::none_of(causes.begin() + static_cast<std::ptrdiff_t>(others), causes.end(),
                     blocks_rules))
      return check_rules<Object>(messages, object, before, causes);
    causes.push_back({.reason = "FieldValueInvalid",
                      .message = "Invalid value: null: some validation rules were not checked "
                                 "because the object was invalid; correct "
                                 "the existing errors to complete validation",
                      .field = "<nil>"});
  };
  return kind;
}

json skeleton(const char* text) {
  return json::parse(text);
}

void add_own(std::vector<Kind>& kinds) {
  kinds.push_back(own_kind<api::CapacityPool>(control::kCapacityPools));
  kinds.push_back(own_kind<api::TrainingJob>(control::kTrainingJobs));
  kinds.push_back(own_kind<api::InferencePool>(control::kInferencePools));
  kinds.push_back(own_kind<api::CostPolicy>(control::kCostPolicies));
}

void add_core(std::vector<Kind>& kinds) {
  kinds.push_back({.type = kNamespaces,
                   .schema = plain_schema(),
                   .status = true,
                   .skeleton = skeleton(R"({"spec":{},"status":{}})"),
                   .on_create =
                       [](json& object) {
                         object["spec"]["finalizers"] = {"kubernetes"};
                         object["status"] = {{"phase", "Active"}};
                       },
                   .set_defaults = default_namespace});
  kinds.push_back({.type = kube::kPods,
                   .schema = pod_schema(),
                   .status = true,
                   .generation = true,
                   .returns_deleted = true,
                   .unconditional = true,
                   .skeleton = skeleton(R"({"spec":{"containers":null},"status":{}})"),
                   .on_create = create_pod,
                   .set_defaults = default_pod});
  kinds.push_back({.type = kube::kNodes,
                   .schema = plain_schema(),
                   .status = true,
                   .unconditional = true,
                   .skeleton = skeleton(R"({"spec":{},"status":{
                       "daemonEndpoints":{"kubeletEndpoint":{"Port":0}},
                       "nodeInfo":{"architecture":"","bootID":"","containerRuntimeVersion":"",
                                   "kernelVersion":"","kubeProxyVersion":"","kubeletVersion":"",
                                   "machineID":"","operatingSystem":"","osImage":"",
                                   "systemUUID":""}}})")});
  kinds.push_back({.type = kube::kServices,
                   .schema = service_schema(),
                   .status = true,
                   .keeps_fields = true,
                   .returns_deleted = true,
                   .unconditional = true,
                   .skeleton = skeleton(R"({"spec":{},"status":{"loadBalancer":{}}})"),
                   .allocate = create_service,
                   .set_defaults = default_service,
                   .validate = validate_service});
}

void add_workloads(std::vector<Kind>& kinds) {
  kinds.push_back(
      {.type = kube::kJobs,
       .schema = job_schema(),
       .status = true,
       .generation = true,
       .skeleton = skeleton(
           R"({"spec":{"template":{"metadata":{},"spec":{"containers":null}}},"status":{}})"),
       .on_create = create_job,
       .set_defaults = default_job,
       .validate = validate_job});
  kinds.push_back({.type = kube::kDeployments,
                   .schema = deployment_schema(),
                   .status = true,
                   .scale = true,
                   .generation = true,
                   .keeps_fields = true,
                   .unconditional = true,
                   .skeleton = skeleton(
                       R"({"spec":{"selector":null,"strategy":{},
                       "template":{"metadata":{},"spec":{"containers":null}}},"status":{}})"),
                   .on_create = [](json& object) { object["status"] = json::object(); },
                   .set_defaults = default_deployment,
                   .validate = validate_deployment});
  kinds.push_back({.type = kReplicaSets,
                   .schema = deployment_schema(),
                   .status = true,
                   .generation = true,
                   .unconditional = true,
                   .on_create = [](json& object) { object["status"] = {{"replicas", 0}}; }});
}

// Switched by the off switch; nobody here runs them.
void add_switched(std::vector<Kind>& kinds) {
  kinds.push_back(
      {.type = control::kStatefulSets,
       .schema = stateful_set_schema(),
       .status = true,
       .generation = true,
       .keeps_fields = true,
       .unconditional = true,
       .skeleton = skeleton(
           R"({"spec":{"selector":null,"serviceName":"","updateStrategy":{},
                       "template":{"metadata":{},"spec":{"containers":null}}},
               "status":{"availableReplicas":0,"replicas":0}})"),
       .on_create =
           [](json& object) { object["status"] = {{"availableReplicas", 0}, {"replicas", 0}}; },
       .set_defaults = default_stateful_set,
       .validate = validate_stateful_set});
  kinds.push_back({.type = control::kCronJobs,
                   .schema = cron_job_schema(),
                   .status = true,
                   .generation = true,
                   .keeps_fields = true,
                   .unconditional = true,
                   .skeleton = skeleton(
                       R"({"spec":{"jobTemplate":{"metadata":{},"spec":{
                         "template":{"metadata":{},"spec":{"containers":null}}}},"schedule":""},
               "status":{}})"),
                   .on_create = [](json& object) { object["status"] = json::object(); },
                   .set_defaults = default_cron_job,
                   .validate = validate_cron_job});
}

void add_others(std::vector<Kind>& kinds) {
  kinds.push_back({.type = kube::kPodDisruptionBudgets,
                   .schema = budget_schema(),
                   .status = true,
                   .generation = true,
                   .keeps_fields = true,
                   .skeleton = skeleton(
                       R"({"spec":{},"status":{"currentHealthy":0,"desiredHealthy":0,
                                   "disruptionsAllowed":0,"expectedPods":0}})"),
                   .on_create = [](json& object) {
                     object["status"] = {{"currentHealthy", 0},
                                         {"desiredHealthy", 0},
                                         {"disruptionsAllowed", 0},
                                         {"expectedPods", 0}};
                   }});
  kinds.push_back({.type = kube::kSecrets,
                   .schema = plain_schema(),
                   .unconditional = true,
                   .set_defaults = default_secret});
  kinds.push_back({.type = kube::kLeases, .schema = plain_schema(), .unconditional = false});
  kinds.push_back({.type = kube::kEvents, .schema = plain_schema(), .unconditional = true});
}

std::vector<Kind> make_kinds() {
  std::vector<Kind> kinds;
  add_own(kinds);
  add_core(kinds);
  add_workloads(kinds);
  add_switched(kinds);
  add_others(kinds);
  for (Kind& kind : kinds) {
    kind.validate = [own = std::move(kind.validate)](const json& object, const json* before,
                                                     Causes& causes) {
      validate_metadata(object, causes);
      if (own) own(object, before, causes);
    };
  }
  return kinds;
}

}  // namespace

const std::vector<Kind>& all_kinds() {
  static const std::vector<Kind> kinds = make_kinds();
  return kinds;
}

const Kind* find_kind(std::string_view group, std::string_view version, std::string_view plural) {
  for (const Kind& kind : all_kinds()) {
    if (kind.type.group == group && kind.type.version == version && kind.type.plural == plural)
      return &kind;
  }
  return nullptr;
}

const Kind& kind_of(const kube::ResourceType& type) {
  const Kind* kind = find_kind(type.group, type.version, type.plural);
  SPILLWAY_CHECK(kind != nullptr);
  return *kind;
}

}  // namespace spillway::sim
