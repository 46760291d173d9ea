#pragma once
// SEAM: bytes to and from the API server. Implemented by Beast over TLS (beast_transport.h), by the
// simulator's in-process API server and by scripts in tests. Everything runs on the thread of the
// runtime's executor; calls may overlap.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <spillway/async/asio.h>
#include <spillway/core/result.h>
#include <spillway/core/time.h>

namespace spillway::kube {

enum class Method { kGet, kPost, kPut, kPatch, kDelete };
std::string_view to_string(Method method);
[[nodiscard]] constexpr bool mutating(Method method) {
  return method != Method::kGet;
}

// A lease renewal never queues behind other traffic: own connection, no client-side limit
// (KEP-1040). What only tells people something (kLow) goes when there is little else to do.
enum class Priority { kNormal, kLease, kLow };

struct HttpRequest {
  Method method = Method::kGet;
  std::string target;  // path and query, already percent-encoded, without the server's path prefix
  std::string content_type;  // empty without a body
  std::string body;
  Priority priority = Priority::kNormal;
};

struct HttpResponse {
  int status = 0;
  std::optional<Duration> retry_after;  // Retry-After header, in either of its two forms
  std::string body;
};

// The body of a watch, line by line. One reader at a time; destroying it closes the connection.
class LineStream {
 public:
  virtual ~LineStream() = default;
  // The next line without its end, std::nullopt at the clean end of the body, or an error: kTimeout
  // at `deadline` (the stream is closed then), kUnavailable when the connection broke, kInternal
  // for a line above the limit, kCancelled after close().
  virtual Task<Result<std::optional<std::string>>> next(MonotonicTime deadline) = 0;
  virtual void close() = 0;  // wakes the reader; may be called more than once
};

struct StreamResponse {
  HttpResponse head;                  // with the whole body when the status is not 200
  std::unique_ptr<LineStream> lines;  // set exactly when the status is 200
};

// Both calls answer with whatever status the server sent; an Error means that there was no answer:
//   kUnavailable     not one byte of the request left (refused, no connection, TLS refused,
//   credentials unavailable) kUnknownOutcome  a mutating request was (partly) sent and its answer
//   is missing kTimeout         the deadline passed: before a byte of a mutating request left, or
//   anywhere in a read kCancelled       the transport was closed
// No byte of a request leaves after `deadline`: the fence relies on it. A 401 was already answered
// with one fresh credential and one more try.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual Task<Result<HttpResponse>> send(HttpRequest request, MonotonicTime deadline) = 0;
  virtual Task<Result<StreamResponse>> open(HttpRequest request, MonotonicTime deadline) = 0;
  // Ends every open stream and request with kCancelled; later calls fail at once.
  virtual void close() = 0;
};

}  // namespace spillway::kube
