#pragma once
// The verbs of the Kubernetes API on JSON objects, on top of a Transport: request targets and
// bodies, the meaning of answers (status_error.h), deadlines, the fence, the client-side limit,
// bounded retries and counting.
//
// Threads: the thread of the runtime's executor. Lifetime: transport, fence, metrics and runtime
// outlive the client, and the client outlives its calls.
//
// Errors are those of core/result.h. For a write, kUnknownOutcome means: read the object again
// before deciding anything. Retried here: reads, and applies without a resourceVersion
// (idempotent), on kThrottled and kUnavailable, and reads also on kTimeout of one attempt and on a
// 500 answer; at most `max_attempts` times and never past the call's deadline. Other writes are
// tried once more only when the server said 429 with Retry-After, or when no byte left.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <spillway/async/timers.h>
#include <spillway/core/ids.h>
#include <spillway/core/object.h>
#include <spillway/kube/fence.h>
#include <spillway/kube/metrics.h>
#include <spillway/kube/rate_limiter.h>
#include <spillway/kube/resource_type.h>
#include <spillway/kube/transport.h>

namespace spillway::kube {

using FieldManager =
    StrongString<struct FieldManagerTag>;  // at most 128 characters; one per concern: "spillway",
                                           // "spillway-status"

enum class Subresource { kNone, kStatus, kScale };

struct ClientOptions {
  RateLimit limit;
  FieldManager field_manager{"spillway"};  // of create, put and patch; apply names its own
  Duration call_timeout = std::chrono::seconds(30);  // get and writes, all attempts together
  Duration list_timeout = std::chrono::seconds(60);  // one page
  Duration open_timeout = std::chrono::seconds(30);  // until a watch answers
  int max_attempts = 5;
  Duration backoff_base = std::chrono::milliseconds(100);  // doubled a try, with full jitter
  Duration backoff_cap = std::chrono::seconds(5);
  // A call of low priority leaves only while fewer others than this are under way.
  std::size_t low_priority_below = 4;
};

struct ApplyOptions {
  FieldManager field_manager;
  bool force = true;  // take fields over from other managers: right for objects that are ours
  Subresource subresource = Subresource::kNone;
  std::optional<ResourceVersion> resource_version;  // only if the object still has this version
};

struct PatchOptions {
  std::optional<ResourceVersion> resource_version;
  Subresource subresource = Subresource::kNone;
  Priority priority = Priority::kNormal;
};

struct PutOptions {
  Subresource subresource = Subresource::kNone;
  Priority priority = Priority::kNormal;
};

enum class Propagation { kBackground, kForeground, kOrphan };

struct DeleteOptions {
  std::optional<Uid> uid;  // preconditions
  std::optional<ResourceVersion> resource_version;
  Propagation propagation = Propagation::kBackground;
  std::optional<std::chrono::seconds> grace;  // 0 = now, without the kubelet's word
};

enum class Removal {
  kAbsent,       // 404: it was gone before
  kGone,         // removed by this request
  kTerminating,  // the server returned the object: it has finalizers or a grace period; the watch
                 // reports its end
};

struct Selectors {
  Namespace ns;  // empty: all namespaces
  std::string labels;
  std::string fields;
};

struct ListOptions {
  Selectors selectors;
  int limit = 0;  // 0: no paging
  std::string continue_token;
  std::optional<ResourceVersion> resource_version;  // absent: consistent read; else: not older
  bool retry = true;                                // false: one attempt
};

// One page of a list, its items still text: they are parsed one at a time, so that no list is ever
// held as a document.
class ListPage {
 public:
  // Splits a List body; kInternal when it is not one.
  static Result<ListPage> parse(std::string body);

  [[nodiscard]] const ResourceVersion& resource_version() const { return resource_version_; }
  [[nodiscard]] const std::string& continue_token() const { return continue_token_; }
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] std::string_view item(std::size_t i) const {
    return std::string_view(body_).substr(items_[i].begin, items_[i].length);
  }

 private:
  struct Span {
    std::size_t begin;
    std::size_t length;
  };
  std::string body_;
  std::vector<Span> items_;
  ResourceVersion resource_version_;
  std::string continue_token_;
};

struct WatchOptions {
  Selectors selectors;
  ResourceVersion resource_version;  // "" or "0" start with synthetic ADDED events
  std::chrono::seconds timeout{240};
  bool send_initial_events = false;  // WatchList (KEP-3157)
};

class Client {
 public:
  Client(Runtime runtime, Transport& transport, const Fence& fence, ClientMetrics& metrics,
         ClientOptions options);

  Task<Result<nlohmann::json>> get(ResourceType type, ObjectKey key,
                                   Priority priority = Priority::kNormal);
  // apiVersion and kind are filled in; namespace and name are taken from object.metadata.
  // kAlreadyExists if it is there.
  Task<Result<nlohmann::json>> create(ResourceType type, nlohmann::json object,
                                      Priority priority = Priority::kNormal);
  // Server-side apply. `object` holds every field that this manager owns, each time. A 409 is
  // kConflict: another manager owns a field (force = false), or the object has moved on from
  // `resource_version`.
  Task<Result<nlohmann::json>> apply(ResourceType type, nlohmann::json object,
                                     ApplyOptions options);
  // JSON merge patch (RFC 7396): only the named fields change; null removes one.
  Task<Result<nlohmann::json>> merge_patch(ResourceType type, ObjectKey key, nlohmann::json patch,
                                           PatchOptions options);
  // Whole-object update; refused (kInvalidArgument) without metadata.resourceVersion, which would
  // be a lost update.
  Task<Result<nlohmann::json>> put(ResourceType type, nlohmann::json object, PutOptions options);
  Task<Result<Removal>> remove(ResourceType type, ObjectKey key, DeleteOptions options);

  Task<Result<ListPage>> list(ResourceType type, ListOptions options);
  // The lines of a watch, each {"type", "object"}. One attempt: the reflector decides about the
  // next.
  Task<Result<std::unique_ptr<LineStream>>> watch(ResourceType type, WatchOptions options);

  [[nodiscard]] ClientMetrics& metrics() { return metrics_; }
  [[nodiscard]] const Runtime& runtime() const { return runtime_; }

 private:
  struct Call;
  Call object_call(ResourceType type, Method method, std::string_view verb, const ObjectKey& key,
                   Subresource subresource) const;
  Task<Result<nlohmann::json>> answer_object(Call call);
  Task<Result<std::string>> perform(Call call);
  Task<Result<HttpResponse>> attempt(Call call, MonotonicTime deadline);
  Task<Result<void>> wait_for_limiter(MonotonicTime deadline);
  Task<Result<void>> wait_for_quiet(MonotonicTime deadline);
  Task<Result<HttpResponse>> exchange(Call call, MonotonicTime deadline);
  void end_of_normal();
  std::optional<Duration> retry_delay(const Call& call, const Error& error, int attempts);
  void count(const Call& call, std::string code, MonotonicTime started);

  Runtime runtime_;
  Transport& transport_;
  const Fence& fence_;
  ClientMetrics& metrics_;
  ClientOptions options_;
  RateLimiter limiter_;
  std::size_t normal_ = 0;           // requests waiting for the limiter or under way
  std::vector<Timer*> low_waiting_;  // in order
};

}  // namespace spillway::kube
