#include <spillway/cloud/sigv4.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <map>

#include <spillway/core/check.h>
#include <spillway/core/text.h>

namespace spillway::cloud {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
  return out;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

// Without blanks at the ends, and one blank for each run inside.
std::string fold_blanks(std::string_view value) {
  std::string out;
  for (const char c : trim(value)) {
    const bool blank = c == ' ' || c == '\t';
    if (blank && !out.empty() && out.back() == ' ') continue;
    out.push_back(blank ? ' ' : c);
  }
  return out;
}

// RFC 3986 5.2.4 on an absolute path, empty segments dropped.
std::string normalise(std::string_view path) {
  std::vector<std::string_view> kept;
  for (const std::string_view segment : split(path, '/')) {
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
      continue;
    }
    kept.push_back(segment);
  }
  std::string out = "/";
  for (const std::string_view segment : kept) {
    if (out.size() > 1) out.push_back('/');
    out.append(segment);
  }
  const bool folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
  if (folder && out.size() > 1) out.push_back('/');
  return out;
}

std::string canonical_path(std::string_view path, PathStyle style) {
  if (path.empty()) return "/";
  if (style == PathStyle::kS3) return std::string(path);
  return percent_encode(normalise(path), Slashes::kKeep);
}

Result<std::string> canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  for (const std::string_view part : split(query, '&')) {
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    const bool bare = equals == std::string_view::npos;
    TRY(name, percent_decode(part.substr(0, equals)));
    TRY(value, percent_decode(bare ? std::string_view() : part.substr(equals + 1)));
    parameters.emplace_back(percent_encode(name), percent_encode(value));
  }
  std::sort(parameters.begin(), parameters.end());
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!out.empty()) out.push_back('&');
    out += name + "=" + value;
  }
  return out;
}

struct CanonicalHeaders {
  std::string lines;  // "name:value\n" each
  std::string names;  // "name;name"
};

CanonicalHeaders canonical_headers(const std::vector<HttpHeader>& headers) {
  std::multimap<std::string, std::string> sorted;  // values of one name keep their order
  for (const HttpHeader& header : headers) {
    sorted.emplace(lower_case(header.name), fold_blanks(header.value));
  }
  CanonicalHeaders out;
  std::string_view previous;
  for (const auto& [name, value] : sorted) {
    if (name == previous) {
      out.lines.back() = ',';
      out.lines += value + "\n";
      continue;
    }
    if (!out.names.empty()) out.names.push_back(';');
    out.names += name;
    out.lines += name + ":" + value + "\n";
    previous = name;
  }
  return out;
}

std::string scope_text(const SigningScope& scope, std::string_view date) {
  return std::string(date) + "/" + scope.region.str() + "/" + scope.service.str() + "/aws4_request";
}

void set_header(std::vector<HttpHeader>& headers, std::string_view name, std::string value) {
  const std::string wanted = lower_case(name);
  std::erase_if(headers, [&](const HttpHeader& h) { return lower_case(h.name) == wanted; });
  headers.push_back({.name = std::string(name), .value = std::move(value)});
}

}  // namespace

std::string sha256_hex(std::string_view data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  SPILLWAY_CHECK(
      EVP_Digest(data.data(), data.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  return to_hex({reinterpret_cast<const char*>(digest.data()), size});
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(data.data());
  SPILLWAY_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, data.size(),
                      digest.data(), &size) != nullptr);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string format_amz_date(Instant instant) {
  std::string out;
  for (const char c : format_instant(instant)) {  // 2015-08-30T12:36:00Z
    if (c != '-' && c != ':') out.push_back(c);
  }
  return out;
}

Result<Instant> parse_amz_date(std::string_view text) {
  const auto digit_or_mark = [&](std::size_t i) {
    if (i == 8) return text[i] == 'T';
    if (i == 15) return text[i] == 'Z';
    return text[i] >= '0' && text[i] <= '9';
  };
  bool good = text.size() == 16;
  for (std::size_t i = 0; good && i < 16; ++i)
    good = digit_or_mark(i);
  if (!good) return invalid("a signing date is written as 20150830T123600Z");
  const std::string t(text);
  return parse_instant(t.substr(0, 4) + "-" + t.substr(4, 2) + "-" + t.substr(6, 2) + "T" +
                       t.substr(9, 2) + ":" + t.substr(11, 2) + ":" + t.substr(13, 2) + "Z");
}

Result<std::string> canonical_request(const RequestToSign& request, PathStyle style) {
  TRY(query, canonical_query(request.query));
  const CanonicalHeaders headers = canonical_headers(request.headers);
  return std::string(request.method) + "\n" + canonical_path(request.path, style) + "\n" + query +
         "\n" + headers.lines + "\n" + headers.names + "\n" + request.payload_hash;
}

std::string string_to_sign(std::string_view canonical, const SigningScope& scope, Instant time) {
  const std::string date = format_amz_date(time);
  return std::string(kAlgorithm) + "\n" + date + "\n" + scope_text(scope, date.substr(0, 8)) +
         "\n" + sha256_hex(canonical);
}

std::string signature(const Secret& secret_access_key, const SigningScope& scope, Instant time,
                      std::string_view text) {
  const std::string date = format_amz_date(time).substr(0, 8);
  std::string key = hmac_sha256("AWS4" + secret_access_key.reveal(), date);
  key = hmac_sha256(key, scope.region.str());
  key = hmac_sha256(key, scope.service.str());
  key = hmac_sha256(key, "aws4_request");
  return to_hex(hmac_sha256(key, text));
}

Result<void> sign(HttpRequest& request, const Credentials& credentials, const SigningScope& scope,
                  Instant now, std::string payload_hash) {
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty()) {
    return fail(ErrorCode::kUnauthorized, "a request cannot be signed without credentials");
  }
  if (credentials.expires_at && *credentials.expires_at <= now) {
    return fail(ErrorCode::kUnauthorized, "the cloud credentials have expired");
  }
  std::erase_if(request.headers,
                [](const HttpHeader& h) { return lower_case(h.name) == "authorization"; });
  if (payload_hash.empty()) payload_hash = sha256_hex(request.payload());
  set_header(request.headers, "X-Amz-Date", format_amz_date(now));
  if (!credentials.session_token.empty()) {
    set_header(request.headers, "X-Amz-Security-Token", credentials.session_token.reveal());
  }
  if (scope.path_style == PathStyle::kS3) {
    set_header(request.headers, "X-Amz-Content-Sha256", payload_hash);
  }
  RequestToSign to_sign{.method = request.method,
                        .path = request.url.path,
                        .query = request.url.query,
                        .headers = request.headers,
                        .payload_hash = payload_hash};
  to_sign.headers.push_back({.name = "Host", .value = request.url.authority()});
  TRY(canonical, canonical_request(to_sign, scope.path_style));
  const std::string date = format_amz_date(now).substr(0, 8);
  const std::string signed_with =
      signature(credentials.secret_access_key, scope, now, string_to_sign(canonical, scope, now));
  request.headers.push_back(
      {.name = "Authorization",
       .value = std::string(kAlgorithm) + " Credential=" + credentials.access_key_id + "/" +
                scope_text(scope, date) + ", SignedHeaders=" +
                canonical_headers(to_sign.headers).names + ", Signature=" + signed_with});
  return {};
}

}  // namespace spillway::cloud
