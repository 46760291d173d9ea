// The receiving side of Signature Version 4.

#include <openssl/crypto.h>

#include <algorithm>
#include <set>

#include <spillway/cloud/sigv4.h>
#include <spillway/core/text.h>

namespace spillway::cloud {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

tl::unexpected<VerifyFailure> failure(SignatureFault fault, std::string message) {
  return tl::unexpected<VerifyFailure>(VerifyFailure{fault, std::move(message)});
}

struct Authorization {
  std::string_view access_key_id;
  std::string_view date;
  std::string_view region;
  std::string_view service;
  std::vector<std::string_view> signed_headers;
  std::string_view signature;
};

// "AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/SERVICE/aws4_request, SignedHeaders=a;b,
// Signature=hex"
std::optional<Authorization> parse_authorization(std::string_view value) {
  value = trim(value);
  if (!value.starts_with(kAlgorithm)) return std::nullopt;
  value.remove_prefix(kAlgorithm.size());
  Authorization out;
  for (const std::string_view part : split(value, ',')) {
    const std::string_view item = trim(part);
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view name = item.substr(0, equals);
    const std::string_view text = item.substr(equals + 1);
    if (name == "Credential") {
      const auto scope = split(text, '/');
      if (scope.size() != 5 || scope[4] != "aws4_request") return std::nullopt;
      out.access_key_id = scope[0];
      out.date = scope[1];
      out.region = scope[2];
      out.service = scope[3];
    } else if (name == "SignedHeaders") {
      out.signed_headers = split(text, ';');
    } else if (name == "Signature") {
      out.signature = text;
    }
  }
  if (out.access_key_id.empty() || out.signed_headers.empty() || out.signature.size() != 64) {
    return std::nullopt;
  }
  return out;
}

bool names(const std::vector<std::string_view>& signed_headers, std::string_view name) {
  return std::find(signed_headers.begin(), signed_headers.end(), name) != signed_headers.end();
}

// The received headers that the sender says it signed; all values of a repeated name count.
std::vector<HttpHeader> only_signed(const std::vector<HttpHeader>& all,
                                    const std::vector<std::string_view>& signed_headers) {
  std::vector<HttpHeader> out;
  for (const HttpHeader& header : all) {
    std::string name = header.name;
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (names(signed_headers, name)) out.push_back(header);
  }
  return out;
}

bool same_signature(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

std::string_view to_string(SignatureFault fault) {
  switch (fault) {
    case SignatureFault::kMissingAuthentication: return "MissingAuthenticationToken";
    case SignatureFault::kIncomplete: return "IncompleteSignature";
    case SignatureFault::kUnknownKey: return "AuthFailure";
    case SignatureFault::kMismatch: return "SignatureDoesNotMatch";
    case SignatureFault::kExpired: return "RequestExpired";
  }
  return "AuthFailure";
}

tl::expected<Verified, VerifyFailure> verify(const RequestToSign& request,
                                             const ServiceName& service, PathStyle path_style,
                                             const SecretLookup& secrets, Instant now,
                                             Duration max_skew) {
  const auto header = find_header(request.headers, "Authorization");
  if (!header) {
    return failure(SignatureFault::kMissingAuthentication,
                   "The request has no Authorization header; sign it with Signature Version 4");
  }
  const auto authorization = parse_authorization(*header);
  const auto date_header = find_header(request.headers, "X-Amz-Date");
  if (!authorization || !date_header) {
    return failure(SignatureFault::kIncomplete,
                   "The Authorization header or X-Amz-Date is missing a part of Signature "
                   "Version 4");
  }
  const auto time = parse_amz_date(*date_header);
  if (!time || date_header->substr(0, 8) != authorization->date ||
      authorization->service != service.str() || !names(authorization->signed_headers, "host") ||
      !names(authorization->signed_headers, "x-amz-date")) {
    return failure(SignatureFault::kIncomplete,
                   "The credential scope has to name the date of X-Amz-Date and the service '" +
                       service.str() + "', and Host and X-Amz-Date have to be signed");
  }
  const Secret* secret = secrets(authorization->access_key_id);
  if (secret == nullptr) {
    return failure(SignatureFault::kUnknownKey,
                   "The provided access key is not known; check the access key id");
  }
  // The signature comes before the date: only who has the key learns that the clock is wrong.
  RequestToSign received = request;
  received.headers = only_signed(request.headers, authorization->signed_headers);
  const SigningScope scope{
      .region = Region(authorization->region), .service = service, .path_style = path_style};
  const auto canonical = canonical_request(received, path_style);
  const bool matches =
      canonical &&
      same_signature(signature(*secret, scope, *time, string_to_sign(*canonical, scope, *time)),
                     authorization->signature);
  if (!matches) {
    return failure(SignatureFault::kMismatch,
                   "The request signature we calculated does not match the signature you "
                   "provided; check the secret access key and the signing method");
  }
  if (*time < now - max_skew || *time > now + max_skew) {
    return failure(SignatureFault::kExpired,
                   "The request was signed at another time than now: check the clock");
  }
  return Verified{.access_key_id = std::string(authorization->access_key_id),
                  .region = Region(authorization->region)};
}

}  // namespace spillway::cloud
