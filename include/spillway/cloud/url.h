#pragma once
// Absolute http(s) URLs, percent-encoding as AWS signs it (RFC 3986 unreserved characters stay),
// and application/x-www-form-urlencoded bodies. Pure text, no look-ups.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <spillway/core/result.h>

namespace spillway::cloud {

struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case; an IPv6 literal keeps its brackets
  std::uint16_t port = 0;
  std::string path = "/";  // still encoded, as on the wire
  std::string query;       // still encoded, without the '?'

  // "host" or "host:port" when the port is not the scheme's own: the value of the Host header.
  [[nodiscard]] std::string authority() const;
  // "https://host:port", the port always written: what connections and allow-lists are keyed by.
  [[nodiscard]] std::string origin() const;
  [[nodiscard]] std::string target() const;  // path and query
  [[nodiscard]] std::string to_string() const;
};

// Refuses user information ("user:password@"), fragments, other schemes, blanks and control
// characters.
Result<Url> parse_url(std::string_view text);

enum class Slashes { kEncode, kKeep };
std::string percent_encode(std::string_view text, Slashes slashes = Slashes::kEncode);
// kInvalidArgument for a '%' without two hexadecimal digits.
Result<std::string> percent_decode(std::string_view text);

// Name and value pairs in their order; names may repeat.
using QueryParameters = std::vector<std::pair<std::string, std::string>>;
std::string encode_form(const QueryParameters& parameters);
// '+' is a blank. At most `max_parameters`; more is an error, not a cut.
Result<QueryParameters> decode_form(std::string_view text, std::size_t max_parameters = 10'000);

}  // namespace spillway::cloud
