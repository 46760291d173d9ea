#include <spillway/kube/status_error.h>

#include "kube_fixture.h"

namespace spillway::kube {
namespace {

HttpResponse response(int status, std::string_view reason, std::string_view message = "told") {
  return {.status = status, .body = status_json(status, reason, message).dump()};
}

struct Row {
  int status;
  const char* reason;
  bool mutating;
  ErrorCode expected;
};
class StatusMapping : public ::testing::TestWithParam<Row> {};
TEST_P(StatusMapping, GivesTheCodeThatACallerCanActOn) {
  const Row& row = GetParam();
  const Error got = error_from_response(response(row.status, row.reason), row.mutating);
  EXPECT_EQ(to_string(got.code), to_string(row.expected));
  EXPECT_EQ(got.http_status, row.status);
  EXPECT_EQ(got.message, "told");
}
INSTANTIATE_TEST_SUITE_P(
    Rows, StatusMapping,
    ::testing::Values(Row{400, "BadRequest", true, ErrorCode::kRejected},
                      Row{401, "Unauthorized", true, ErrorCode::kUnauthorized},
                      Row{403, "Forbidden", true, ErrorCode::kForbidden},
                      Row{404, "NotFound", false, ErrorCode::kNotFound},
                      Row{409, "AlreadyExists", true, ErrorCode::kAlreadyExists},
                      Row{409, "Conflict", true, ErrorCode::kConflict},
                      Row{410, "Expired", false, ErrorCode::kExpired},
                      Row{410, "Gone", false, ErrorCode::kExpired},
                      Row{413, "RequestEntityTooLarge", true, ErrorCode::kRejected},
                      Row{422, "Invalid", true, ErrorCode::kRejected},
                      Row{429, "TooManyRequests", true, ErrorCode::kThrottled},
                      Row{500, "InternalError", true, ErrorCode::kUnknownOutcome},
                      Row{500, "InternalError", false, ErrorCode::kUnavailable},
                      Row{502, "", true, ErrorCode::kUnknownOutcome},
                      Row{503, "ServiceUnavailable", true, ErrorCode::kUnavailable},
                      Row{504, "Timeout", true, ErrorCode::kUnknownOutcome},
                      Row{504, "Timeout", false, ErrorCode::kTimeout},
                      Row{302, "", false, ErrorCode::kInternal}),
    [](const auto& info) {
      return std::to_string(info.param.status) + info.param.reason +
             (info.param.mutating ? "Write" : "Read");
    });

TEST(StatusError, KnowsAServerThatIsBehindByItsCause) {
  auto body = status_json(504, "Timeout");
  body["details"] = {{"causes", {{{"reason", "ResourceVersionTooLarge"}}}},
                     {"retryAfterSeconds", 1}};
  const Error got = error_from_response({.status = 504, .body = body.dump()}, false);
  EXPECT_EQ(got.code, ErrorCode::kTooLargeResourceVersion);
  EXPECT_EQ(got.retry_after, std::chrono::seconds(1));
}
TEST(StatusError, TheHeaderWinsOverTheBodyForRetryAfter) {
  auto body = status_json(429, "TooManyRequests");
  body["details"] = {{"retryAfterSeconds", 30}};
  const Error got = error_from_response(
      {.status = 429, .retry_after = std::chrono::seconds(2), .body = body.dump()}, false);
  EXPECT_EQ(got.retry_after, std::chrono::seconds(2));
}
TEST(StatusError, AnErrorEventInsideAWatchIsReadByItsOwnCode) {
  EXPECT_EQ(error_from_status(status_json(410, "Expired"), 410, false).code, ErrorCode::kExpired);
  EXPECT_EQ(error_from_status(status_json(0, "Gone"), 0, false).code, ErrorCode::kExpired);
  EXPECT_EQ(error_from_status(status_json(500, "InternalError"), 500, false).code,
            ErrorCode::kUnavailable);
}
TEST(StatusError, SaysSomethingUsefulAboutAnAnswerThatIsNoStatus) {
  const Error got =
      error_from_response({.status = 502, .body = "<html>Bad Gateway</html>\nmore"}, false);
  EXPECT_EQ(got.message, "the API server answered HTTP 502: <html>Bad Gateway</html>");
  EXPECT_EQ(error_from_response({.status = 503}, false).message,
            "the API server answered HTTP 503");
}
TEST(StatusError, SurvivesAMalformedStatus) {
  const Error got = error_from_response(
      {.status = 409, .body = R"({"reason":7,"details":"x","message":["a"]})"}, true);
  EXPECT_EQ(got.code, ErrorCode::kConflict);
}
TEST(StatusError, CutsAnEndlessMessage) {
  const Error got = error_from_response(response(422, "Invalid", std::string(100'000, 'x')), true);
  EXPECT_LE(got.message.size(), 1024U);
}

TEST(RetryAfter, ReadsBothForms) {
  const Instant now = *parse_instant("2026-11-21T09:00:00Z");
  EXPECT_EQ(parse_retry_after("5", now), std::chrono::seconds(5));
  EXPECT_EQ(parse_retry_after(" 0 ", now), Duration{});
  EXPECT_EQ(parse_retry_after("Sat, 21 Nov 2026 09:00:30 GMT", now), std::chrono::seconds(30));
  EXPECT_EQ(parse_retry_after("Sat, 21 Nov 2026 08:00:00 GMT", now), Duration{})
      << "a time that has passed";
}
TEST(RetryAfter, IsBoundedAndRefusesNonsense) {
  const Instant now{};
  EXPECT_EQ(parse_retry_after("999999999", now), std::chrono::minutes(10));
  for (const char* nonsense : {"", "soon", "-1", "1.5", "5 s", "Sat, 21 Foo 2026 09:00:30 GMT",
                               "99999999999999999999999"}) {
    EXPECT_EQ(parse_retry_after(nonsense, now), std::nullopt) << nonsense;
  }
}

}  // namespace
}  // namespace spillway::kube
