#pragma once
// Errors are values. A function that can fail returns Result<T>; exceptions are for programmer
// errors and stay inside the leaves that wrap a throwing library.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace spillway {

// What went wrong, as far as a caller may act on it. Transport and HTTP failures are mapped here
// once, in `kube` and `cloud`.
enum class ErrorCode {
  kInvalidArgument,          // the input is wrong; the message says what to write instead
  kNotFound,                 // HTTP 404. Never proof that a collection is empty
  kAlreadyExists,            // HTTP 409 with reason AlreadyExists
  kConflict,                 // HTTP 409: the object moved on; read again and decide again
  kUnauthorized,             // HTTP 401: the credential was not accepted
  kForbidden,                // HTTP 403: the identity may not do this
  kExpired,                  // HTTP 410, or an ERROR event with reason Expired or Gone
  kTooLargeResourceVersion,  // 504 with cause ResourceVersionTooLarge: the server is behind what we
                             // have seen
  kRejected,                 // HTTP 422 or another 4xx: the same request will never succeed
  kThrottled,                // HTTP 429
  kUnavailable,     // refused, reset before a request was written, 503: the request did not happen
  kUnknownOutcome,  // the request may have happened: time-out or reset after it was written, 500,
                    // 504
  kTimeout,         // a read ran into its deadline
  kCancelled,       // we are stopping
  kFenced,          // the leader's deadline has passed: nothing may be written any more
  kInternal,        // a broken promise of a library or of a peer (undecodable answer)
};

std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;                                   // one sentence, without secrets
  int http_status = 0;                                   // 0 when no HTTP answer was had
  std::optional<std::chrono::milliseconds> retry_after;  // the server's word on when to come back

  // True when the same request may succeed later without a change by anybody.
  [[nodiscard]] bool retryable() const;

  // The same error seen from one level up: "reading the price feed 'aws': connection refused".
  [[nodiscard]] Error in(std::string_view context) const;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{.code = code, .message = std::move(message)});
}
inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

// Bad input: the message says what to write instead.
inline tl::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

}  // namespace spillway

// Binds `var` to the value of a Result, or returns its error. In a coroutine: TRY_CO.
#define SPILLWAY_CONCAT_(a, b) a##b
#define SPILLWAY_CONCAT(a, b) SPILLWAY_CONCAT_(a, b)
#define SPILLWAY_TRY_IMPL(result, var, expr, return_)             \
  auto result = (expr);                                           \
  if (!result) return_ tl::unexpected(std::move(result).error()); \
  auto var = std::move(*result)
#define TRY(var, expr) SPILLWAY_TRY_IMPL(SPILLWAY_CONCAT(try_result_, __LINE__), var, expr, return)
#define TRY_CO(var, expr) \
  SPILLWAY_TRY_IMPL(SPILLWAY_CONCAT(try_result_, __LINE__), var, expr, co_return)
// The same for Result<void>.
#define SPILLWAY_TRY_VOID_IMPL(result, expr, return_) \
  if (auto result = (expr); !result) return_ tl::unexpected(std::move(result).error())
#define TRY_VOID(expr) SPILLWAY_TRY_VOID_IMPL(SPILLWAY_CONCAT(try_result_, __LINE__), expr, return)
#define TRY_VOID_CO(expr) \
  SPILLWAY_TRY_VOID_IMPL(SPILLWAY_CONCAT(try_result_, __LINE__), expr, co_return)
