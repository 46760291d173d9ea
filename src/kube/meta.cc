#include <spillway/kube/meta.h>

#include <algorithm>

#include "json_reader.h"

namespace spillway::kube {
namespace {

constexpr std::string_view kOwnPrefix = "spillway.dev/";

bool wanted(std::string_view key, bool all, std::span<const std::string_view> named) {
  return all || key.starts_with(kOwnPrefix) || std::ranges::find(named, key) != named.end();
}

LabelSet read_labels(const JsonReader& metadata, std::string_view field, bool all,
                     std::span<const std::string_view> named) {
  LabelSet labels;
  metadata.each_text(field, [&](const std::string& key, std::string_view value) {
    if (wanted(key, all, named)) labels.set(key, value);
  });
  labels.shrink();
  return labels;
}

std::string required(const JsonReader& metadata, std::string_view field) {
  const std::string_view text = metadata.text(field);
  if (text.empty()) metadata.complain(field, "set");
  return std::string(text);
}

}  // namespace

std::optional<std::string_view> LabelSet::find(std::string_view key) const {
  const auto at =
      std::ranges::lower_bound(entries_, key, {}, [](const Entry& e) { return e.first.view(); });
  if (at == entries_.end() || !(at->first == key)) return std::nullopt;
  return at->second.view();
}

bool LabelSet::matches(const Labels& selector) const {
  return std::ranges::all_of(selector, [this](const auto& pair) {
    const auto value = find(pair.first);
    return value && *value == pair.second;
  });
}

Labels LabelSet::to_map() const {
  Labels map;
  for (const auto& [key, value] : entries_)
    map.emplace(key.str(), value.str());
  return map;
}

void LabelSet::set(std::string_view key, std::string_view value) {
  const auto at =
      std::ranges::lower_bound(entries_, key, {}, [](const Entry& e) { return e.first.view(); });
  if (at != entries_.end() && at->first == key) {
    at->second = Interned(value);
  } else {
    entries_.emplace(at, Interned(key), Interned(value));
  }
}

Result<Meta> read_meta(const nlohmann::json& object, const Keep& keep) {
  std::optional<Error> error;
  const JsonReader root(object, error);
  const JsonReader metadata = root.at("metadata");
  if (!metadata.present()) return invalid("metadata has to be set");
  Meta meta;
  meta.key = {.ns = Namespace(metadata.text("namespace")),
              .name = ObjectName(required(metadata, "name"))};
  meta.uid = Uid(required(metadata, "uid"));
  meta.resource_version = ResourceVersion(required(metadata, "resourceVersion"));
  meta.generation = metadata.integer("generation");
  meta.created_at = metadata.instant("creationTimestamp").value_or(Instant{});
  meta.deleted_at = metadata.instant("deletionTimestamp");
  meta.labels = read_labels(metadata, "labels", keep.all_labels, keep.labels);
  meta.annotations = read_labels(metadata, "annotations", false, keep.annotations);
  metadata.each("ownerReferences", [&](const JsonReader& owner) {
    if (!owner.flag("controller")) return;
    meta.controller = Controller{.kind = Interned(owner.text("kind")),
                                 .name = Interned(owner.text("name")),
                                 .uid = Interned(owner.text("uid"))};
  });
  if (error) return fail(*std::move(error));
  return meta;
}

}  // namespace spillway::kube
