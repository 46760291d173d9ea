#include "metadata.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include <spillway/api/codec.h>

namespace spillway::api {
namespace {

using Json = nlohmann::json;

// Calls use(text) with the text of a field that is there.
template <class Use>
void with_text(Problems& problems, const Path& path, const Json& object, std::string_view name,
               Use&& use) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return;
  if (!found->is_string()) {
    problems.add(Path{&path, name}, "is not text: write it in quotes");
    return;
  }
  use(found->get_ref<const std::string&>());
}

void with_instant(Problems& problems, const Path& path, const Json& object, std::string_view name,
                  std::optional<Instant>& out) {
  with_text(problems, path, object, name, [&](const std::string& text) {
    if (const auto instant = parse_instant(text)) {
      out = *instant;
    } else {
      problems.add(Path{&path, name}, instant.error().message);
    }
  });
}

void read_text_map(Problems& problems, const Path& path, const Json& object, std::string_view name,
                   Labels& out) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return;
  const Path here{&path, name};
  if (!found->is_object()) {
    problems.add(here, "is not a map: write keys with text values");
    return;
  }
  for (const auto& [key, ignored] : found->items()) {
    with_text(problems, here, *found, key, [&](const std::string& text) { out[key] = text; });
  }
}

void read_controller(Problems& problems, const Path& path, const Json& owners,
                     std::optional<OwnerReference>& out) {
  if (!owners.is_array()) return;
  for (const Json& owner : owners) {
    const auto controller = owner.find("controller");
    if (controller == owner.end() || !controller->is_boolean() || !controller->get<bool>())
      continue;
    OwnerReference reference{.controller = true};
    const Path here{&path, "ownerReferences"};
    with_text(problems, here, owner, "kind",
              [&](const std::string& text) { reference.kind = text; });
    with_text(problems, here, owner, "name",
              [&](const std::string& text) { reference.name = ObjectName(text); });
    with_text(problems, here, owner, "uid",
              [&](const std::string& text) { reference.uid = Uid(text); });
    out = std::move(reference);
  }
}

}  // namespace

void read_metadata(Problems& problems, const Path& path, const Json& metadata, ObjectMeta& out) {
  if (!metadata.is_object()) {
    problems.add(path, "is not an object: write at least metadata.name");
    return;
  }
  with_text(problems, path, metadata, "name",
            [&](const std::string& text) { out.key.name = ObjectName(text); });
  with_text(problems, path, metadata, "namespace",
            [&](const std::string& text) { out.key.ns = Namespace(text); });
  with_text(problems, path, metadata, "uid", [&](const std::string& text) { out.uid = Uid(text); });
  with_text(problems, path, metadata, "resourceVersion",
            [&](const std::string& text) { out.resource_version = ResourceVersion(text); });
  const auto generation = metadata.find("generation");
  if (generation != metadata.end() && generation->is_number_integer())
    out.generation = generation->get<std::int64_t>();
  std::optional<Instant> created;
  with_instant(problems, path, metadata, "creationTimestamp", created);
  out.created_at = created.value_or(Instant{});
  with_instant(problems, path, metadata, "deletionTimestamp", out.deleted_at);
  read_text_map(problems, path, metadata, "labels", out.labels);
  read_text_map(problems, path, metadata, "annotations", out.annotations);
  const auto owners = metadata.find("ownerReferences");
  if (owners != metadata.end()) read_controller(problems, path, *owners, out.controller);
}

bool has_finalizer(const Json& metadata, std::string_view name) {
  if (!metadata.is_object()) return false;
  const auto list = metadata.find("finalizers");
  return list != metadata.end() && list->is_array() &&
         std::find(list->begin(), list->end(), name) != list->end();
}

// Of the owner references only the controller is kept, without its apiVersion: this form is for
// files, tests and the simulator. The operator never sends metadata that it read.
Json write_metadata(const ObjectMeta& metadata) {
  Json object = {{"name", metadata.key.name.str()}};
  const auto put = [&](const char* name, const std::string& text) {
    if (!text.empty()) object[name] = text;
  };
  put("namespace", metadata.key.ns.str());
  put("uid", metadata.uid.str());
  put("resourceVersion", metadata.resource_version.str());
  if (metadata.generation != 0) object["generation"] = metadata.generation;
  if (metadata.created_at != Instant{})
    object["creationTimestamp"] = format_instant(metadata.created_at);
  if (metadata.deleted_at) object["deletionTimestamp"] = format_instant(*metadata.deleted_at);
  if (!metadata.labels.empty()) object["labels"] = metadata.labels;
  if (!metadata.annotations.empty()) object["annotations"] = metadata.annotations;
  if (metadata.controller) {
    object["ownerReferences"] = Json::array({{{"kind", metadata.controller->kind},
                                              {"name", metadata.controller->name.str()},
                                              {"uid", metadata.controller->uid.str()},
                                              {"controller", true}}});
  }
  return object;
}

Result<ObjectMeta> read_metadata(const Json& metadata) {
  Problems problems;
  ObjectMeta out;
  read_metadata(problems, Path{nullptr, "metadata"}, metadata, out);
  TRY_VOID(problems.result());
  return out;
}

}  // namespace spillway::api
