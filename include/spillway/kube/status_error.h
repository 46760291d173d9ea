#pragma once
// From an answer of the API server that is not a success to an Error: by HTTP status, then by
// reason and causes of the Kubernetes Status object in its body (API conventions, "Error codes").

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <spillway/core/result.h>
#include <spillway/kube/transport.h>

namespace spillway::kube {

// `mutating`: for a write, 500 and 504 mean an unknown outcome; for a read, kUnavailable. The
// message is the server's own.
Error error_from_response(const HttpResponse& response, bool mutating);

// The object of an ERROR event inside a watch (a Status with its own code).
Error error_from_status(const nlohmann::json& status, int http_status, bool mutating);

// Both forms of Retry-After (RFC 9110 §10.2.3); nothing when malformed. Clamped to [0 s, 10 min].
std::optional<Duration> parse_retry_after(std::string_view value, Instant now);

}  // namespace spillway::kube
