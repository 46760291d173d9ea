// The first part are cases of AWS's published Signature Version 4 test suite: region us-east-1,
// service "service", 30 August 2015 12:36:00 UTC, the suite's example credentials.
#include <spillway/cloud/sigv4.h>

#include <gtest/gtest.h>

namespace spillway::cloud {
namespace {

const Secret kSecret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
const SigningScope kScope{.region = Region("us-east-1"), .service = ServiceName("service")};
const Instant kTime = parse_amz_date("20150830T123600Z").value();
constexpr const char* kEmptyHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct Vector {
  const char* name;
  const char* method;
  const char* path;
  const char* query;
  std::vector<HttpHeader> headers;
  const char* body;
  const char* signature;
};

const std::vector<Vector>& vectors() {
  static const std::vector<Vector> all{
      {"get-vanilla",
       "GET",
       "/",
       "",
       {},
       "",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-vanilla-query-order-key-case",
       "GET",
       "/",
       "Param2=value2&Param1=value1",
       {},
       "",
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-vanilla-query-unreserved",
       "GET",
       "/",
       "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz="
       "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
       {},
       "",
       "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
      {"get-utf8",
       "GET",
       "/\xE1\x88\xB4",
       "",
       {},
       "",
       "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
      {"get-slash-dot-slash",
       "GET",
       "/./",
       "",
       {},
       "",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-relative",
       "GET",
       "/example/..",
       "",
       {},
       "",
       "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
      {"get-slashes",
       "GET",
       "//example//",
       "",
       {},
       "",
       "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
      {"get-space",
       "GET",
       "/example space/",
       "",
       {},
       "",
       "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
      {"get-header-value-trim",
       "GET",
       "/",
       "",
       {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
       "",
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
      {"get-header-value-order",
       "GET",
       "/",
       "",
       {{"My-Header1", "value4"},
        {"My-Header1", "value1"},
        {"My-Header1", "value3"},
        {"My-Header1", "value2"}},
       "",
       "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
      {"post-vanilla",
       "POST",
       "/",
       "",
       {},
       "",
       "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
      {"post-header-key-case",
       "POST",
       "/",
       "",
       {{"My-Header1", "value1"}},
       "",
       "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
      {"post-x-www-form-urlencoded",
       "POST",
       "/",
       "",
       {{"Content-Type", "application/x-www-form-urlencoded"}},
       "Param1=value1",
       "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
  };
  return all;
}

TEST(SigV4, matches_the_published_test_suite) {
  for (const Vector& vector : vectors()) {
    RequestToSign request{.method = vector.method,
                          .path = vector.path,
                          .query = vector.query,
                          .headers = vector.headers,
                          .payload_hash = sha256_hex(vector.body)};
    request.headers.push_back({"Host", "example.amazonaws.com"});
    request.headers.push_back({"X-Amz-Date", "20150830T123600Z"});
    const auto canonical = canonical_request(request, PathStyle::kNormalised);
    ASSERT_TRUE(canonical) << vector.name;
    EXPECT_EQ(signature(kSecret, kScope, kTime, string_to_sign(*canonical, kScope, kTime)),
              vector.signature)
        << vector.name << "\n"
        << *canonical;
  }
}

TEST(SigV4, writes_the_documented_steps_of_the_vanilla_case) {
  const RequestToSign request{
      .method = "GET",
      .path = "/",
      .query = "",
      .headers = {{"Host", "example.amazonaws.com"}, {"X-Amz-Date", "20150830T123600Z"}},
      .payload_hash = sha256_hex("")};
  EXPECT_EQ(request.payload_hash, kEmptyHash);
  const auto canonical = canonical_request(request, PathStyle::kNormalised);
  EXPECT_EQ(*canonical, std::string("GET\n/\n\nhost:example.amazonaws.com\n"
                                    "x-amz-date:20150830T123600Z\n\nhost;x-amz-date\n") +
                            kEmptyHash);
  EXPECT_EQ(string_to_sign(*canonical, kScope, kTime),
            "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n"
            "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63");
}

TEST(SigV4, encodes_an_encoded_path_once_more_except_for_s3) {
  RequestToSign request{
      .method = "GET", .path = "/a%20b//c", .query = "", .headers = {}, .payload_hash = kEmptyHash};
  EXPECT_NE(canonical_request(request, PathStyle::kNormalised)->find("\n/a%2520b/c\n"),
            std::string::npos);
  EXPECT_NE(canonical_request(request, PathStyle::kS3)->find("\n/a%20b//c\n"), std::string::npos);
}

TEST(AmzDate, is_read_and_written_exactly) {
  EXPECT_EQ(format_amz_date(kTime), "20150830T123600Z");
  for (const char* bad : {"", "20150830T123600", "2015-08-30T12:36:00Z", "20150830 123600Z",
                          "20151330T123600Z", "20150830T126000Z", "2015083xT123600Z"}) {
    EXPECT_FALSE(parse_amz_date(bad)) << bad;
  }
}

class Signed : public ::testing::Test {
 protected:
  Signed() {
    request_.method = "POST";
    request_.url = parse_url("http://127.0.0.1:8080/?z=1&a=%2F").value();
    request_.headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
    request_.body = "Action=DescribeSpotPriceHistory";
  }

  tl::expected<Verified, VerifyFailure> check(const HttpRequest& request, Instant now,
                                              std::string_view service = "ec2") const {
    RequestToSign received{.method = request.method,
                           .path = request.url.path,
                           .query = request.url.query,
                           .headers = request.headers,
                           .payload_hash = sha256_hex(request.body)};
    received.headers.push_back({"Host", request.url.authority()});
    received.headers.push_back({"Accept", "*/*"});  // added on the way, not signed
    return verify(received, ServiceName(service), PathStyle::kNormalised, lookup_, now);
  }
  SignatureFault fault(const HttpRequest& request, Instant now = kTime,
                       std::string_view service = "ec2") const {
    const auto result = check(request, now, service);
    EXPECT_FALSE(result);
    return result.error().fault;
  }
  HttpRequest signed_request() const {
    HttpRequest request = request_;
    EXPECT_TRUE(sign(request, credentials_, scope_, kTime));
    return request;
  }
  static void replace(HttpRequest& request, std::string_view from, std::string_view to) {
    for (HttpHeader& header : request.headers) {
      if (header.name != "Authorization") continue;
      const std::size_t at = header.value.find(from);
      ASSERT_NE(at, std::string::npos);
      header.value.replace(at, from.size(), to);
    }
  }

  HttpRequest request_;
  Credentials credentials_{.access_key_id = "AKIDEXAMPLE", .secret_access_key = kSecret};
  SigningScope scope_{.region = Region("us-east-1"), .service = ServiceName("ec2")};
  SecretLookup lookup_ = [](std::string_view id) {
    return id == "AKIDEXAMPLE" ? &kSecret : nullptr;
  };
};

TEST_F(Signed, verifies_what_it_signed) {
  const auto verified = check(signed_request(), kTime + std::chrono::minutes(4));
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(verified->access_key_id, "AKIDEXAMPLE");
  EXPECT_EQ(verified->region, Region("us-east-1"));
}

TEST_F(Signed, signs_a_session_token_and_renews_without_doubling_headers) {
  credentials_.session_token = Secret("token");
  HttpRequest request = signed_request();
  ASSERT_TRUE(sign(request, credentials_, scope_, kTime + std::chrono::hours(1)));
  EXPECT_EQ(request.headers.size(), 4U);
  EXPECT_EQ(*find_header(request.headers, "x-amz-security-token"), "token");
  EXPECT_TRUE(check(request, kTime + std::chrono::hours(1)));
}

TEST_F(Signed, names_what_is_wrong) {
  HttpRequest changed = signed_request();
  changed.body += "&DryRun=true";
  EXPECT_EQ(fault(changed), SignatureFault::kMismatch);

  HttpRequest other_path = signed_request();
  other_path.url.query = "z=2&a=%2F";
  EXPECT_EQ(fault(other_path), SignatureFault::kMismatch);

  HttpRequest unknown = signed_request();
  replace(unknown, "AKIDEXAMPLE", "AKIDNOBODY");
  EXPECT_EQ(fault(unknown), SignatureFault::kUnknownKey);

  EXPECT_EQ(fault(request_), SignatureFault::kMissingAuthentication);
  EXPECT_EQ(fault(signed_request(), kTime + std::chrono::minutes(6)), SignatureFault::kExpired);
  EXPECT_EQ(fault(signed_request(), kTime - std::chrono::minutes(6)), SignatureFault::kExpired);
  EXPECT_EQ(fault(signed_request(), kTime, "s3"), SignatureFault::kIncomplete);

  HttpRequest unsigned_host = signed_request();
  replace(unsigned_host, "host;", "");
  EXPECT_EQ(fault(unsigned_host), SignatureFault::kIncomplete);

  for (const char* value : {"", "Basic dXNlcg==", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 a, b",
                            "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=0"}) {
    HttpRequest malformed = signed_request();
    malformed.headers.back().value = value;
    EXPECT_EQ(fault(malformed), SignatureFault::kIncomplete) << value;
  }
}

TEST_F(Signed, never_signs_without_valid_credentials) {
  HttpRequest request = request_;
  EXPECT_FALSE(sign(request, Credentials{}, scope_, kTime));
  credentials_.expires_at = kTime;
  const auto expired = sign(request, credentials_, scope_, kTime);
  ASSERT_FALSE(expired);
  EXPECT_EQ(expired.error().code, ErrorCode::kUnauthorized);
}

TEST_F(Signed, never_puts_the_secret_into_the_request) {
  for (const HttpHeader& header : signed_request().headers) {
    EXPECT_EQ(header.value.find(kSecret.reveal()), std::string::npos);
  }
}

}  // namespace
}  // namespace spillway::cloud
