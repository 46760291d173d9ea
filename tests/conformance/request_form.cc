#include "request_form.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/cloud/url.h>
#include <spillway/core/text.h>

namespace spillway::conformance {
namespace {

using kube::Method;
using nlohmann::json;

// "/apis/batch/v1/namespaces/a/jobs/j/status?force=true", taken apart.
struct Asked {
  std::string resource;  // "jobs.batch/status"
  bool named = false;    // one object, not the collection
  bool everywhere = false;
  std::map<std::string, std::string> query;
};

std::string decoded(std::string_view text) {
  return cloud::percent_decode(text).value_or(std::string(text));
}

Asked take_apart(std::string_view target) {
  Asked asked;
  const std::size_t question = target.find('?');
  const auto path = split(target.substr(0, question), '/');
  const bool core = path.size() > 1 && path[1] == "api";
  std::size_t next = core ? 3 : 4;
  const bool in_one = path.size() > next + 2 && path[next] == "namespaces";
  if (in_one) next += 2;
  if (path.size() <= next) return {.resource = std::string(target.substr(0, question))};
  asked.resource = path[next];
  if (!core) asked.resource += "." + std::string(path[2]);
  asked.named = path.size() > next + 1;
  asked.everywhere = !in_one;
  if (path.size() > next + 2) asked.resource += "/" + std::string(path[next + 2]);
  if (question == std::string_view::npos) return asked;
  for (const std::string_view pair : split(target.substr(question + 1), '&')) {
    const std::size_t equals = pair.find('=');
    const bool bare = equals == std::string_view::npos;
    asked.query[decoded(pair.substr(0, equals))] = bare ? "" : decoded(pair.substr(equals + 1));
  }
  return asked;
}

std::string verb_of(const kube::HttpRequest& request, const Asked& asked) {
  switch (request.method) {
    case Method::kGet:
      if (asked.query.contains("watch")) return "watch";
      return asked.named ? "get" : "list";
    case Method::kPost: return "create";
    case Method::kPut: return "update";
    case Method::kDelete: return asked.named ? "delete" : "delete all";
    case Method::kPatch: break;
  }
  if (request.content_type == "application/apply-patch+yaml") return "apply";
  if (request.content_type == "application/merge-patch+json") return "patch";
  return "patch (" + request.content_type + ")";
}

std::vector<std::string> selector_parts(const std::string& selector) {
  std::vector<std::string> parts;
  if (selector.find("!=") != std::string::npos) parts.emplace_back("labels !=");
  if (selector.find(" in ") != std::string::npos) parts.emplace_back("labels in");
  if (selector.find(" notin ") != std::string::npos) parts.emplace_back("labels notin");
  const bool equal = std::ranges::any_of(split(selector, ','), [](std::string_view part) {
    return part.find('=') != std::string_view::npos && part.find("!=") == std::string_view::npos;
  });
  if (equal) parts.emplace_back("labels =");
  return parts;
}

bool removes(const json& value) {
  if (value.is_null()) return true;
  return value.is_object() &&
         std::ranges::any_of(value, [](const json& below) { return below.is_null(); });
}

// Versions and identities are conditions; the fields beside them are what is written.
void add_conditions(const json& body, std::vector<std::string>& parts) {
  const json metadata = body.value("metadata", json::object());
  if (metadata.contains("resourceVersion")) parts.emplace_back("on a version");
  if (metadata.contains("uid")) parts.emplace_back("of a uid");
}

bool says_which(std::string_view field) {
  return field == "name" || field == "namespace" || field == "resourceVersion" || field == "uid" ||
         field == "creationTimestamp" || field == "generation" || field == "managedFields";
}

std::vector<std::string> patch_parts(const json& body) {
  std::vector<std::string> parts;
  add_conditions(body, parts);
  for (const auto& [name, value] : body.items()) {
    if (!value.is_object()) {
      parts.push_back(name + (removes(value) ? "-" : ""));
      continue;
    }
    for (const auto& [field, below] : value.items()) {
      if (name == "metadata" && says_which(field)) continue;
      parts.push_back(name + "." + field + (removes(below) ? "-" : ""));
    }
  }
  return parts;
}

std::vector<std::string> object_parts(const json& body) {
  std::vector<std::string> parts;
  add_conditions(body, parts);
  for (const auto& [name, value] : body.items()) {
    if (name == "apiVersion" || name == "kind") continue;
    if (name != "metadata") parts.push_back(name);
  }
  const json metadata = body.value("metadata", json::object());
  for (const auto& [field, below] : metadata.items()) {
    if (!says_which(field)) parts.push_back("metadata." + field);
  }
  return parts;
}

std::vector<std::string> delete_parts(const json& body) {
  std::vector<std::string> parts;
  parts.push_back("propagationPolicy=" + body.value("propagationPolicy", ""));
  const json preconditions = body.value("preconditions", json::object());
  for (const auto& [name, value] : preconditions.items())
    parts.push_back("preconditions." + name);
  if (body.contains("gracePeriodSeconds")) {
    const bool now = body["gracePeriodSeconds"] == 0;
    parts.emplace_back(now ? "gracePeriodSeconds=0" : "gracePeriodSeconds");
  }
  return parts;
}

std::vector<std::string> parts_of(const kube::HttpRequest& request, const std::string& verb,
                                  const Asked& asked) {
  if (request.method == Method::kGet) {
    const auto selector = asked.query.find("labelSelector");
    return selector == asked.query.end() ? std::vector<std::string>()
                                         : selector_parts(selector->second);
  }
  const json body = json::parse(request.body, nullptr, false);
  if (!body.is_object()) return {"no object"};
  if (request.method == Method::kDelete) return delete_parts(body);
  return verb == "patch" ? patch_parts(body) : object_parts(body);
}

}  // namespace

std::set<std::string> request_forms(const kube::HttpRequest& request) {
  const Asked asked = take_apart(request.target);
  const std::string verb = verb_of(request, asked);
  std::string subject = verb + " " + asked.resource;
  const bool reads_all = request.method == Method::kGet && !asked.named;
  if (reads_all && asked.everywhere) subject += " everywhere";
  std::vector<std::string> names;
  names.reserve(asked.query.size());
  for (const auto& [name, value] : asked.query)
    names.push_back(name);
  std::set<std::string> forms = {names.empty() ? subject : subject + " ?" + join(names, "&")};
  for (const std::string& part : parts_of(request, verb, asked))
    forms.insert(subject + ": " + part);
  return forms;
}

}  // namespace spillway::conformance
