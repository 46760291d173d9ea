#pragma once
// What the client counts. Plain numbers: whoever exports them (control, through prometheus-cpp)
// reads them on the control thread.

#include <compare>
#include <cstdint>
#include <map>
#include <string>

#include <spillway/core/time.h>

namespace spillway::kube {

struct RequestLabels {
  std::string verb;      // "get", "list", "watch", "create", "apply", "patch", "update", "delete"
  std::string resource;  // "jobs.batch", "trainingjobs.spillway.dev/status"
  std::string code;      // HTTP status, or the name of the error when there was no answer
  friend auto operator<=>(const RequestLabels&, const RequestLabels&) = default;
};

struct WatchLabels {
  std::string resource;
  std::string reason;  // "end", "expired", "inactive", "reset", "error", "very-short", ...
  friend auto operator<=>(const WatchLabels&, const WatchLabels&) = default;
};

struct Requests {
  std::uint64_t count = 0;
  Duration duration{};  // sum over the requests, limiter wait not included
};

struct ClientMetrics {
  std::map<RequestLabels, Requests> requests;
  std::map<WatchLabels, std::uint64_t> watch_reconnects;
  std::map<std::string, std::uint64_t> undecodable_objects;  // by resource
  std::map<std::string, std::uint64_t> relists;       // by resource: initial lists count as one
  std::map<std::string, std::uint64_t> watch_events;  // by resource, bookmarks included
  Duration throttled_time{};           // spent waiting for the limiter or a server's Retry-After
  std::uint64_t server_throttles = 0;  // 429 answers
  std::uint64_t fenced_writes = 0;     // refused locally: the lease had run out
  std::uint64_t events_recorded = 0, events_aggregated = 0;
  std::uint64_t events_dropped_full = 0, events_dropped_spam = 0, events_dropped_failed = 0;
};

}  // namespace spillway::kube
