#include <spillway/sim/refusal.h>

#include <utility>

namespace spillway::sim {
namespace {

using nlohmann::json;

json details_of(const kube::ResourceType& type, const ObjectName& name) {
  json details = {{"name", name.str()}, {"kind", type.plural}};
  if (!type.group.empty()) details["group"] = type.group;
  return details;
}

Refused refuse(int code, std::string reason, std::string message, json details = {}) {
  return Refused(Refusal{.code = code,
                         .reason = std::move(reason),
                         .message = std::move(message),
                         .details = std::move(details)});
}

// The API server lists the same sentence once.
std::string listed(const std::vector<Cause>& causes) {
  if (causes.size() == 1) return causes.front().field + ": " + causes.front().message;
  std::string text = "[";
  for (const Cause& cause : causes)
    text += (text.size() > 1 ? ", " : "") + cause.field + ": " + cause.message;
  return text + "]";
}

}  // namespace

json Refusal::to_json() const {
  json status = {{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", json::object()},
                 {"status", "Failure"}, {"message", message}, {"code", code}};
  if (!reason.empty()) status["reason"] = reason;
  if (!details.is_null()) status["details"] = details;
  return status;
}

Refused not_found(const kube::ResourceType& type, const ObjectName& name) {
  return refuse(404, "NotFound", type.to_string() + " \"" + name.str() + "\" not found",
                details_of(type, name));
}

Refused already_exists(const kube::ResourceType& type, const ObjectName& name) {
  return refuse(409, "AlreadyExists", type.to_string() + " \"" + name.str() + "\" already exists",
                details_of(type, name));
}

Refused conflict(const kube::ResourceType& type, const ObjectName& name, const std::string& why) {
  return refuse(
      409, "Conflict",
      "Operation cannot be fulfilled on " + type.to_string() + " \"" + name.str() + "\": " + why,
      details_of(type, name));
}

Refused object_modified(const kube::ResourceType& type, const ObjectName& name) {
  return conflict(type, name,
                  "the object has been modified; please apply your changes to the latest version "
                  "and try again");
}

Refused invalid_object(const kube::ResourceType& type, const ObjectName& name,
                       const std::vector<Cause>& causes) {
  json details = {{"name", name.str()}, {"kind", type.kind}, {"causes", json::array()}};
  if (!type.group.empty()) details["group"] = type.group;
  for (const Cause& cause : causes) {
    details["causes"].push_back(
        {{"reason", cause.reason}, {"message", cause.message}, {"field", cause.field}});
  }
  const std::string kind =
      std::string(type.kind) + (type.group.empty() ? "" : "." + std::string(type.group));
  return refuse(422, "Invalid", kind + " \"" + name.str() + "\" is invalid: " + listed(causes),
                std::move(details));
}

Refused invalid_options(const std::string& kind, const Cause& cause) {
  return refuse(
      422, "Invalid", kind + ".meta.k8s.io \"\" is invalid: " + cause.field + ": " + cause.message,
      {{"group", "meta.k8s.io"},
       {"kind", kind},
       {"causes",
        json::array(
            {{{"reason", cause.reason}, {"message", cause.message}, {"field", cause.field}}})}});
}

Refused bad_request(std::string message) {
  return refuse(400, "BadRequest", std::move(message));
}

Refused forbidden(const kube::ResourceType& type, const ObjectName& name, const std::string& why) {
  return refuse(403, "Forbidden", type.to_string() + " \"" + name.str() + "\" is forbidden: " + why,
                details_of(type, name));
}

Refused expired(std::string message) {
  return refuse(410, "Expired", std::move(message));
}

Refused version_too_large(std::uint64_t asked, std::uint64_t current) {
  return refuse(504, "Timeout",
                "Timeout: Too large resource version: " + std::to_string(asked) +
                    ", current: " + std::to_string(current),
                {{"causes", json::array({{{"reason", "ResourceVersionTooLarge"},
                                          {"message", "Too large resource version"}}})},
                 {"retryAfterSeconds", 1}});
}

Refused not_implemented(const std::string& request) {
  return refuse(501, "NotImplemented",
                "the model API server does not know this request: " + request);
}

}  // namespace spillway::sim
