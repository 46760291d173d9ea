#include <spillway/cloud/url.h>

#include <algorithm>
#include <charconv>

#include <spillway/core/text.h>

namespace spillway::cloud {
namespace {

constexpr std::size_t kMaxUrlBytes = 8192;

// Locale-free on purpose: what is signed must not depend on the machine.
bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_unreserved(char c) {
  return is_alphanumeric(c) || c == '-' || c == '_' || c == '.' || c == '~';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::uint16_t default_port(std::string_view scheme) {
  return scheme == "https" ? 443 : 80;
}

bool valid_host(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  if (host.front() == '[') {
    return host.size() > 2 && host.back() == ']' &&
           std::all_of(host.begin() + 1, host.end() - 1,
                       [](char c) { return hex_digit(c) >= 0 || c == ':' || c == '.'; });
  }
  return std::all_of(host.begin(), host.end(),
                     [](char c) { return is_alphanumeric(c) || c == '-' || c == '.' || c == '_'; });
}

Result<std::uint16_t> parse_port(std::string_view text, std::string_view url) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0 || value > 65535) {
    return invalid("the port in the URL '" + std::string(url) +
                   "' is not a number from 1 to 65535");
  }
  return static_cast<std::uint16_t>(value);
}

// "host", "host:port", "[::1]:port" into `url`.
Result<void> parse_authority(std::string_view authority, std::string_view text, Url& url) {
  if (authority.find('@') != std::string_view::npos) {
    return invalid("a URL must not carry a user or password: leave out what stands before '@'");
  }
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  std::string_view host = authority;
  url.port = default_port(url.scheme);
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    host = authority.substr(0, colon);
    TRY(port, parse_port(authority.substr(colon + 1), text));
    url.port = port;
  }
  url.host.assign(host);
  std::transform(url.host.begin(), url.host.end(), url.host.begin(), lower);
  if (!valid_host(url.host)) {
    return invalid("the URL '" + std::string(text) +
                   "' names no valid host: write https://host or https://host:port");
  }
  return {};
}

}  // namespace

std::string Url::authority() const {
  return port == default_port(scheme) ? host : host + ":" + std::to_string(port);
}

std::string Url::origin() const {
  return scheme + "://" + host + ":" + std::to_string(port);
}

std::string Url::target() const {
  return query.empty() ? path : path + "?" + query;
}

std::string Url::to_string() const {
  return scheme + "://" + authority() + target();
}

Result<Url> parse_url(std::string_view text) {
  if (text.size() > kMaxUrlBytes) return invalid("a URL may have at most 8192 bytes");
  const auto bad = [](char c) { return c <= ' ' || c == '\x7f' || c == '\\' || c == '"'; };
  if (std::any_of(text.begin(), text.end(), bad)) {
    return invalid("a URL must not contain blanks, control characters, quotes or backslashes");
  }
  Url url;
  const std::size_t separator = text.find("://");
  if (separator != std::string_view::npos) url.scheme.assign(text.substr(0, separator));
  std::transform(url.scheme.begin(), url.scheme.end(), url.scheme.begin(), lower);
  if (url.scheme != "http" && url.scheme != "https") {
    return invalid("'" + shorten(text, 100) + "' is not an http or https URL: write https://host");
  }
  const std::string_view rest = text.substr(separator + 3);
  if (rest.find('#') != std::string_view::npos) {
    return invalid("the URL '" + shorten(text, 100) +
                   "' has a fragment: leave out '#' and the rest");
  }
  const std::size_t end = rest.find_first_of("/?");
  TRY_VOID(parse_authority(rest.substr(0, end), text, url));
  if (end == std::string_view::npos) return url;
  const std::string_view target = rest.substr(end);
  const std::size_t question = target.find('?');
  if (question != 0) url.path.assign(target.substr(0, question));
  if (question != std::string_view::npos) url.query.assign(target.substr(question + 1));
  return url;
}

std::string percent_encode(std::string_view text, Slashes slashes) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() + 16);
  for (const char c : text) {
    if (is_unreserved(c) || (c == '/' && slashes == Slashes::kKeep)) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kHex[byte >> 4]);
    out.push_back(kHex[byte & 15]);
  }
  return out;
}

Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return invalid("a '%' has to be followed by two hexadecimal digits");
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

std::string encode_form(const QueryParameters& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!out.empty()) out.push_back('&');
    out += percent_encode(name) + "=" + percent_encode(value);
  }
  return out;
}

Result<QueryParameters> decode_form(std::string_view text, std::size_t max_parameters) {
  QueryParameters out;
  for (const std::string_view part : split(text, '&')) {
    if (part.empty()) continue;
    if (out.size() == max_parameters) {
      return invalid("a form may have at most " + std::to_string(max_parameters) + " parameters");
    }
    const std::size_t equals = part.find('=');
    std::string name(part.substr(0, equals));
    std::string value(equals == std::string_view::npos ? std::string_view()
                                                       : part.substr(equals + 1));
    std::replace(name.begin(), name.end(), '+', ' ');
    std::replace(value.begin(), value.end(), '+', ' ');
    TRY(decoded_name, percent_decode(name));
    TRY(decoded_value, percent_decode(value));
    out.emplace_back(std::move(decoded_name), std::move(decoded_value));
  }
  return out;
}

}  // namespace spillway::cloud
