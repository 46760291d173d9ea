#include "comparison.h"

#include <algorithm>
#include <regex>

#include <spillway/core/time.h>

namespace spillway::conformance {
namespace {

using nlohmann::json;

bool is_instant(const std::string& text) {
  return text.size() >= 20 && text[4] == '-' && text[10] == 'T' &&
         parse_instant(text).has_value() && !text.starts_with("2026-01-01");
}

}  // namespace

std::string Normaliser::without_uids(std::string text) {
  static const std::regex uid("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");
  std::smatch found;
  while (std::regex_search(text, found, uid)) {
    const std::string name =
        uids_.emplace(found.str(), "<uid " + std::to_string(uids_.size() + 1) + ">").first->second;
    text.replace(static_cast<std::size_t>(found.position()),
                 static_cast<std::size_t>(found.length()), name);
  }
  static const std::regex time("20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z");
  return std::regex_replace(text, time, "<time>");
}

std::string Normaliser::version(const std::string& text) {
  return versions_.emplace(text, "<version " + std::to_string(versions_.size() + 1) + ">")
      .first->second;
}

void Normaliser::visit(json& value, const std::string& field) {
  if (value.is_array()) {
    for (json& item : value)
      visit(item, field);
    return;
  }
  if (value.is_object()) {
    json renamed = json::object();  // owned fields name owners by their uid
    for (auto& [name, below] : value.items()) {
      visit(below, name);
      renamed[without_uids(name)] = std::move(below);
    }
    value = std::move(renamed);
    return;
  }
  if (!value.is_string()) return;
  const std::string text = value.get<std::string>();
  if (field == "resourceVersion")
    value = version(text);
  else if (field == "continue")
    value = text.empty() ? "" : "<token>";
  else if (field == "clusterIP" || field == "clusterIPs")
    value = text == "None" ? text : "<address>";
  else if (is_instant(text))
    value = "<time>";
  else
    value = without_uids(text);
}

// The server walks maps in no order: causes are compared as a set.
void order_causes(json& value) {
  if (!value.is_object() || !value.contains("/details/causes"_json_pointer) ||
      value["details"]["causes"].size() < 2)
    return;
  auto& causes = value["details"]["causes"].get_ref<json::array_t&>();
  std::sort(causes.begin(), causes.end());
  const std::string message = value.value("message", "");
  std::string words;
  for (const json& cause : causes)
    words += "; " + cause.value("field", "") + ": " + cause.value("message", "");
  value["message"] = message.substr(0, message.find(": ")) + words;
}

// The server orders them by their time first: what falls into which second, the script does not
// say.
void order_managers(json& value) {
  if (value.is_array()) {
    for (json& item : value)
      order_managers(item);
  }
  if (!value.is_object()) return;
  for (auto& [name, below] : value.items()) {
    order_managers(below);
    if (name != "managedFields" || !below.is_array()) continue;
    auto& managers = below.get_ref<json::array_t&>();
    std::ranges::sort(managers, {}, [](const json& entry) {
      return entry.value("manager", "") + "/" + entry.value("operation", "") + "/" +
             entry.value("subresource", "");
    });
  }
}

namespace {

std::uint64_t version_in(const json& object) {
  const std::string text = object.value("/metadata/resourceVersion"_json_pointer, "");
  return text.empty() ? 0 : std::stoull(text);
}

// A collection is as of now, whoever wrote last in the whole cluster: that it is not older than
// what is in it is what can be said of it.
void judge(json& whole, std::uint64_t newest) {
  if (version_in(whole) == 0) return;
  const bool fresh = version_in(whole) >= newest;
  whole["metadata"].erase("resourceVersion");
  whole["metadata"]["age"] = fresh ? "no older than what is in it" : "older than what is in it";
}

// Of a list, and of the bookmarks of a watch.
void judge_versions(json& value) {
  std::uint64_t newest = 0;
  if (value.is_object() && value.contains("items")) {
    for (const json& item : value["items"])
      newest = std::max(newest, version_in(item));
    judge(value, newest);
  }
  if (!value.is_array()) return;
  for (json& frame : value) {
    json& object = frame["object"];
    if (frame.value("type", "") == "BOOKMARK")
      judge(object, newest);
    else
      newest = std::max(newest, version_in(object));
  }
}

}  // namespace

json Normaliser::normalise(json value) {
  judge_versions(value);
  visit(value, "");
  order_causes(value);
  order_managers(value);
  return value;
}

const std::vector<KnownDifference>& known_differences() {
  static const std::vector<KnownDifference> known = {
      {".*", "^/body(/items/[0-9]+|/[0-9]+/object)?/metadata/managedFields$",
       "kept only for the kinds that are applied: nobody reads them of the others"},
      {".*", "^/body(/items/[0-9]+|/[0-9]+/object)?/spec/serviceAccount(Name)?$",
       "given by admission, which the model has not"},
      {".*", "^/body/status/(podIPs|conditions/0/lastProbeTime)$",
       "follow from other fields, or are always null; nobody reads them"},
      {"pod that nobody runs|child pod by force", "^/body/metadata/(deletion|generation)",
       "marked as if it had waited for its end; of this answer only the kind is read"},
      {"pod by force", "^/body/metadata/deletionGracePeriodSeconds$",
       "marked as if it had waited for its end; of this answer only the kind is read"},
      {"node", "^/body/spec/taints$",
       "admission takes new nodes for not ready; those of the model are ready from the start"},
      {"node( .*|s .*)?", "^/body(/items/[0-9]+|/[0-9]+/object)?/status$",
       "structs of nodes that are always there; nobody reads them"},
      {"node('s health| as it is| marked .*| without .*)",
       "^/body/status/(daemonEndpoints|nodeInfo)$", "as above"},
      {"node('s health| as it is| marked .*| without .*)", "^/body/status/conditions/0/message$",
       "empty text is left out; nodes have no schema here"},
      {"lease (that was another|of another uid)", "^/body/message$",
       "in the words of the storage; only the code is read"},
      {"at another version", "^/body/message$", "names versions"},
      {"bad status", "^/body/(message|details)",
       "the status endpoint checks the status by itself and names paths below it"},
      {"bad applied status", "^/body/(message|details)",
       "the status endpoint checks the status by itself and names paths below it"},
      {"scaled pool", "^/body/metadata/managedFields",
       "the scale endpoint of custom resources records no time"},
      {"event.*", "^/body/deprecated", "fields of the older API that are always null"},
  };
  return known;
}

bool counts(const json& object) {
  return object.value("/metadata/labels"_json_pointer, json::object()).contains(kOurs);
}

bool counts_frame(const json& frame) {
  return frame.value("type", "") == "BOOKMARK" || counts(frame.value("object", json::object()));
}

namespace {

// Without what others have made, where there may be others.
json compared_part(const Step& step, json body) {
  if (!step.among_others) return body;
  const auto drop = [](json& list, bool (*counted)(const json&)) {
    std::erase_if(list.get_ref<json::array_t&>(),
                  [&](const json& entry) { return !counted(entry); });
  };
  if (body.is_array()) drop(body, counts_frame);
  if (body.is_object() && body.contains("items")) drop(body["items"], counts);
  return body;
}

}  // namespace

std::vector<std::string> compare(const std::vector<Step>& steps, const std::vector<Reply>& real,
                                 const std::vector<Reply>& model) {
  std::vector<std::string> sentences;
  Normaliser real_names;
  Normaliser model_names;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const json expected = {{"status", real[i].status},
                           {"body", real_names.normalise(compared_part(steps[i], real[i].body))}};
    const json found = {{"status", model[i].status},
                        {"body", model_names.normalise(compared_part(steps[i], model[i].body))}};
    for (const json& change : json::diff(expected, found)) {
      const std::string path = change.at("path");
      const bool known =
          std::ranges::any_of(known_differences(), [&](const KnownDifference& difference) {
            return std::regex_match(steps[i].name, std::regex(difference.step)) &&
                   std::regex_search(path, std::regex(difference.path));
          });
      if (known) continue;
      const json was = expected.contains(json::json_pointer(path))
                           ? expected.at(json::json_pointer(path))
                           : json();
      sentences.push_back(
          steps[i].name + ": " + path + ": the real one says " + was.dump().substr(0, 600) +
          ", the model " +
          (change.contains("value") ? change.at("value").dump().substr(0, 600) : "nothing"));
    }
  }
  return sentences;
}

}  // namespace spillway::conformance
