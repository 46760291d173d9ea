#include <spillway/kube/client.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include <spillway/core/check.h>
#include <spillway/kube/status_error.h>

#include "json_reader.h"

namespace spillway::kube {

struct Client::Call {
  std::string_view verb;
  std::string resource;
  HttpRequest request;
  Duration timeout{};
  int max_attempts = 1;
  bool idempotent =
      false;  // may be sent again although it may have happened, or was refused in passing
};

namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kApplyPatch = "application/apply-patch+yaml";
constexpr std::string_view kMergePatch = "application/merge-patch+json";

std::string_view path_of(Subresource subresource) {
  switch (subresource) {
    case Subresource::kNone: return "";
    case Subresource::kStatus: return "status";
    case Subresource::kScale: return "scale";
  }
  return "";
}

std::string_view to_string(Propagation propagation) {
  switch (propagation) {
    case Propagation::kBackground: return "Background";
    case Propagation::kForeground: return "Foreground";
    case Propagation::kOrphan: return "Orphan";
  }
  return "Background";
}

// Plain UTF-8 without escapes where avoidable: the server parses an apply as YAML.
std::string write(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// The server reads an apply as YAML. That refuses some characters which JSON allows ("control
// characters are not allowed": DEL, the C1 controls, the byte order mark, U+FFFE and U+FFFF) and
// folds others as line breaks (U+0085, U+2028, U+2029): all of them are escaped.
std::string write_apply(const nlohmann::json& value) {
  const std::string plain = write(value);
  const auto byte = [&plain](std::size_t at) {
    return at < plain.size() ? static_cast<unsigned char>(plain[at]) : 0U;
  };
  std::string escaped;
  escaped.reserve(plain.size());
  for (std::size_t i = 0; i < plain.size(); ++i) {
    if (byte(i) == 0x7F) {
      escaped += "\\u007f";
    } else if (byte(i) == 0xC2 && byte(i + 1) < 0xA0) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      const unsigned code = byte(++i);
      escaped += "\\u00";
      escaped += kDigits[code >> 4U];
      escaped += kDigits[code & 15U];
    } else if (byte(i) == 0xE2 && byte(i + 1) == 0x80 &&
               (byte(i + 2) == 0xA8 || byte(i + 2) == 0xA9)) {
      escaped += byte(i + 2) == 0xA8 ? "\\u2028" : "\\u2029";
      i += 2;
    } else if (byte(i) == 0xEF && byte(i + 1) == 0xBB && byte(i + 2) == 0xBF) {
      escaped += "\\ufeff";
      i += 2;
    } else if (byte(i) == 0xEF && byte(i + 1) == 0xBF && byte(i + 2) >= 0xBE) {
      escaped += byte(i + 2) == 0xBE ? "\\ufffe" : "\\uffff";
      i += 2;
    } else {
      escaped += plain[i];
    }
  }
  return escaped;
}

void add_query(std::string& target, std::string_view name, std::string_view value) {
  target += target.find('?') == std::string::npos ? '?' : '&';
  target += name;
  target += '=';
  target += percent_encode(value);
}

void add_selectors(std::string& target, const Selectors& selectors) {
  if (!selectors.labels.empty()) add_query(target, "labelSelector", selectors.labels);
  if (!selectors.fields.empty()) add_query(target, "fieldSelector", selectors.fields);
}

Result<ObjectKey> identify(nlohmann::json& object, const ResourceType& type) {
  if (!object.is_object()) return invalid("the object to write has to be a JSON object");
  object["apiVersion"] = type.api_version();
  object["kind"] = type.kind;
  std::optional<Error> error;
  const JsonReader metadata = JsonReader(object, error).at("metadata");
  ObjectKey key{.ns = Namespace(metadata.text("namespace")),
                .name = ObjectName(metadata.text("name"))};
  if (error) return fail(*std::move(error));
  if (key.name.empty())
    return invalid("metadata.name has to be set: objects have deterministic names");
  if (type.namespaced && key.ns.empty()) {
    return invalid("metadata.namespace has to be set on a " + std::string(type.kind));
  }
  return key;
}

bool succeeded(int status) {
  return status >= 200 && status < 300;
}

}  // namespace

Client::Client(Runtime runtime, Transport& transport, const Fence& fence, ClientMetrics& metrics,
               ClientOptions options)
    : runtime_(std::move(runtime)),
      transport_(transport),
      fence_(fence),
      metrics_(metrics),
      options_(std::move(options)),
      limiter_(options_.limit) {}

