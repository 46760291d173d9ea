// The examples of "Signature Calculations for the Authorization Header: Transferring Payload in a
// Single Chunk" (Amazon S3 API reference): bucket examplebucket, us-east-1, 24 May 2013.
#include <spillway/cloud/sigv4.h>

#include <gtest/gtest.h>

namespace spillway::cloud {
namespace {

const Credentials kCredentials{
    .access_key_id = "AKIAIOSFODNN7EXAMPLE",
    .secret_access_key = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")};
const SigningScope kScope{
    .region = Region("us-east-1"), .service = ServiceName("s3"), .path_style = PathStyle::kS3};
const Instant kTime = parse_amz_date("20130524T000000Z").value();

std::string signed_with(HttpRequest request) {
  const auto done = sign(request, kCredentials, kScope, kTime);
  EXPECT_TRUE(done) << done.error().message;
  return std::string(find_header(request.headers, "Authorization").value_or(""));
}

HttpRequest request(std::string method, const std::string& target) {
  return {.method = std::move(method),
          .url = parse_url("https://examplebucket.s3.amazonaws.com" + target).value()};
}

TEST(SigV4S3, get_object_with_a_range) {
  HttpRequest get = request("GET", "/test.txt");
  get.headers = {{"Range", "bytes=0-9"}};
  EXPECT_EQ(signed_with(get),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SigV4S3, put_object) {
  HttpRequest put = request("PUT", "/test%24file.text");
  put.headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                 {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
  put.body = "Welcome to Amazon S3.";
  const std::string by_body = signed_with(put);
  EXPECT_TRUE(by_body.ends_with(
      "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"))
      << by_body;
  put.shared_body = std::make_shared<const std::string>(std::exchange(put.body, {}));
  EXPECT_EQ(signed_with(put), by_body);
}

TEST(SigV4S3, get_bucket_lifecycle) {
  EXPECT_TRUE(signed_with(request("GET", "/?lifecycle"))
                  .ends_with("fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
}

TEST(SigV4S3, list_objects) {
  EXPECT_TRUE(signed_with(request("GET", "/?max-keys=2&prefix=J"))
                  .ends_with("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST(SigV4S3, takes_a_hash_that_is_known_and_none_at_all) {
  HttpRequest put = request("PUT", "/a");
  put.body = "hello";
  ASSERT_TRUE(sign(put, kCredentials, kScope, kTime, sha256_hex("hello")));
  const std::string known(find_header(put.headers, "Authorization").value_or(""));
  ASSERT_TRUE(sign(put, kCredentials, kScope, kTime));
  EXPECT_EQ(find_header(put.headers, "Authorization"), known);
  ASSERT_TRUE(sign(put, kCredentials, kScope, kTime, std::string(kUnsignedPayload)));
  EXPECT_EQ(find_header(put.headers, "X-Amz-Content-Sha256"), "UNSIGNED-PAYLOAD");
  EXPECT_NE(find_header(put.headers, "Authorization"), known);
}

}  // namespace
}  // namespace spillway::cloud
