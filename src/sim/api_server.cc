#include <spillway/sim/api_server.h>

#include <algorithm>
#include <array>
#include <charconv>

#include <spillway/core/text.h>

#include "json_text.h"
#include "target.h"

// Routing: from a request to one of the verbs.
namespace spillway::sim {
namespace {

using kube::Method;
using nlohmann::json;

constexpr std::size_t kMaxUnknownRequests = 1000;

std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int code = 0;
    const bool escaped = text[i] == '%' && i + 2 < text.size();
    if (escaped &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, code, 16).ec == std::errc{}) {
      out += static_cast<char>(code);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

// What each verb may say beside the object; anything else is a request that nobody here sends.
bool known_parameter(Method method, const std::string& name) {
  constexpr std::array kReads = {
      "watch",           "allowWatchBookmarks",  "timeoutSeconds",    "labelSelector",
      "resourceVersion", "resourceVersionMatch", "sendInitialEvents", "limit",
      "continue"};
  constexpr std::array kWrites = {"fieldManager", "force"};
  const auto is = [&](const char* known) { return name == known; };
  return method == Method::kGet ? std::ranges::any_of(kReads, is)
                                : std::ranges::any_of(kWrites, is);
}

Refused unknown(const kube::HttpRequest& request) {
  return not_implemented(std::string(kube::to_string(request.method)) + " " + request.target +
                         (request.content_type.empty() ? "" : " (" + request.content_type + ")"));
}

ObjectKey key_in(const json& object) {
  return {.ns = Namespace(object.value("/metadata/namespace"_json_pointer, "")),
          .name = ObjectName(object.value("/metadata/name"_json_pointer, ""))};
}

kube::DeleteOptions delete_options(const json& body) {
  kube::DeleteOptions options;
  const json preconditions = body.value("preconditions", json::object());
  if (preconditions.contains("uid")) options.uid = Uid(preconditions["uid"].get<std::string>());
  if (preconditions.contains("resourceVersion")) {
    options.resource_version = ResourceVersion(preconditions["resourceVersion"].get<std::string>());
  }
  if (body.contains("gracePeriodSeconds"))
    options.grace = std::chrono::seconds(body["gracePeriodSeconds"].get<std::int64_t>());
  const std::string propagation = body.value("propagationPolicy", "Background");
  if (propagation == "Foreground") options.propagation = kube::Propagation::kForeground;
  if (propagation == "Orphan") options.propagation = kube::Propagation::kOrphan;
  return options;
}

}  // namespace

kube::HttpResponse json_response(int status, const json& body) {
  return {.status = status, .body = json_text(body)};
}

Answer<std::uint64_t> parse_version(const std::string& text) {
  if (text.empty()) return 0;
  std::uint64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error == std::errc{} && end == text.data() + text.size()) return version;
  return bad_request("invalid resource version \"" + text + "\"");
}

ApiServer::ApiServer(const Clock& clock, Random& random) : clock_(clock), random_(random) {
  store_.listen([this](const Change& change) { tell_watches(change); });
  for (const char* name : {"default", "kube-system"}) {
    insert(kind_of(kNamespaces), {.name = ObjectName(name)}, {{"metadata", {{"name", name}}}}, {},
           true)
        .value();
  }
}

