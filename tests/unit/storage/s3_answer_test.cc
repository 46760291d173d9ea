#include "s3_answer.h"

#include <gtest/gtest.h>

namespace spillway::storage {
namespace {

cloud::HttpResponse answer(int status, std::string body = {},
                           std::vector<cloud::HttpHeader> headers = {}) {
  return {.status = status, .headers = std::move(headers), .body = std::move(body)};
}
std::string error_body(const std::string& code) {
  return "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>text</Message></Error>";
}

TEST(S3Answer, reads_a_page_with_encoded_keys) {
  const auto page = parse_list_page(R"(<?xml version="1.0" encoding="UTF-8"?>
    <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>a%2F</Prefix>
    <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
    <Contents><Key>a/b%20c+d%2Be</Key><LastModified>2026-11-21T09:14:01.000Z</LastModified>
      <ETag>&quot;5eb63bbb&quot;</ETag><Size>12</Size><StorageClass>STANDARD</StorageClass>
      <Owner><ID>x</ID></Owner></Contents>
    <CommonPrefixes><Prefix>a/sub%2F</Prefix></CommonPrefixes>
    <NextContinuationToken>to ken</NextContinuationToken></ListBucketResult>)");
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->listing.objects.size(), 1U);
  EXPECT_EQ(page->listing.objects[0].key.str(), "a/b c d+e");
  EXPECT_EQ(page->listing.objects[0].size, Bytes(12));
  EXPECT_EQ(page->listing.objects[0].tag.str(), "\"5eb63bbb\"");
  EXPECT_EQ(format_instant(page->listing.objects[0].modified_at), "2026-11-21T09:14:01Z");
  ASSERT_EQ(page->listing.folders.size(), 1U);
  EXPECT_EQ(page->listing.folders[0].str(), "a/sub/");
  EXPECT_EQ(page->continuation_token, "to ken");
}

TEST(S3Answer, takes_no_cut_or_foreign_text_for_an_empty_listing) {
  EXPECT_FALSE(
      parse_list_page("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"));
  EXPECT_FALSE(parse_list_page("<ListBucketResult><IsTruncated>false</IsTruncated>"));
  EXPECT_FALSE(parse_list_page("<html><body>proxy</body></html>"));
  EXPECT_FALSE(parse_list_page(""));
}

TEST(S3Answer, tells_a_missing_object_from_a_missing_bucket_and_a_refusal) {
  const auto code = [](int status, const std::string& name) {
    return failure_of(answer(status, error_body(name)))->error.code;
  };
  EXPECT_EQ(code(404, "NoSuchKey"), ErrorCode::kNotFound);
  EXPECT_EQ(code(404, "NoSuchBucket"), ErrorCode::kRejected);
  EXPECT_EQ(code(403, "AccessDenied"), ErrorCode::kForbidden);
  EXPECT_EQ(code(403, "InvalidAccessKeyId"), ErrorCode::kUnauthorized);
  EXPECT_EQ(code(400, "ExpiredToken"), ErrorCode::kUnauthorized);
  EXPECT_EQ(code(412, "PreconditionFailed"), ErrorCode::kAlreadyExists);
  EXPECT_EQ(code(503, "SlowDown"), ErrorCode::kThrottled);
}

TEST(S3Answer, retries_what_may_pass_and_nothing_else) {
  const auto again = [](int status, const std::string& name) {
    return failure_of(answer(status, error_body(name)))->again;
  };
  EXPECT_EQ(again(503, "SlowDown"), Again::kLater);
  EXPECT_EQ(again(500, "InternalError"), Again::kLater);
  EXPECT_EQ(again(409, "ConditionalRequestConflict"), Again::kLater);
  EXPECT_EQ(again(400, "RequestTimeout"), Again::kLater);
  EXPECT_EQ(again(403, "RequestTimeTooSkewed"), Again::kOtherClock);
  EXPECT_EQ(again(403, "AccessDenied"), Again::kNo);
  EXPECT_EQ(again(404, "NoSuchKey"), Again::kNo);
  EXPECT_EQ(again(412, "PreconditionFailed"), Again::kNo);
  EXPECT_EQ(again(501, "NotImplemented"), Again::kNo);
  EXPECT_EQ(failure_of(answer(503))->again, Again::kLater);
}

TEST(S3Answer, finds_the_error_inside_an_answer_of_status_200) {
  const auto failure = failure_of(answer(200, "\n\n   " + error_body("InternalError")));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->again, Again::kLater);
  EXPECT_EQ(failure->error.code, ErrorCode::kUnknownOutcome);
  EXPECT_FALSE(failure_of(answer(200, "<CompleteMultipartUploadResult/>")));
  EXPECT_FALSE(failure_of(answer(200, "object that begins with <Error")));
}

TEST(S3Answer, says_what_to_do) {
  const auto text = [](const cloud::HttpResponse& response) {
    return failure_of(response)->error.message;
  };
  EXPECT_NE(text(answer(403, error_body("AccessDenied"))).find("s3:GetObject"), std::string::npos);
  EXPECT_NE(
      text(answer(301, error_body("PermanentRedirect"), {{"x-amz-bucket-region", "eu-west-1"}}))
          .find("region eu-west-1"),
      std::string::npos);
  EXPECT_NE(text(answer(404, error_body("NoSuchBucket"))).find("create it"), std::string::npos);
}

TEST(S3Answer, reads_dates_of_headers) {
  const auto date = parse_http_date("Sat, 21 Nov 2026 12:34:33 GMT");
  ASSERT_TRUE(date);
  EXPECT_EQ(format_instant(*date), "2026-11-21T12:34:33Z");
  for (const char* bad : {"", "2026-11-21T12:34:33Z", "Sat, 21 Foo 2026 12:34:33 GMT",
                          "Sat, 21 Nov 2026 12:34:33 CET"})
    EXPECT_FALSE(parse_http_date(bad)) << bad;
}

TEST(S3Answer, refuses_another_range_than_asked_for) {
  const ByteRange range{.first = 4, .length = 4};
  const auto good = parse_get(answer(206, "4567", {{"Content-Range", "bytes 4-7/10"}}), range);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->object_size, Bytes(10));
  EXPECT_FALSE(parse_get(answer(206, "456", {{"Content-Range", "bytes 4-6/10"}}), range));
  const auto end = parse_get(answer(206, "89", {{"Content-Range", "bytes 8-9/10"}}),
                             ByteRange{.first = 8, .length = 4});
  EXPECT_TRUE(end);
}

}  // namespace
}  // namespace spillway::storage