Client::Call Client::object_call(ResourceType type, Method method, std::string_view verb,
                                 const ObjectKey& key, Subresource subresource) const {
  const std::string_view path = path_of(subresource);
  Call call{.verb = verb,
            .resource = type.to_string(),
            .timeout = options_.call_timeout,
            .max_attempts = 2};
  call.request.method = method;
  call.request.target = type.object_target(key, path);
  if (!path.empty()) call.resource += "/" + std::string(path);
  return call;
}

Task<Result<nlohmann::json>> Client::get(ResourceType type, ObjectKey key, Priority priority) {
  Call call = object_call(type, Method::kGet, "get", key, Subresource::kNone);
  call.request.priority = priority;
  call.idempotent = true;
  call.max_attempts = options_.max_attempts;
  co_return co_await answer_object(std::move(call));
}

Task<Result<nlohmann::json>> Client::create(ResourceType type, nlohmann::json object,
                                            Priority priority) {
  TRY_CO(key, identify(object, type));
  Call call = object_call(type, Method::kPost, "create", key, Subresource::kNone);
  call.request.target = type.collection_target(key.ns);
  add_query(call.request.target, "fieldManager", options_.field_manager.str());
  call.request.content_type = kJson;
  call.request.body = write(object);
  call.request.priority = priority;
  co_return co_await answer_object(std::move(call));
}

Task<Result<nlohmann::json>> Client::apply(ResourceType type, nlohmann::json object,
                                           ApplyOptions options) {
  TRY_CO(key, identify(object, type));
  if (options.field_manager.empty()) co_return invalid("an apply has to name its field manager");
  if (options.resource_version)
    object["metadata"]["resourceVersion"] = options.resource_version->str();
  Call call = object_call(type, Method::kPatch, "apply", key, options.subresource);
  add_query(call.request.target, "fieldManager", options.field_manager.str());
  if (options.force) add_query(call.request.target, "force", "true");
  call.request.content_type = kApplyPatch;
  call.request.body = write_apply(object);
  call.idempotent = !options.resource_version;
  if (call.idempotent) call.max_attempts = options_.max_attempts;
  co_return co_await answer_object(std::move(call));
}

Task<Result<nlohmann::json>> Client::merge_patch(ResourceType type, ObjectKey key,
                                                 nlohmann::json patch, PatchOptions options) {
  if (!patch.is_object()) co_return invalid("a merge patch has to be a JSON object");
  if (options.resource_version)
    patch["metadata"]["resourceVersion"] = options.resource_version->str();
  Call call = object_call(type, Method::kPatch, "patch", key, options.subresource);
  add_query(call.request.target, "fieldManager", options_.field_manager.str());
  call.request.content_type = kMergePatch;
  call.request.body = write(patch);
  call.request.priority = options.priority;
  co_return co_await answer_object(std::move(call));
}

Task<Result<nlohmann::json>> Client::put(ResourceType type, nlohmann::json object,
                                         PutOptions options) {
  TRY_CO(key, identify(object, type));
  std::optional<Error> error;
  if (JsonReader(object, error).at("metadata").text("resourceVersion").empty()) {
    co_return invalid(
        "metadata.resourceVersion has to be set on an update: without it others' changes are lost");
  }
  Call call = object_call(type, Method::kPut, "update", key, options.subresource);
  add_query(call.request.target, "fieldManager", options_.field_manager.str());
  call.request.content_type = kJson;
  call.request.body = write(object);
  call.request.priority = options.priority;
  if (options.priority == Priority::kLease)
    call.max_attempts = 1;  // the elector has its own rhythm
  co_return co_await answer_object(std::move(call));
}

Task<Result<Removal>> Client::remove(ResourceType type, ObjectKey key, DeleteOptions options) {
  nlohmann::json body = {{"apiVersion", "v1"},
                         {"kind", "DeleteOptions"},
                         {"propagationPolicy", to_string(options.propagation)}};
  if (options.uid) body["preconditions"]["uid"] = options.uid->str();
  if (options.resource_version)
    body["preconditions"]["resourceVersion"] = options.resource_version->str();
  if (options.grace) body["gracePeriodSeconds"] = options.grace->count();
  Call call = object_call(type, Method::kDelete, "delete", key, Subresource::kNone);
  call.request.content_type = kJson;
  call.request.body = write(body);
  const Result<nlohmann::json> answer = co_await answer_object(std::move(call));
  if (!answer && answer.error().code == ErrorCode::kNotFound) co_return Removal::kAbsent;
  if (!answer) co_return tl::unexpected(answer.error());
  std::optional<Error> error;
  co_return JsonReader(*answer, error).text("kind") == "Status" ? Removal::kGone
                                                                : Removal::kTerminating;
}

