#pragma once
// The OpenAPI schema of each type that a field can have. Internal to schema.cc.

#include <chrono>
#include <string>
#include <type_traits>
#include <vector>

#include <nlohmann/json.hpp>

#include "enum_names.h"
#include "field.h"
#include "json_write.h"
#include "validation.h"

namespace spillway::api {

using Schema = nlohmann::ordered_json;

struct SchemaContext {
  const Schema& pod_template;
  std::string_view kind;
  // People write the spec and get a sentence (CEL); only the operator writes the status, and cheap
  // patterns do.
  bool sentences = true;
};

Schema rule(std::string cel, std::string message);
void add_rule(Schema& schema, std::string cel, std::string message);
Schema text_schema(const SchemaContext& context, const Limits& limits);
Schema integer_schema(std::string_view format, const Limits& limits);
Schema pod_template_schema(const SchemaContext& context);
Schema int_or_percent_schema(const Limits& limits);
Schema target_port_schema(const Limits& limits);
Schema labels_schema(const Limits& limits);
void add_list_limits(Schema& schema, const Limits& limits);

template <class T>
struct SchemaOf;

template <class T>
Schema schema_of(const SchemaContext& context, const Limits& limits) {
  return SchemaOf<T>::make(context, limits);
}

template <class T>
  requires std::is_enum_v<T>
struct SchemaOf<T> {
  static Schema make(const SchemaContext&, const Limits&) {
    Schema names = Schema::array();
    for (const EnumName<T>& name : kEnumNames<T>)
      names.push_back(std::string(name.text));
    return {{"type", "string"}, {"enum", std::move(names)}};
  }
};

template <>
struct SchemaOf<bool> {
  static Schema make(const SchemaContext&, const Limits&) { return {{"type", "boolean"}}; }
};
template <>
struct SchemaOf<std::int32_t> {
  static Schema make(const SchemaContext&, const Limits& limits) {
    return integer_schema("int32", limits);
  }
};
template <>
struct SchemaOf<std::int64_t> {
  static Schema make(const SchemaContext&, const Limits& limits) {
    return integer_schema("int64", limits);
  }
};
template <>
struct SchemaOf<std::chrono::seconds> : SchemaOf<std::int64_t> {};
template <class Tag>
struct SchemaOf<StrongInt<Tag>> : SchemaOf<std::int64_t> {};

template <>
struct SchemaOf<std::string> {
  static Schema make(const SchemaContext& context, const Limits& limits) {
    return text_schema(context, limits);
  }
};
template <class Tag>
struct SchemaOf<StrongString<Tag>> : SchemaOf<std::string> {};
template <>
struct SchemaOf<Money> : SchemaOf<std::string> {};
template <>
struct SchemaOf<HourlyRate> : SchemaOf<std::string> {};
template <>
struct SchemaOf<Duration> : SchemaOf<std::string> {};
template <>
struct SchemaOf<Instant> : SchemaOf<std::string> {};
template <>
struct SchemaOf<WeekdaySpan> : SchemaOf<std::string> {};
template <>
struct SchemaOf<TimeOfDay> : SchemaOf<std::string> {};
template <>
struct SchemaOf<CalendarDate> : SchemaOf<std::string> {};

template <>
struct SchemaOf<PodTemplate> {
  static Schema make(const SchemaContext& context, const Limits&) {
    return pod_template_schema(context);
  }
};
template <>
struct SchemaOf<IntOrPercent> {
  static Schema make(const SchemaContext&, const Limits& limits) {
    return int_or_percent_schema(limits);
  }
};
template <>
struct SchemaOf<TargetPort> {
  static Schema make(const SchemaContext&, const Limits& limits) {
    return target_port_schema(limits);
  }
};
template <>
struct SchemaOf<Labels> {
  static Schema make(const SchemaContext&, const Limits& limits) { return labels_schema(limits); }
};

template <>
struct SchemaOf<TierSet> {
  static Schema make(const SchemaContext& context, const Limits&) {
    Schema schema = {{"type", "array"}, {"minItems", 1}, {"maxItems", kAllTiers.size()}};
    schema["x-kubernetes-list-type"] = "set";
    schema["items"] = schema_of<Tier>(context, {});
    return schema;
  }
};

template <class T>
struct SchemaOf<std::optional<T>> : SchemaOf<T> {};

template <class T>
struct SchemaOf<std::vector<T>> {
  static Schema make(const SchemaContext& context, const Limits& limits) {
    Schema schema = {{"type", "array"}};
    add_list_limits(schema, limits);
    schema["items"] = schema_of<T>(context, of_entries(limits));
    return schema;
  }
};

template <IsDescribed Class>
struct SchemaOf<Class> {
  static Schema make(const SchemaContext& context, const Limits&) {
    Schema schema = {{"type", "object"}};
    Schema required = Schema::array();
    Schema properties = Schema::object();
    for_each_field<Class>([&](const auto& field) {
      if (field.limits.required) required.push_back(std::string(field.name));
      properties[std::string(field.name)] = property(context, field);
    });
    if (!required.empty()) schema["required"] = std::move(required);
    schema["properties"] = std::move(properties);
    for (const Rule<Class>& entry : Described<Class>::rules) {
      if (!entry.cel.empty()) add_rule(schema, std::string(entry.cel), std::string(entry.message));
    }
    return schema;
  }

  template <class Member>
  static Schema property(const SchemaContext& context, const Field<Class, Member>& field) {
    Schema schema = {{"description", std::string(field.doc)}};
    schema.update(schema_of<Member>(context, field.limits));
    if (field.limits.defaulted) {
      schema["default"] =
          IsDescribed<Member> ? Schema::object() : Schema(to_json_value(Class{}.*(field.member)));
    }
    if (field.limits.immutable)
      add_rule(schema, "self == oldSelf", immutable_message(field.name, context.kind));
    return schema;
  }
};

}  // namespace spillway::api
