#pragma once
// One of the four seams: outbound HTTP to clouds and notification targets. Programs choose
// make_http_client(); tests and the simulator bring their own HttpClient. Nothing else of the
// project opens a connection to a cloud.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/async/timers.h>
#include <spillway/cloud/url.h>
#include <spillway/core/result.h>
#include <spillway/core/time.h>

namespace spillway::cloud {

struct HttpHeader {
  std::string name;
  std::string value;
};

struct HttpRequest {
  std::string method = "GET";
  Url url;
  std::vector<HttpHeader>
      headers;  // without Host and Content-Length: they follow from url and body
  std::string body;
  // Sent instead of `body` when it is there: a large one is not copied for another try.
  std::shared_ptr<const std::string> shared_body;
  std::size_t max_response_bytes = std::size_t{4}
                                   << 20;  // a longer answer is an error, never a cut one

  [[nodiscard]] std::string_view payload() const { return shared_body ? *shared_body : body; }
};

struct HttpResponse {
  int status = 0;
  std::vector<HttpHeader> headers;
  std::string body;
};

// The first header of that name, compared without case.
std::optional<std::string_view> find_header(const std::vector<HttpHeader>& headers,
                                            std::string_view name);

// Maps a status of 300 and above to an Error: 429 kThrottled, 401 kUnauthorized, 403 kForbidden,
// 404 kNotFound, 503 kUnavailable, other 5xx kUnknownOutcome, the rest kRejected. Retry-After in
// seconds is taken over, capped at an hour. The body is not echoed: it is the peer's text.
Error http_status_error(const HttpResponse& response);

// Used on the control thread only. Every answer of the peer, whatever its status, is a value; an
// Error means that no complete answer was had: kUnavailable (never connected), kTimeout (the
// deadline of the whole exchange), kUnknownOutcome (connection lost under way), kRejected (the
// answer is longer than max_response_bytes), kInvalidArgument (origin not allowed).
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // `timeout` bounds the whole exchange: look-up, connection, TLS, request, answer.
  virtual Task<Result<HttpResponse>> send(HttpRequest request, Duration timeout) = 0;
  // For the end of the program: what is in flight and all that is sent later ends with kCancelled.
  virtual void shut_down() = 0;
};

struct HttpClientOptions {
  // Origins (Url::origin()) that may be spoken to; every other is refused before a name is looked
  // up. They come from flags and the operator's configuration, never from an object of the API
  // server (SSRF). Plain http is possible only by naming an "http://" origin here.
  std::vector<std::string> allowed_origins;
};

// On cpprestsdk: TLS verified against the system's certificates, no redirects, connections kept per
// origin, its own two threads; results come back on runtime.executor. The destructor ends what is
// in flight and waits for those threads to let go; destroy it before the io_context, with no
// coroutine left inside send().
std::unique_ptr<HttpClient> make_http_client(const Runtime& runtime, HttpClientOptions options);

}  // namespace spillway::cloud