namespace {

// Version "0" is whatever the API server that is asked has at hand, however old: a process that
// begins with it may begin before its own earlier writes.
bool allows_any_age(const ResourceVersion& version) {
  return version == ResourceVersion("0");
}
constexpr const char* kAnyAge =
    "resourceVersion 0 is a state of any age: name no version for the newest, or one that was seen";

}  // namespace

Task<Result<ListPage>> Client::list(ResourceType type, ListOptions options) {
  if (options.resource_version && allows_any_age(*options.resource_version))
    co_return invalid(kAnyAge);
  Call call{.verb = "list",
            .resource = type.to_string(),
            .timeout = options_.list_timeout,
            .idempotent = true};
  if (options.retry) call.max_attempts = options_.max_attempts;
  std::string& target = call.request.target;
  target = type.collection_target(options.selectors.ns);
  add_selectors(target, options.selectors);
  if (options.limit > 0) add_query(target, "limit", std::to_string(options.limit));
  if (!options.continue_token.empty()) {
    add_query(target, "continue", options.continue_token);  // carries its own version
  } else if (options.resource_version) {
    add_query(target, "resourceVersion", options.resource_version->str());
    add_query(target, "resourceVersionMatch", "NotOlderThan");
  }
  TRY_CO(body, co_await perform(std::move(call)));
  co_return ListPage::parse(std::move(body));
}

Task<Result<std::unique_ptr<LineStream>>> Client::watch(ResourceType type, WatchOptions options) {
  if (allows_any_age(options.resource_version)) co_return invalid(kAnyAge);
  Call call{.verb = "watch", .resource = type.to_string(), .timeout = options_.open_timeout};
  std::string& target = call.request.target;
  target = type.collection_target(options.selectors.ns) + "?watch=1&allowWatchBookmarks=true";
  add_query(target, "timeoutSeconds", std::to_string(options.timeout.count()));
  add_selectors(target, options.selectors);
  if (!options.resource_version.empty())
    add_query(target, "resourceVersion", options.resource_version.str());
  if (options.send_initial_events) {
    add_query(target, "sendInitialEvents", "true");
    add_query(target, "resourceVersionMatch", "NotOlderThan");
  }
  const MonotonicTime started = runtime_.clock.monotonic();
  HttpRequest request = call.request;
  Result<StreamResponse> answer =
      co_await transport_.open(std::move(request), started + call.timeout);
  if (!answer) {
    count(call, std::string(to_string(answer.error().code)), started);
    co_return tl::unexpected(std::move(answer).error());
  }
  count(call, std::to_string(answer->head.status), started);
  if (answer->lines != nullptr) co_return std::move(answer->lines);
  if (answer->head.status == 429) ++metrics_.server_throttles;
  co_return fail(error_from_response(answer->head, false));
}

Task<Result<nlohmann::json>> Client::answer_object(Call call) {
  TRY_CO(body, co_await perform(std::move(call)));
  nlohmann::json object = nlohmann::json::parse(body, nullptr, false);
  if (!object.is_object())
    co_return fail(ErrorCode::kInternal, "the API server's answer is not a JSON object");
  co_return object;
}

Task<Result<std::string>> Client::perform(Call call) {
  const MonotonicTime deadline = runtime_.clock.monotonic() + call.timeout;
  const bool write = mutating(call.request.method);
  for (int attempts = 1;; ++attempts) {
    Result<HttpResponse> answer = co_await attempt(call, deadline);
    if (answer && succeeded(answer->status)) co_return std::move(answer->body);
    const Error error = answer ? error_from_response(*answer, write) : std::move(answer).error();
    const MonotonicTime now = runtime_.clock.monotonic();
    if (error.code == ErrorCode::kThrottled && error.http_status == 429) {
      ++metrics_.server_throttles;
      if (error.retry_after && call.request.priority != Priority::kLease) {
        limiter_.pause_until(now + *error.retry_after);
      }
    }
    const auto delay = retry_delay(call, error, attempts);
    if (!delay || now + *delay >= deadline) {
      co_return fail(error.in(std::string(call.verb) + " " + call.resource));
    }
    const std::unique_ptr<Timer> timer = runtime_.timers.make();
    co_await timer->wait_until(now + *delay);
  }
}

