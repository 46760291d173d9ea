#include <spillway/core/result.h>

namespace spillway {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "InvalidArgument";
    case ErrorCode::kNotFound: return "NotFound";
    case ErrorCode::kAlreadyExists: return "AlreadyExists";
    case ErrorCode::kConflict: return "Conflict";
    case ErrorCode::kUnauthorized: return "Unauthorized";
    case ErrorCode::kForbidden: return "Forbidden";
    case ErrorCode::kExpired: return "Expired";
    case ErrorCode::kTooLargeResourceVersion: return "TooLargeResourceVersion";
    case ErrorCode::kRejected: return "Rejected";
    case ErrorCode::kThrottled: return "Throttled";
    case ErrorCode::kUnavailable: return "Unavailable";
    case ErrorCode::kUnknownOutcome: return "UnknownOutcome";
    case ErrorCode::kTimeout: return "Timeout";
    case ErrorCode::kCancelled: return "Cancelled";
    case ErrorCode::kFenced: return "Fenced";
    case ErrorCode::kInternal: return "Internal";
  }
  return "Internal";
}

bool Error::retryable() const {
  switch (code) {
    case ErrorCode::kConflict:
    case ErrorCode::kUnauthorized:
    case ErrorCode::kTooLargeResourceVersion:
    case ErrorCode::kThrottled:
    case ErrorCode::kUnavailable:
    case ErrorCode::kUnknownOutcome:
    case ErrorCode::kTimeout: return true;
    default: return false;
  }
}

Error Error::in(std::string_view context) const {
  Error wrapped = *this;
  wrapped.message = std::string(context) + ": " + message;
  return wrapped;
}

}  // namespace spillway
