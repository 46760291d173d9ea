#pragma once
// The S3 protocol: AWS and what speaks like it. Requests are signed with SigV4; retries stay inside
// a budget; a clock that is off is corrected once by the store's own; an error inside an answer of
// status 200 is an error. Sources: Amazon S3 API reference; S3 user guide, conditional writes.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include <spillway/cloud/credentials.h>
#include <spillway/cloud/http.h>
#include <spillway/storage/object_store.h>

namespace spillway::storage {

enum class Addressing {
  kPath,         // https://endpoint/bucket/key: what most S3-compatible servers want
  kVirtualHost,  // https://bucket.endpoint/key: AWS
};

struct S3Config {
  BucketName bucket;
  Region region{"us-east-1"};
  cloud::Url endpoint;  // without a path; aws_endpoint() for AWS
  Addressing addressing = Addressing::kVirtualHost;
  // Of one request, its connection and its answer included. Parts of 8 MiB need no more.
  Duration request_timeout = std::chrono::seconds(60);
  // Of one call with all its retries and pauses.
  Duration call_timeout = std::chrono::minutes(5);
  int max_attempts = 6;  // of one request

  // What the HTTP client has to be allowed to speak to (HttpClientOptions::allowed_origins).
  [[nodiscard]] std::string origin() const;
};

// https://s3.<region>.amazonaws.com, in China with .cn.
Result<cloud::Url> aws_endpoint(const Region& region);

// Bucket names are checked (3 to 63 of a-z, 0-9, '.', '-'), the endpoint's path has to be empty,
// and a bucket with a dot needs kPath (no certificate covers it).
Result<void> check(const S3Config& config);

// "s3://bucket/prefix/": how a checkpoint is named to a person and to a program.
struct S3Uri {
  BucketName bucket;
  Key key;
  friend bool operator==(const S3Uri&, const S3Uri&) = default;
};
Result<S3Uri> parse_s3_uri(std::string_view text);
std::string to_string(const S3Uri& uri);

// What is referred to outlives the store and every coroutine of it.
std::unique_ptr<ObjectStore> make_s3_store(const Runtime& runtime, cloud::HttpClient& http,
                                           cloud::CredentialsProvider& credentials,
                                           S3Config config);

}  // namespace spillway::storage
