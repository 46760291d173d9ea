#include <spillway/cloud/http.h>

#include <algorithm>
#include <charconv>

namespace spillway::cloud {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

ErrorCode code_of(int status) {
  switch (status) {
    case 401: return ErrorCode::kUnauthorized;
    case 403: return ErrorCode::kForbidden;
    case 404: return ErrorCode::kNotFound;
    case 429: return ErrorCode::kThrottled;
    case 503: return ErrorCode::kUnavailable;
    default: return status >= 500 ? ErrorCode::kUnknownOutcome : ErrorCode::kRejected;
  }
}

}  // namespace

std::optional<std::string_view> find_header(const std::vector<HttpHeader>& headers,
                                            std::string_view name) {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const HttpHeader& h) { return same_name(h.name, name); });
  if (found == headers.end()) return std::nullopt;
  return found->value;
}

Error http_status_error(const HttpResponse& response) {
  Error error{.code = code_of(response.status),
              .message = "the server answered with HTTP status " + std::to_string(response.status),
              .http_status = response.status};
  if (const auto value = find_header(response.headers, "Retry-After")) {
    constexpr long kLongest = 3600;
    long seconds = 0;
    const auto [end, failed] =
        std::from_chars(value->data(), value->data() + value->size(), seconds);
    // The HTTP-date form is left to the caller's own back-off.
    if (failed == std::errc() && end == value->data() + value->size() && seconds >= 0) {
      error.retry_after = std::chrono::seconds(std::min(seconds, kLongest));
    }
  }
  return error;
}

}  // namespace spillway::cloud
