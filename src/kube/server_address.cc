#include <charconv>

#include <spillway/kube/credentials.h>

namespace spillway::kube {
namespace {

tl::unexpected<Error> refuse(std::string_view url) {
  return invalid("the server '" + std::string(url) +
                 "' has to be a URL such as https://10.0.0.1:6443");
}

bool valid_port(std::string_view port) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return error == std::errc{} && end == port.data() + port.size() && number >= 1 && number <= 65535;
}

bool valid_host(std::string_view host) {
  for (const char c : host) {
    const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '.' || c == '_' || c == ':' || c == '%';
    if (!ok) return false;
  }
  return !host.empty();
}

}  // namespace

std::string ServerAddress::to_string() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (tls ? "https://" : "http://") + (v6 ? "[" + host + "]" : host) + ":" + port + path_prefix;
}

Result<ServerAddress> ServerAddress::parse(std::string_view url) {
  ServerAddress address;
  std::string_view rest = url;
  if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
    address.tls = false;
  } else {
    return refuse(url);
  }
  const std::size_t slash = rest.find_first_of("/?#");
  std::string_view path = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);
  rest = rest.substr(0, slash);
  if (path.find_first_of("?# ") != std::string_view::npos) return refuse(url);
  while (path.ends_with('/'))
    path.remove_suffix(1);
  address.path_prefix = path;
  std::string_view port;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return refuse(url);
    address.host = rest.substr(1, end - 1);
    port = rest.substr(end + 1);
    if (!port.empty() && !port.starts_with(':')) return refuse(url);
    if (!port.empty()) port.remove_prefix(1);
  } else {
    const std::size_t colon = rest.find(':');
    address.host = rest.substr(0, colon);
    if (colon != std::string_view::npos) port = rest.substr(colon + 1);
  }
  address.port = port.empty() ? (address.tls ? "443" : "80") : std::string(port);
  if (!valid_host(address.host) || !valid_port(address.port)) return refuse(url);
  return address;
}

}  // namespace spillway::kube