Answer<ApiServer::Target> ApiServer::parse(const kube::HttpRequest& request) const {
  const auto question = request.target.find('?');
  Target target;
  if (question != std::string::npos) {
    for (const auto pair : split(std::string_view(request.target).substr(question + 1), '&')) {
      const auto equals = pair.find('=');
      std::string name = percent_decode(pair.substr(0, equals));
      if (!known_parameter(request.method, name)) return unknown(request);
      target.query[std::move(name)] =
          equals == std::string_view::npos ? "" : percent_decode(pair.substr(equals + 1));
    }
  }
  std::vector<std::string> path;
  for (const auto part : split(std::string_view(request.target).substr(0, question), '/'))
    path.push_back(percent_decode(part));
  // "", "api", "v1", ... or "", "apis", group, version, ...
  if (path.size() < 4 || !path[0].empty() || (path[1] != "api" && path[1] != "apis"))
    return unknown(request);
  const bool core = path[1] == "api";
  std::size_t next = core ? 3 : 4;
  const std::string group = core ? "" : path[2];
  const std::string version = path[core ? 2 : 3];
  if (path.size() > next + 2 && path[next] == "namespaces" &&
      find_kind(group, version, path[next + 2]) != nullptr) {
    target.key.ns = Namespace(path[next + 1]);
    next += 2;
  }
  if (path.size() <= next) return unknown(request);
  target.kind = find_kind(group, version, path[next]);
  if (target.kind == nullptr || path.size() > next + 3) return unknown(request);
  if (path.size() > next + 1) target.key.name = ObjectName(path[next + 1]);
  if (path.size() > next + 2) target.subresource = path[next + 2];
  const bool known_subresource = target.subresource.empty() ||
                                 (target.subresource == "status" && target.kind->status) ||
                                 (target.subresource == "scale" && target.kind->scale);
  const bool all_namespaces = target.kind->type.namespaced && target.key.ns.empty();
  if (!known_subresource || (all_namespaces && !target.key.name.empty())) return unknown(request);
  return target;
}

kube::HttpResponse ApiServer::handle(const kube::HttpRequest& request) {
  Answer<kube::HttpResponse> answer = dispatch(request);
  if (answer) return *std::move(answer);
  if (answer.error().code == 501) note_unknown(request);
  return json_response(answer.error().code, answer.error().to_json());
}

kube::HttpResponse ApiServer::object_response(int status, const Object& object) {
  return {.status = status, .body = text_of(object)};
}

void ApiServer::note_unknown(const kube::HttpRequest& request) {
  if (unknown_requests_.size() < kMaxUnknownRequests)
    unknown_requests_.push_back(unknown(request).value().message);
}

Answer<kube::HttpResponse> ApiServer::dispatch(const kube::HttpRequest& request) {
  const Answer<Target> target = parse(request);
  if (!target) return Refused(target.error());
  if (request.method != Method::kGet) return write(*target, request);
  if (target->flag("watch") || !target->subresource.empty()) {
    if (target->subresource == "scale") return scale(*target, request, json());
    if (target->flag("watch")) return unknown(request);  // comes through open()
  }
  return target->key.name.empty() ? list(*target) : read(*target);
}

Answer<kube::HttpResponse> ApiServer::read(const Target& target) {
  const Object object = store_.find(target.kind->type, target.key);
  if (!object) return not_found(target.kind->type, target.key.name);
  return json_response(200, *object);
}

Answer<kube::HttpResponse> ApiServer::write(const Target& target,
                                            const kube::HttpRequest& request) {
  json body = json::parse(request.body, nullptr, false);
  if (!body.is_object())
    return bad_request("the object provided is unrecognized (must be of type " +
                       std::string(target.kind->type.kind) + ")");
  const bool json_body = request.content_type == "application/json";
  if (target.subresource == "scale") return scale(target, request, body);
  if (request.method == Method::kPatch && !target.key.name.empty())
    return patch(target, request, std::move(body));
  if (request.method == Method::kDelete && !target.key.name.empty() && json_body &&
      target.subresource.empty()) {
    return delete_one(target, body);
  }
  const Editor editor{.manager = target.parameter("fieldManager"),
                      .subresource = target.subresource};
  if (request.method == Method::kPost && target.key.name.empty() && json_body) {
    ObjectKey key = key_in(body);
    if (target.kind->type.namespaced && key.ns.empty()) key.ns = target.key.ns;
    if (key.ns != target.key.ns) {
      return bad_request(
          "the namespace of the provided object does not match the namespace sent on the request");
    }
    Answer<Object> made = insert(*target.kind, key, std::move(body), editor, false);
    if (!made) return Refused(made.error());
    return object_response(201, *made);
  }
  if (request.method == Method::kPut && !target.key.name.empty() && json_body) {
    if (key_in(body).name != target.key.name) {
      return bad_request("the name of the object (" + key_in(body).name.str() +
                         ") does not match the name on the URL (" + target.key.name.str() + ")");
    }
    Answer<Object> replaced = replace(target.kind->type, target.key, std::move(body), editor);
    if (!replaced) return Refused(replaced.error());
    return object_response(200, *replaced);
  }
  return unknown(request);
}

