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
    for (auto& [name, below] : value.items())
      visit(below, name);
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

json Normaliser::normalise(json value) {
  visit(value, "");
  order_causes(value);
  order_managers(value);
  return value;
}

const std::vector<KnownDifference>& known_differences() {
  static const std::vector<KnownDifference> known = {
      {"", "^/body/metadata/managedFields$",
       "kept only for the kinds that are applied: nobody reads them of the others"},
      {"", "^/body/spec/serviceAccount(Name)?$", "given by admission, which the model has not"},
      {"", "^/body/status/(podIPs|conditions/0/lastProbeTime)$",
       "follow from other fields, or are always null; nobody reads them"},
      {"pod that nobody runs", "^/body/metadata/(deletion|generation)",
       "marked as if it had waited for its end; of this answer only the kind is read"},
      {"pod by force", "^/body/metadata/deletionGracePeriodSeconds$",
       "marked as if it had waited for its end; of this answer only the kind is read"},
      {"node", "^/body/spec/taints$",
       "admission takes new nodes for not ready; those of the model are ready from the start"},
      {"node", "^/body/status$", "structs of nodes that are always there; nobody reads them"},
      {"node will go", "^/body/status$", "as above"},
      {"node stays", "^/body/status$", "as above"},
      {"node's health", "^/body/status/(daemonEndpoints|nodeInfo)$", "as above"},
      {"node's health", "^/body/status/conditions/0/message$",
       "empty text is left out; nodes have no schema here"},
      {"at another version", "^/body/message$", "names versions"},
      {"bad status", "^/body/(message|details)",
       "the status endpoint checks the status by itself and names paths below it"},
      {"bad applied status", "^/body/(message|details)",
       "the status endpoint checks the status by itself and names paths below it"},
      {"scaled pool", "^/body/metadata/managedFields",
       "the scale endpoint of custom resources records no time"},
      {"event", "^/body/deprecated", "fields of the older API that are always null"},
      {"event series", "^/body/deprecated", "fields of the older API that are always null"},
  };
  return known;
}

std::vector<std::string> compare(const std::vector<Step>& steps, const std::vector<Reply>& real,
                                 const std::vector<Reply>& model) {
  std::vector<std::string> sentences;
  Normaliser real_names;
  Normaliser model_names;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const json expected = {{"status", real[i].status},
                           {"body", real_names.normalise(real[i].body)}};
    const json found = {{"status", model[i].status},
                        {"body", model_names.normalise(model[i].body)}};
    for (const json& change : json::diff(expected, found)) {
      const std::string path = change.at("path");
      const bool known =
          std::ranges::any_of(known_differences(), [&](const KnownDifference& difference) {
            return (difference.step.empty() || difference.step == steps[i].name) &&
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
