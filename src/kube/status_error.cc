#include <spillway/kube/status_error.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include <spillway/core/text.h>

#include "json_reader.h"

namespace spillway::kube {
namespace {

constexpr std::size_t kMaxMessage = 1024;
constexpr Duration kMaxRetryAfter = std::chrono::minutes(10);

// What a Status object says beside its code.
struct StatusFacts {
  std::string reason;
  std::string message;
  bool version_too_large = false;
  std::optional<Duration> retry_after;
};

StatusFacts read_status(const nlohmann::json& status) {
  std::optional<Error> ignored;  // a malformed detail must not hide the error that it belongs to
  const JsonReader root(status, ignored);
  const JsonReader details = root.at("details");
  StatusFacts facts{.reason = std::string(root.text("reason")),
                    .message = std::string(root.text("message"))};
  details.each("causes", [&](const JsonReader& cause) {
    if (cause.text("reason") == "ResourceVersionTooLarge") facts.version_too_large = true;
  });
  // Before 1.18 the cause was only a sentence.
  if (facts.message.starts_with("Too large resource version")) facts.version_too_large = true;
  if (const auto seconds = details.integer("retryAfterSeconds"); seconds > 0) {
    facts.retry_after = std::min<Duration>(
        std::chrono::seconds(std::min<std::int64_t>(seconds, 3600)), kMaxRetryAfter);
  }
  return facts;
}

ErrorCode code_of(int http_status, const StatusFacts& facts, bool mutating) {
  switch (http_status) {
    case 401: return ErrorCode::kUnauthorized;
    case 403: return ErrorCode::kForbidden;
    case 404: return ErrorCode::kNotFound;
    case 408: return mutating ? ErrorCode::kUnknownOutcome : ErrorCode::kTimeout;
    case 409:
      return facts.reason == "AlreadyExists" ? ErrorCode::kAlreadyExists : ErrorCode::kConflict;
    case 410: return ErrorCode::kExpired;
    case 429: return ErrorCode::kThrottled;
    case 503: return ErrorCode::kUnavailable;
    case 504:
      if (facts.version_too_large) return ErrorCode::kTooLargeResourceVersion;
      return mutating ? ErrorCode::kUnknownOutcome : ErrorCode::kTimeout;
    default: break;
  }
  if (facts.reason == "Expired" || facts.reason == "Gone") return ErrorCode::kExpired;
  if (http_status >= 400 && http_status < 500) return ErrorCode::kRejected;
  if (http_status >= 500) return mutating ? ErrorCode::kUnknownOutcome : ErrorCode::kUnavailable;
  return ErrorCode::kInternal;  // a redirect or something that is not HTTP as we know it
}

std::string message_of(int http_status, const StatusFacts& facts, std::string_view body) {
  if (!facts.message.empty()) return shorten(facts.message, kMaxMessage);
  std::string message = "the API server answered HTTP " + std::to_string(http_status);
  const std::string_view line = trim(body.substr(0, body.find('\n')));
  if (!line.empty()) message += ": " + shorten(line, 200);
  return message;
}

// "Sun, 06 Nov 1994 08:49:37 GMT", the one form that a sender may still write.
std::optional<Instant> parse_http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || !text.ends_with(" GMT")) return std::nullopt;
  const auto month = std::ranges::find(kMonths, text.substr(8, 3));
  if (month == kMonths.end()) return std::nullopt;
  const std::string number = std::to_string(month - kMonths.begin() + 1);
  const std::string rfc3339 =
      std::string(text.substr(12, 4)) + "-" + (number.size() < 2 ? "0" : "") + number + "-" +
      std::string(text.substr(5, 2)) + "T" + std::string(text.substr(17, 8)) + "Z";
  const auto parsed = parse_instant(rfc3339);
  return parsed ? std::optional(*parsed) : std::nullopt;
}

}  // namespace

Error error_from_status(const nlohmann::json& status, int http_status, bool mutating) {
  const StatusFacts facts = read_status(status);
  return {.code = code_of(http_status, facts, mutating),
          .message = message_of(http_status, facts, {}),
          .http_status = http_status,
          .retry_after = facts.retry_after};
}

Error error_from_response(const HttpResponse& response, bool mutating) {
  const nlohmann::json parsed = nlohmann::json::parse(response.body, nullptr, false);
  const StatusFacts facts = parsed.is_object() ? read_status(parsed) : StatusFacts{};
  return {.code = code_of(response.status, facts, mutating),
          .message = message_of(response.status, facts,
                                parsed.is_object() ? std::string_view{} : response.body),
          .http_status = response.status,
          .retry_after = response.retry_after ? response.retry_after : facts.retry_after};
}

std::optional<Duration> parse_retry_after(std::string_view value, Instant now) {
  value = trim(value);
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error == std::errc{} && end == value.data() + value.size()) {
    if (seconds < 0) return std::nullopt;
    return std::min<Duration>(std::chrono::seconds(std::min<std::int64_t>(seconds, 3600)),
                              kMaxRetryAfter);
  }
  const auto date = parse_http_date(value);
  if (!date) return std::nullopt;
  return std::clamp<Duration>(*date - now, Duration{}, kMaxRetryAfter);
}

}  // namespace spillway::kube
