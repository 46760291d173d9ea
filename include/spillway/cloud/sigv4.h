#pragma once
// AWS Signature Version 4, both directions: signing a request and verifying a received one. Pure:
// the time comes in. Source: "Create a signed AWS API request" (AWS IAM user guide); proven against
// AWS's published test suite.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/cloud/credentials.h>
#include <spillway/cloud/http.h>
#include <spillway/core/ids.h>
#include <spillway/core/result.h>
#include <spillway/core/time.h>

namespace spillway::cloud {

using ServiceName =
    StrongString<struct ServiceNameTag>;  // "ec2", "s3": the service part of the credential scope

// S3 signs the path as it is on the wire; every other service normalises it ('.', '..', '//') and
// encodes it once more.
enum class PathStyle { kNormalised, kS3 };

struct SigningScope {
  Region region;
  ServiceName service;
  PathStyle path_style = PathStyle::kNormalised;
};

// What is signed, as it is on the wire. Header values are trimmed and runs of blanks folded when
// canonicalised.
struct RequestToSign {
  std::string_view method;
  std::string_view path;   // encoded, as on the wire
  std::string_view query;  // encoded, without '?'
  std::vector<HttpHeader> headers;
  std::string payload_hash;  // sha256_hex(body), or "UNSIGNED-PAYLOAD" (S3)
};

std::string sha256_hex(std::string_view data);
std::string hmac_sha256(std::string_view key, std::string_view data);  // 32 raw bytes

// "20150830T123600Z"
std::string format_amz_date(Instant instant);
Result<Instant> parse_amz_date(std::string_view text);

// The steps of the published algorithm. All headers of `request` are signed.
Result<std::string> canonical_request(const RequestToSign& request, PathStyle style);
std::string string_to_sign(std::string_view canonical_request, const SigningScope& scope,
                           Instant time);
std::string signature(const Secret& secret_access_key, const SigningScope& scope, Instant time,
                      std::string_view string_to_sign);

// Adds X-Amz-Date, X-Amz-Security-Token (session credentials), X-Amz-Content-Sha256 (S3) and
// Authorization; signs Host and every header that is there. A second call renews the signature.
// `payload_hash` is that of the body where the caller has it already, or kUnsignedPayload (S3 over
// TLS); empty = it is computed.
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
Result<void> sign(HttpRequest& request, const Credentials& credentials, const SigningScope& scope,
                  Instant now, std::string payload_hash = {});

// The receiving side.

// What is wrong with a received signature; the names are those of the codes that EC2 answers with.
enum class SignatureFault {
  kMissingAuthentication,  // no Authorization header: MissingAuthenticationToken
  kIncomplete,             // malformed Authorization or date: IncompleteSignature
  kUnknownKey,             // AuthFailure
  kMismatch,               // SignatureDoesNotMatch
  kExpired,                // outside the allowed skew: RequestExpired
};
std::string_view to_string(SignatureFault fault);

struct Verified {
  std::string access_key_id;
  Region region;
};
struct VerifyFailure {
  SignatureFault fault = SignatureFault::kMismatch;
  std::string message;  // one sentence, without secrets
};

// Returns the secret of an access key id, nullptr when there is no such key.
using SecretLookup = std::function<const Secret*(std::string_view access_key_id)>;

// Checks the Authorization header of a received request. Any region is accepted (an endpoint
// override serves every region); the service has to match. `request.headers` are all headers
// received; only those named as signed are used, and Host and X-Amz-Date have to be among them.
// Comparison takes constant time.
tl::expected<Verified, VerifyFailure> verify(const RequestToSign& request,
                                             const ServiceName& service, PathStyle path_style,
                                             const SecretLookup& secrets, Instant now,
                                             Duration max_skew = std::chrono::minutes(5));

}  // namespace spillway::cloud