std::optional<Duration> Client::retry_delay(const Call& call, const Error& error, int attempts) {
  if (attempts >= call.max_attempts) return std::nullopt;
  const bool throttled = error.code == ErrorCode::kThrottled;
  const bool unavailable = error.code == ErrorCode::kUnavailable;
  // A write that is not idempotent is repeated only when it certainly did not happen.
  const bool again =
      call.idempotent ? throttled || unavailable ||
                            (error.code == ErrorCode::kTimeout && !mutating(call.request.method))
                      : (throttled && error.retry_after) || (unavailable && error.http_status == 0);
  if (!again) return std::nullopt;
  const double base = static_cast<double>(options_.backoff_base.count()) *
                      static_cast<double>(1 << std::min(attempts - 1, 16));
  const double capped = std::min(base, static_cast<double>(options_.backoff_cap.count()));
  const Duration drawn(static_cast<Duration::rep>(capped * runtime_.random.uniform()));
  return error.retry_after.value_or(Duration{}) + drawn;
}

Task<Result<HttpResponse>> Client::attempt(Call call, MonotonicTime deadline) {
  const Priority priority = call.request.priority;
  if (priority == Priority::kLow) TRY_VOID_CO(co_await wait_for_quiet(deadline));
  if (priority == Priority::kNormal) ++normal_;
  auto answer = co_await exchange(std::move(call), deadline);
  if (priority == Priority::kNormal) end_of_normal();
  co_return answer;
}

// The next of low priority looks whether it may leave.
void Client::end_of_normal() {
  --normal_;
  if (normal_ < options_.low_priority_below && !low_waiting_.empty())
    low_waiting_.front()->cancel();
}

Task<Result<void>> Client::wait_for_quiet(MonotonicTime deadline) {
  while (true) {
    const MonotonicTime now = runtime_.clock.monotonic();
    const bool quiet = normal_ < options_.low_priority_below;
    const MonotonicTime spare = limiter_.spare_at(now);
    if (quiet && spare <= now) co_return Result<void>{};
    if (now >= deadline)
      co_return fail(ErrorCode::kThrottled, "more urgent requests left no room for it");
    const std::unique_ptr<Timer> timer = runtime_.timers.make();
    low_waiting_.push_back(timer.get());
    co_await timer->wait_until(quiet ? std::min(spare, deadline) : deadline);
    std::erase(low_waiting_, timer.get());
  }
}

Task<Result<HttpResponse>> Client::exchange(Call call, MonotonicTime deadline) {
  if (call.request.priority != Priority::kLease) TRY_VOID_CO(co_await wait_for_limiter(deadline));
  const bool write = mutating(call.request.method);
  // A read that gets stuck leaves time for another try.
  const MonotonicTime now = runtime_.clock.monotonic();
  if (!write && call.max_attempts > 1) deadline = std::min(deadline, now + call.timeout / 2);
  if (write) {  // last thing before the bytes leave
    const Result<MonotonicTime> fence = fence_.write_deadline();
    if (!fence || *fence <= now) {
      ++metrics_.fenced_writes;
      if (!fence) co_return tl::unexpected(fence.error());
      co_return fail(ErrorCode::kFenced, "the time in which this process may write has passed");
    }
    deadline = std::min(deadline, *fence);
  }
  HttpRequest request = call.request;
  Result<HttpResponse> answer = co_await transport_.send(std::move(request), deadline);
  count(call, answer ? std::to_string(answer->status) : std::string(to_string(answer.error().code)),
        now);
  co_return answer;
}

Task<Result<void>> Client::wait_for_limiter(MonotonicTime deadline) {
  const MonotonicTime started = runtime_.clock.monotonic();
  MonotonicTime until = limiter_.reserve(started);
  while (until > runtime_.clock.monotonic()) {
    if (until >= deadline) {
      limiter_.give_back();
      co_return fail(ErrorCode::kThrottled,
                     "no room within the deadline under the client's own request limit");
    }
    const std::unique_ptr<Timer> timer = runtime_.timers.make();
    co_await timer->wait_until(until);
    until = limiter_.paused_until();  // another call may have been told to wait meanwhile
  }
  metrics_.throttled_time += runtime_.clock.monotonic() - started;
  co_return Result<void>{};
}

void Client::count(const Call& call, std::string code, MonotonicTime started) {
  Requests& requests = metrics_.requests[{
      .verb = std::string(call.verb), .resource = call.resource, .code = std::move(code)}];
  ++requests.count;
  requests.duration += runtime_.clock.monotonic() - started;
}

}  // namespace spillway::kube
