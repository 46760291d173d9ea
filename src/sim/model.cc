#include <spillway/sim/model.h>

#include <algorithm>

#include <spillway/core/check.h>
#include <spillway/core/text.h>

#include "json_fields.h"

namespace spillway::sim {

using nlohmann::json;

Model::Model(VirtualTime& time, ApiServer& server, std::string manager, Duration latency)
    : time_(time), server_(server), manager_(std::move(manager)), latency_(latency) {}

void Model::look_at(const ObjectKey& key) {
  dirty_.insert(key);
  if (std::exchange(scheduled_, true)) return;
  time_.after(latency_, [this] { run_dirty(); });
}

void Model::look_at_later(const ObjectKey& key, Duration delay) {
  time_.after(delay, [this, key] { look_at(key); });
}

void Model::run_dirty() {
  scheduled_ = false;
  const std::set<ObjectKey> keys = std::exchange(dirty_, {});
  for (const ObjectKey& key : keys)
    sync(key);
}

namespace {
// 404 and 409 happen to every controller: the object is gone, or is there already.
void expect_sense(const Answer<Object>& answer) {
  if (!answer && answer.error().code != 404 && answer.error().code != 409)
    check_failed(answer.error().message, __FILE__, __LINE__);
}
}  // namespace

void Model::edit(const kube::ResourceType& type, const ObjectKey& key,
                 const std::string& subresource, const std::function<void(json&)>& change) {
  expect_sense(server_.edit(type, key, {.manager = manager_, .subresource = subresource}, change));
}

void Model::edit_status(const kube::ResourceType& type, const ObjectKey& key,
                        const std::function<void(const json&, json&)>& change) {
  const Object live = server_.find(type, key);
  if (!live) return;
  json status = map_in(*live, "status");
  change(*live, status);
  const json* before = find_in(*live, "status");
  if (before != nullptr && status == *before) return;
  edit(type, key, "status", [&](json& next) { next["status"] = std::move(status); });
}

void Model::create(const kube::ResourceType& type, json object) {
  expect_sense(server_.create(type, std::move(object), {.manager = manager_}));
}

void Model::remove(const kube::ResourceType& type, const ObjectKey& key, const json& object,
                   kube::DeleteOptions options) {
  options.uid = Uid(object.at("metadata").at("uid").get<std::string>());
  expect_sense(server_.remove(type, key, options));
}

// ---- owners

OwnerIndex::OwnerIndex(ApiServer& server) : server_(server) {
  server.listen([this](const Change& change) { note(change); });
}

void OwnerIndex::note(const Change& change) {
  const auto owners = [](const Object& object) -> const json& {
    return list_in(*object, "metadata", "ownerReferences");
  };
  // Nearly every change leaves them as they are.
  if (change.kind == ChangeKind::kModified && owners(change.before) == owners(change.object))
    return;
  const Child child{change.type.to_string(), change.key};
  if (change.before) {
    for (const json& owner : owners(change.before)) {
      const auto there = children_.find(string_in(owner, "uid"));
      if (there == children_.end()) continue;
      there->second.erase(child);
      if (there->second.empty()) children_.erase(there);
    }
  }
  if (change.kind == ChangeKind::kDeleted) return;
  for (const json& owner : owners(change.object))
    children_[string_in(owner, "uid")].insert(child);
}

const std::set<OwnerIndex::Child>& OwnerIndex::children(const std::string& owner_uid) const {
  static const std::set<Child> none;
  const auto there = children_.find(owner_uid);
  return there == children_.end() ? none : there->second;
}

std::vector<Object> OwnerIndex::children(const std::string& owner_uid,
                                         const kube::ResourceType& type) const {
  std::vector<Object> objects;
  for (const auto& [collection, key] : children(owner_uid)) {
    if (collection != type.to_string()) continue;
    if (Object object = server_.find(type, key)) objects.push_back(std::move(object));
  }
  return objects;
}

// ---- pieces of objects

const json* condition_of(const json& object, const std::string& type) {
  for (const json& condition : list_in(object, "status", "conditions")) {
    if (text_in(condition, "type") == type) return &condition;
  }
  return nullptr;
}

bool condition_holds(const json& object, const std::string& type) {
  const json* condition = condition_of(object, type);
  return condition != nullptr && text_in(*condition, "status") == "True";
}

bool set_condition(json& status, const std::string& type, bool holds, const std::string& reason,
                   const std::string& message, const std::string& now) {
  json& conditions = status["conditions"];
  if (!conditions.is_array()) conditions = json::array();
  json wanted = {{"type", type}, {"status", holds ? "True" : "False"}, {"lastTransitionTime", now}};
  if (!reason.empty()) wanted["reason"] = reason;
  if (!message.empty()) wanted["message"] = message;
  for (json& condition : conditions) {
    if (text_in(condition, "type") != type) continue;
    if (text_in(condition, "status") == text_in(wanted, "status"))
      wanted["lastTransitionTime"] = condition["lastTransitionTime"];
    if (condition == wanted) return false;
    condition = std::move(wanted);
    return true;
  }
  conditions.push_back(std::move(wanted));
  return true;
}

json controller_reference(const json& owner, const kube::ResourceType& type) {
  return {
      {"apiVersion", type.api_version()}, {"kind", type.kind},  {"name", owner["metadata"]["name"]},
      {"uid", owner["metadata"]["uid"]},  {"controller", true}, {"blockOwnerDeletion", true}};
}

bool controlled_by(const json& object, const std::string& owner_uid) {
  for (const json& owner : list_in(object, "metadata", "ownerReferences")) {
    if (is_set(owner, "controller") && text_in(owner, "uid") == owner_uid) return true;
  }
  return false;
}

bool is_deleting(const json& object) {
  return object.at("metadata").contains("deletionTimestamp");
}

std::string name_suffix(const std::string& text) {
  constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
  std::uint64_t hash = stable_hash(text);
  std::string suffix;
  for (int i = 0; i < 5; ++i, hash /= kLetters.size())
    suffix += kLetters[hash % kLetters.size()];
  return suffix;
}

}  // namespace spillway::sim
