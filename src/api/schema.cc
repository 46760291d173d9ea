#include <spillway/api/schema.h>

#include "capacity_pool_fields.h"
#include "cost_policy_fields.h"
#include "inference_pool_fields.h"
#include "schema_values.h"
#include "training_job_fields.h"

namespace spillway::api {

Schema rule(std::string cel, std::string message) {
  return {{"rule", std::move(cel)}, {"message", std::move(message)}};
}

void add_rule(Schema& schema, std::string cel, std::string message) {
  Schema& rules = schema["x-kubernetes-validations"];
  if (rules.is_null()) rules = Schema::array();
  rules.push_back(rule(std::move(cel), std::move(message)));
}

namespace {

std::string matches(std::string_view subject, std::string_view pattern) {
  return std::string(subject) + ".matches('" + std::string(pattern) + "')";
}

}  // namespace

Schema text_schema(const SchemaContext& context, const Limits& limits) {
  Schema schema = {{"type", "string"}};
  const TextFormat* format = limits.format;
  if (format == nullptr) {
    if (limits.max_length != 0) schema["maxLength"] = limits.max_length;
    return schema;
  }
  schema["maxLength"] = format->max_length;
  if (context.sentences) {
    std::string cel = matches("self", format->pattern);
    if (!format->extra_cel.empty()) cel += " && " + std::string(format->extra_cel);
    add_rule(schema, std::move(cel), std::string(format->message));
  } else if (!format->openapi_format.empty()) {
    schema["format"] = std::string(format->openapi_format);
  } else {
    schema["pattern"] = std::string(format->pattern);
  }
  return schema;
}

Schema integer_schema(std::string_view format, const Limits& limits) {
  Schema schema = {{"type", "integer"}, {"format", std::string(format)}};
  if (limits.minimum) schema["minimum"] = *limits.minimum;
  if (limits.maximum) schema["maximum"] = *limits.maximum;
  return schema;
}

// Kubernetes' schema asks for `containers` with "Required value" and takes an empty list: here one
// rule answers both, and a missing spec, with a sentence. (Rules are only checked where the schema
// is met, so it may not ask for the field itself.)
Schema pod_template_schema(const SchemaContext& context) {
  Schema schema = context.pod_template;
  schema["properties"]["spec"].erase("required");
  add_rule(schema, "has(self.spec) && has(self.spec.containers) && self.spec.containers.size() > 0",
           std::string(kContainersMessage));
  return schema;
}

Schema int_or_percent_schema(const Limits& limits) {
  Schema schema = {{"x-kubernetes-int-or-string", true}, {"maxLength", 4}};
  add_rule(schema,
           "type(self) == int ? self >= " + std::to_string(limits.minimum.value_or(0)) +
               " && self <= " + std::to_string(limits.maximum.value_or(kMaxInt32)) + " : " +
               matches("self", kPercentPattern),
           std::string(kIntOrPercentMessage));
  return schema;
}

Schema target_port_schema(const Limits& limits) {
  Schema schema = {{"x-kubernetes-int-or-string", true}, {"maxLength", limits.format->max_length}};
  add_rule(schema,
           "type(self) == int ? self >= " + std::to_string(limits.minimum.value_or(1)) +
               " && self <= " + std::to_string(limits.maximum.value_or(65'535)) + " : " +
               matches("self", limits.format->pattern),
           std::string(limits.format->message));
  return schema;
}

Schema labels_schema(const Limits& limits) {
  Schema schema = {{"type", "object"}};
  if (limits.min_items != 0) schema["minProperties"] = limits.min_items;
  if (limits.max_items != 0) schema["maxProperties"] = limits.max_items;
  schema["additionalProperties"] = {{"type", "string"}, {"maxLength", limits.max_length}};
  return schema;
}

void add_list_limits(Schema& schema, const Limits& limits) {
  if (limits.min_items != 0) schema["minItems"] = limits.min_items;
  if (limits.max_items != 0) schema["maxItems"] = limits.max_items;
  schema["x-kubernetes-list-type"] = limits.list_key.empty() ? "atomic" : "map";
  if (!limits.list_key.empty())
    schema["x-kubernetes-list-map-keys"] = Schema::array({std::string(limits.list_key)});
}

namespace {

template <class Kind>
Schema object_schema(const Schema& pod_template) {
  // A name is at most 253 bytes long anyhow; said here, so that the rule below has a cost that can
  // be estimated.
  constexpr std::size_t kLongestName = 253;
  Schema schema = {{"description", std::string(Described<Kind>::doc)},
                   {"type", "object"},
                   {"required", {"spec"}}};
  Schema& properties = schema["properties"];
  properties["apiVersion"] = {
      {"description", "Version of the schema of this object: spillway.dev/v1alpha1."},
      {"type", "string"}};
  properties["kind"] = {
      {"description", "Kind of this object: " + std::string(kResource<Kind>.kind) + "."},
      {"type", "string"}};
  properties["metadata"] = {
      {"type", "object"},
      {"properties", {{"name", {{"type", "string"}, {"maxLength", kLongestName}}}}}};
  for_each_field<Kind>([&](const auto& field) {
    const SchemaContext context{.pod_template = pod_template,
                                .kind = kResource<Kind>.kind,
                                .sentences = field.name == "spec"};
    Schema part = {{"description", std::string(field.doc)}};
    part.update(schema_of<std::remove_cvref_t<decltype(std::declval<Kind>().*(field.member))>>(
        context, field.limits));
    properties[std::string(field.name)] = std::move(part);
  });
  const TextFormat& name = Described<Kind>::name;
  add_rule(schema, matches("self.metadata.name", name.pattern), std::string(name.message));
  schema["x-kubernetes-validations"][0]["fieldPath"] = ".metadata.name";
  return schema;
}

template <class Kind>
Schema printer_columns() {
  Schema columns = Schema::array();
  for (const PrinterColumn& column : Described<Kind>::columns) {
    Schema entry = {{"name", std::string(column.name)},
                    {"type", std::string(column.type)},
                    {"description", std::string(column.doc)},
                    {"jsonPath", std::string(column.json_path)}};
    if (column.wide) entry["priority"] = 1;
    columns.push_back(std::move(entry));
  }
  return columns;
}

template <class Kind>
Schema subresources() {
  Schema result = {{"status", Schema::object()}};
  if constexpr (std::is_same_v<Kind, InferencePool>) {
    result["scale"] = {{"specReplicasPath", ".spec.replicas"},
                       {"statusReplicasPath", ".status.replicas"},
                       {"labelSelectorPath", ".status.selector"}};
  }
  return result;
}

template <class Kind>
Schema definition(const Schema& pod_template) {
  constexpr ResourceInfo info = kResource<Kind>;
  Schema version = {{"name", std::string(kVersion)}, {"served", true}, {"storage", true}};
  version["additionalPrinterColumns"] = printer_columns<Kind>();
  version["subresources"] = subresources<Kind>();
  version["schema"] = {{"openAPIV3Schema", object_schema<Kind>(pod_template)}};
  Schema names = {{"kind", std::string(info.kind)},
                  {"listKind", std::string(info.kind) + "List"},
                  {"plural", std::string(info.plural)},
                  {"singular", std::string(info.singular)},
                  {"shortNames", {std::string(info.short_name)}},
                  {"categories", {"spillway"}}};
  Schema spec = {{"group", std::string(kGroup)},
                 {"scope", info.scope == Scope::kCluster ? "Cluster" : "Namespaced"},
                 {"names", std::move(names)},
                 {"versions", Schema::array({std::move(version)})}};
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata", {{"name", std::string(info.plural) + "." + std::string(kGroup)}}},
          {"spec", std::move(spec)}};
}

}  // namespace

template <>
Schema custom_resource_definition<TrainingJob>(const Schema& pod_template) {
  return definition<TrainingJob>(pod_template);
}
template <>
Schema custom_resource_definition<InferencePool>(const Schema& pod_template) {
  return definition<InferencePool>(pod_template);
}
template <>
Schema custom_resource_definition<CapacityPool>(const Schema& pod_template) {
  return definition<CapacityPool>(pod_template);
}
template <>
Schema custom_resource_definition<CostPolicy>(const Schema& pod_template) {
  return definition<CostPolicy>(pod_template);
}

}  // namespace spillway::api
