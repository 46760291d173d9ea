// The client against a scripted store: what it sends, what it retries, what it makes of answers.
#include <spillway/storage/s3.h>

#include <gtest/gtest.h>

#include <deque>

#include <spillway/cloud/sigv4.h>

#include "support/run_task.h"

namespace spillway::storage {
namespace {

using cloud::HttpRequest;
using cloud::HttpResponse;

class ScriptedHttp final : public cloud::HttpClient {
 public:
  Task<Result<HttpResponse>> send(HttpRequest request, Duration) override {
    requests.push_back(std::move(request));
    if (answers.empty()) co_return HttpResponse{.status = 200};
    auto answer = std::move(answers.front());
    answers.pop_front();
    co_return answer;
  }
  void shut_down() override {}

  std::deque<Result<HttpResponse>> answers;
  std::vector<HttpRequest> requests;
};

HttpResponse answer(int status, std::string body = {},
                    std::vector<cloud::HttpHeader> headers = {}) {
  return {.status = status, .headers = std::move(headers), .body = std::move(body)};
}
HttpResponse error(int status, const std::string& code) {
  return answer(status, "<Error><Code>" + code + "</Code><Message>m</Message></Error>");
}

class S3 : public ::testing::Test {
 protected:
  template <class T>
  T run(Task<T> task) {
    return std::move(*testing::run_task(io_, time_, std::move(task)));
  }
  static S3Config config(Addressing addressing = Addressing::kPath) {
    return {.bucket = BucketName("models"),
            .region = Region("eu-west-1"),
            .endpoint = cloud::parse_url("http://127.0.0.1:9000").value(),
            .addressing = addressing};
  }
  std::string header(std::size_t request, std::string_view name) {
    return std::string(cloud::find_header(http_.requests.at(request).headers, name).value_or(""));
  }