Answer<kube::HttpResponse> ApiServer::patch(const Target& target, const kube::HttpRequest& request,
                                            json body) {
  const Editor editor{.manager = target.parameter("fieldManager"),
                      .subresource = target.subresource};
  const bool existed = store_.find(target.kind->type, target.key) != nullptr;
  Answer<Object> answer;
  if (request.content_type == "application/apply-patch+yaml" && editor.manager.empty()) {
    const Cause cause{.reason = "FieldValueRequired",
                      .message = "Required value: is required for apply patch",
                      .field = "fieldManager"};
    return invalid_options("PatchOptions", cause);
  }
  if (request.content_type == "application/apply-patch+yaml" && target.kind->keeps_fields) {
    answer = apply(target.kind->type, target.key, std::move(body), target.flag("force"), editor);
  } else if (request.content_type == "application/merge-patch+json") {
    answer = merge_patch(target.kind->type, target.key, body, editor);
  } else {
    return unknown(request);
  }
  if (!answer) return Refused(answer.error());
  return object_response(existed ? 200 : 201, *answer);
}

Answer<kube::HttpResponse> ApiServer::delete_one(const Target& target, const json& body) {
  const Object live = store_.find(target.kind->type, target.key);
  const Answer<Object> left = remove(target.kind->type, target.key, delete_options(body));
  if (!left) return Refused(left.error());
  if (*left) return object_response(200, *left);
  if (target.kind->returns_deleted) return object_response(200, store_.history().back().object);
  json details = {{"name", target.key.name.str()},
                  {"kind", target.kind->type.plural},
                  {"uid", (*live)["metadata"]["uid"]}};
  if (!target.kind->type.group.empty()) details["group"] = target.kind->type.group;
  return json_response(200, {{"kind", "Status"},
                             {"apiVersion", "v1"},
                             {"metadata", json::object()},
                             {"status", "Success"},
                             {"details", std::move(details)}});
}

// autoscaling/v1 Scale over spec.replicas, status.replicas and the selector as text: what HPA and
// KEDA use.
Answer<kube::HttpResponse> ApiServer::scale(const Target& target, const kube::HttpRequest& request,
                                            const json& body) {
  Object object = store_.find(target.kind->type, target.key);
  if (!object) return not_found(target.kind->type, target.key.name);
  const bool patched =
      request.method == Method::kPatch && request.content_type == "application/merge-patch+json";
  if (request.method == Method::kPut || patched) {
    const std::string version = body.value("/metadata/resourceVersion"_json_pointer, "");
    if (!version.empty() && version != object->value("/metadata/resourceVersion"_json_pointer, ""))
      return object_modified(target.kind->type, target.key.name);
    json next = *object;
    next["spec"]["replicas"] = body.value("/spec/replicas"_json_pointer, 0);
    const Editor editor{.manager = target.parameter("fieldManager"), .subresource = "scale"};
    Answer<Object> written =
        overwrite(*target.kind, target.key, object, std::move(next), editor, false);
    if (!written) return Refused(written.error());
    object = *written;
  } else if (request.method != Method::kGet) {
    return unknown(request);
  }
  const json& metadata = (*object)["metadata"];
  json scale = {{"kind", "Scale"}, {"apiVersion", "autoscaling/v1"}};
  for (const char* field : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"})
    scale["metadata"][field] = metadata.at(field);
  scale["spec"] = json::object();
  if (const auto wanted = object->value("/spec/replicas"_json_pointer, 0); wanted != 0)
    scale["spec"]["replicas"] = wanted;
  scale["status"]["replicas"] = object->value("/status/replicas"_json_pointer, 0);
  std::string selector = object->value("/status/selector"_json_pointer, "");
  if (target.kind->type == kube::kDeployments) {
    const json labels = object->value("/spec/selector/matchLabels"_json_pointer, json::object());
    for (const auto& [key, value] : labels.items())
      selector += (selector.empty() ? "" : ",") + key + "=" + value.get<std::string>();
  }
  if (!selector.empty()) scale["status"]["selector"] = selector;
  return json_response(200, scale);
}

}  // namespace spillway::sim