  asio::io_context io_;
  testing::VirtualTime time_{io_};
  std::unique_ptr<Random> random_ = make_random(3);
  Runtime runtime_{io_.get_executor(), time_, time_, *random_};
  ScriptedHttp http_;
  std::unique_ptr<cloud::CredentialsProvider> credentials_ = cloud::make_static_credentials(
      {.access_key_id = "AKIDEXAMPLE", .secret_access_key = Secret("secret")});
  std::unique_ptr<ObjectStore> store_ = make_s3_store(runtime_, http_, *credentials_, config());
};

TEST_F(S3, addresses_the_bucket_in_the_path_or_in_the_host) {
  run(store_->head(Key("a b/c+d")));
  EXPECT_EQ(http_.requests.at(0).url.to_string(), "http://127.0.0.1:9000/models/a%20b/c%2Bd");
  S3Config aws = config(Addressing::kVirtualHost);
  aws.endpoint = aws_endpoint(aws.region).value();
  EXPECT_EQ(aws.origin(), "https://models.s3.eu-west-1.amazonaws.com:443");
  store_ = make_s3_store(runtime_, http_, *credentials_, aws);
  run(store_->head(Key("a")));
  EXPECT_EQ(http_.requests.at(1).url.to_string(), "https://models.s3.eu-west-1.amazonaws.com/a");
}

TEST_F(S3, signs_every_request_for_the_region_with_the_hash_of_its_body) {
  run(store_->put(Key("a"), "hello", WriteCondition::kIfAbsent));
  EXPECT_NE(header(0, "Authorization").find("/eu-west-1/s3/aws4_request"), std::string::npos);
  EXPECT_NE(header(0, "Authorization").find("if-none-match;"), std::string::npos);
  EXPECT_EQ(header(0, "X-Amz-Content-Sha256"), cloud::sha256_hex("hello"));
  EXPECT_EQ(header(0, "If-None-Match"), "*");
}

TEST_F(S3, leaves_large_bodies_to_tls_and_signs_them_without_it) {
  const std::string large(100'000, 'x');
  run(store_->put(Key("a"), large, WriteCondition::kNone));
  EXPECT_EQ(header(0, "X-Amz-Content-Sha256"), cloud::sha256_hex(large));
  S3Config secure = config();
  secure.endpoint = cloud::parse_url("https://s3.example.com").value();
  store_ = make_s3_store(runtime_, http_, *credentials_, secure);
  run(store_->put(Key("a"), large, WriteCondition::kNone));
  EXPECT_EQ(header(1, "X-Amz-Content-Sha256"), "UNSIGNED-PAYLOAD");
  run(store_->put(Key("a"), "small", WriteCondition::kNone));
  EXPECT_EQ(header(2, "X-Amz-Content-Sha256"), cloud::sha256_hex("small"));
}

TEST_F(S3, follows_a_listing_to_its_last_page) {
  const auto page = [](const std::string& key, const std::string& token) {
    return answer(200, "<ListBucketResult><IsTruncated>" +
                           std::string(token.empty() ? "false" : "true") +
                           "</IsTruncated><Contents><Key>" + key +
                           "</Key><Size>1</Size><ETag>e</ETag><LastModified>2026-11-21T09:14:01Z"
                           "</LastModified></Contents><NextContinuationToken>" +
                           token + "</NextContinuationToken></ListBucketResult>");
  };
  http_.answers = {page("a", "t+/="), page("b", "")};
  const auto listing = run(store_->list({.prefix = Key("p/")}));
  ASSERT_TRUE(listing) << listing.error().message;
  ASSERT_EQ(listing->objects.size(), 2U);
  EXPECT_NE(http_.requests.at(1).url.query.find("continuation-token=t%2B%2F%3D"),
            std::string::npos);
  EXPECT_NE(http_.requests.at(0).url.query.find("prefix=p%2F"), std::string::npos);
  // The second page fails: the listing does.
  http_.answers = {page("a", "t"), error(403, "AccessDenied")};
  EXPECT_EQ(run(store_->list({.prefix = Key("p/")})).error().code, ErrorCode::kForbidden);
  // More than the caller can take is an error, too.
  http_.answers = {page("a", "t"), page("b", "")};
  EXPECT_EQ(run(store_->list({.prefix = Key("p/"), .max_entries = 1})).error().code,
            ErrorCode::kRejected);
}

TEST_F(S3, tries_again_what_may_pass_with_pauses_and_gives_up_in_the_end) {
  http_.answers = {error(503, "SlowDown"), fail(ErrorCode::kUnavailable, "refused"),
                   fail(ErrorCode::kTimeout, "slow"), answer(200, "bytes")};
  const MonotonicTime before = time_.monotonic();
  const auto data = run(store_->get(Key("a"), std::nullopt, 100));
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->bytes, "bytes");
  EXPECT_EQ(http_.requests.size(), 4U);
  EXPECT_GT(time_.monotonic(), before);
  http_.requests.clear();
  http_.answers.assign(20, error(503, "SlowDown"));
  const auto failed = run(store_->get(Key("a"), std::nullopt, 100));
  EXPECT_EQ(failed.error().code, ErrorCode::kThrottled);
  EXPECT_EQ(http_.requests.size(), 6U);
}

TEST_F(S3, has_one_budget_of_retries_for_all_calls) {
  http_.answers.assign(2000, error(500, "InternalError"));
  for (int i = 0; i < 200; ++i)
    EXPECT_FALSE(run(store_->head(Key("a"))));
  EXPECT_LT(http_.requests.size(), 320U);  // 200 calls and 100 retries, not 1,200
}

TEST_F(S3, does_not_try_again_what_is_refused) {
  http_.answers = {error(403, "AccessDenied")};
  EXPECT_EQ(run(store_->head(Key("a"))).error().code, ErrorCode::kForbidden);
  EXPECT_EQ(http_.requests.size(), 1U);
}

TEST_F(S3, waits_as_long_as_the_store_says) {
  http_.answers = {answer(503, "", {{"Retry-After", "30"}}), answer(200)};
  const MonotonicTime before = time_.monotonic();
  EXPECT_TRUE(run(store_->get(Key("a"), std::nullopt, 1)));
  EXPECT_GE(time_.monotonic() - before, std::chrono::seconds(30));
}

TEST_F(S3, takes_the_clock_of_the_store_once) {
  const Instant server = time_.now() + std::chrono::minutes(20);
  std::string date = "Thu, 19 Dec 2019 00:20:00 GMT";
  ASSERT_EQ(format_instant(server), "2019-12-20T00:20:00Z");
  date.replace(5, 2, "20");
  auto skewed = error(403, "RequestTimeTooSkewed");
  skewed.headers.push_back({"Date", date});
  http_.answers = {skewed, answer(200)};
  EXPECT_TRUE(run(store_->get(Key("a"), std::nullopt, 1)));
  ASSERT_EQ(http_.requests.size(), 2U);
  EXPECT_EQ(header(1, "X-Amz-Date"), "20191220T002000Z");
  // The correction stays, and a second refusal in the same call is final.
  http_.answers = {skewed, skewed};
  const auto refused = run(store_->get(Key("a"), std::nullopt, 1));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("synchronise"), std::string::npos);
  EXPECT_EQ(http_.requests.size(), 4U);
}

std::string listing(const std::string& modified_at) {
  return "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key><LastModified>" +
         modified_at + "</LastModified><Size>1</Size></Contents></ListBucketResult>";
}

TEST_F(S3, tells_times_by_our_clock_whatever_the_store_has) {
  ASSERT_EQ(format_instant(time_.now()), "2019-12-20T00:00:00Z");
  // Stored at this instant, by a store that is seven minutes ahead, in phase or not.
  for (const char* date : {"Fri, 20 Dec 2019 00:07:00 GMT", "Fri, 20 Dec 2019 00:06:59 GMT",
                           "Fri, 20 Dec 2019 00:07:00 GMT"}) {
    http_.answers = {answer(200, listing("2019-12-20T00:07:00.000Z"), {{"Date", date}})};
    const auto listed = run(store_->list({}));
    ASSERT_TRUE(listed) << listed.error().message;
    EXPECT_EQ(format_instant(listed->objects.at(0).modified_at), "2019-12-20T00:00:00Z") << date;
  }
  http_.answers = {answer(200, listing("2019-12-19T23:50:00.000Z"),
                          {{"Date", "Thu, 19 Dec 2019 23:50:00 GMT"}})};
  EXPECT_EQ(format_instant(run(store_->list({}))->objects.at(0).modified_at),
            "2019-12-19T23:59:59Z");  // to the second
}

TEST_F(S3, a_conditional_put_whose_answer_was_lost_is_recognised_as_its_own) {
  http_.answers = {fail(ErrorCode::kUnknownOutcome, "reset"), error(412, "PreconditionFailed"),
                   answer(200, "mine", {{"ETag", "\"1\""}})};
  const auto put = run(store_->put(Key("m"), "mine", WriteCondition::kIfAbsent));
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(put->str(), "\"1\"");
  http_.answers = {error(412, "PreconditionFailed"), answer(200, "other")};
  EXPECT_EQ(run(store_->put(Key("m"), "mine", WriteCondition::kIfAbsent)).error().code,
            ErrorCode::kAlreadyExists);
  // What is there cannot be read: neither ours nor another's is proven.
  http_.answers = {error(412, "PreconditionFailed"), error(403, "AccessDenied")};
  EXPECT_EQ(run(store_->put(Key("m"), "mine", WriteCondition::kIfAbsent)).error().code,
            ErrorCode::kForbidden);
}

TEST_F(S3, a_racing_conditional_put_is_tried_again) {
  http_.answers = {error(409, "ConditionalRequestConflict"), answer(200, "", {{"ETag", "\"2\""}})};
  EXPECT_TRUE(run(store_->put(Key("m"), "mine", WriteCondition::kIfAbsent)));
  EXPECT_EQ(http_.requests.size(), 2U);
}

TEST_F(S3, believes_no_completion_that_carries_an_error) {
  http_.answers = {answer(200, "   <Error><Code>InternalError</Code></Error>"),
                   answer(200, "<CompleteMultipartUploadResult/>", {{"ETag", "\"x-2\""}})};
  const std::vector<UploadedPart> parts{{1, EntityTag("\"a\"")}, {2, EntityTag("\"b\"")}};
  EXPECT_TRUE(run(store_->complete_upload(Key("k"), UploadId("u"), parts)));
  EXPECT_EQ(http_.requests.size(), 2U);
  EXPECT_NE(http_.requests[0].payload().find("<PartNumber>2</PartNumber><ETag>&quot;b&quot;"),
            std::string_view::npos)
      << http_.requests[0].payload();
}

TEST_F(S3, recognises_the_upload_that_an_earlier_try_completed) {
  const std::vector<UploadedPart> parts{{1, EntityTag("a")}, {2, EntityTag("b")}};
  const HttpResponse there = answer(200, "", {{"Content-Length", "9"}, {"ETag", "\"x-2\""}});
  http_.answers = {fail(ErrorCode::kUnknownOutcome, "reset"), error(404, "NoSuchUpload"), there};
  EXPECT_TRUE(run(store_->complete_upload(Key("k"), UploadId("u"), parts)));
  // Without an earlier try of ours it is an error.
  http_.answers = {error(404, "NoSuchUpload"), there};
  EXPECT_FALSE(run(store_->complete_upload(Key("k"), UploadId("u"), parts)));
}

TEST_F(S3, what_is_gone_is_removed_and_aborted) {
  http_.answers = {error(404, "NoSuchKey"), error(404, "NoSuchUpload")};
  EXPECT_TRUE(run(store_->remove(Key("k"))));
  EXPECT_TRUE(run(store_->abort_upload(Key("k"), UploadId("u"))));
}

TEST_F(S3, fails_closed_without_credentials) {
  credentials_ = cloud::make_environment_credentials([](const char*) { return nullptr; });
  store_ = make_s3_store(runtime_, http_, *credentials_, config());
  EXPECT_EQ(run(store_->head(Key("a"))).error().code, ErrorCode::kUnauthorized);
  EXPECT_TRUE(http_.requests.empty());
}

TEST(S3Settings, are_checked_with_a_sentence_that_helps) {
  S3Config config{.bucket = BucketName("models"),
                  .endpoint = cloud::parse_url("https://s3.example.com").value()};
  EXPECT_TRUE(check(config));
  config.bucket = BucketName("Models_1");
  EXPECT_NE(check(config).error().message.find("3 to 63"), std::string::npos);
  config.bucket = BucketName("my.models");
  EXPECT_NE(check(config).error().message.find("path addressing"), std::string::npos);
  config.addressing = Addressing::kPath;
  EXPECT_TRUE(check(config));
  config.endpoint = cloud::parse_url("https://s3.example.com/path").value();
  EXPECT_NE(check(config).error().message.find("without a path"), std::string::npos);
}

TEST(S3Settings, addresses_are_read_and_written) {
  const auto uri = parse_s3_uri("s3://models/a/b/");
  ASSERT_TRUE(uri);
  EXPECT_EQ(uri->bucket.str(), "models");
  EXPECT_EQ(uri->key.str(), "a/b/");
  EXPECT_EQ(to_string(*uri), "s3://models/a/b/");
  for (const char* bad : {"", "s3://", "s3:///x", "http://models/a", "models/a"})
    EXPECT_FALSE(parse_s3_uri(bad)) << bad;
}

}  // namespace
}  // namespace spillway::storage
