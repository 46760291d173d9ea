#pragma once
// Where the API server is and how to prove who we are. Credentials change while we run (tokens and
// certificates rotate), so they are asked for at each request.

#include <memory>
#include <string>
#include <string_view>

#include <spillway/async/asio.h>
#include <spillway/core/ids.h>
#include <spillway/core/result.h>

namespace spillway::kube {

// PEM texts; empty when not used. Immutable: a rotation makes a new object, by which transports
// know that their TLS contexts and idle connections are out of date.
struct TlsMaterial {
  std::string ca;  // empty: the system's trust store
  std::string client_certificate;
  Secret client_key;
  friend bool operator==(const TlsMaterial&, const TlsMaterial&) = default;
};

struct Access {
  Secret authorization;  // value of the Authorization header; empty: none (client certificate or
                         // anonymous)
  std::shared_ptr<const TlsMaterial> tls;
};

class Credentials {
 public:
  virtual ~Credentials() = default;
  // What to use now. May take as long as an exec plugin takes (bounded at 60 s); never blocks the
  // thread.
  virtual Task<Result<Access>> current() = 0;
  // The server answered 401 to what current() gave: the next call reads everything anew.
  virtual void rejected() = 0;
};

struct ServerAddress {
  bool tls = true;
  std::string host;  // name or address, an IPv6 address without brackets
  std::string port;
  std::string path_prefix;      // "" or "/k8s/clusters/c-1", before every target
  std::string tls_server_name;  // verified instead of host when not empty
  bool insecure_skip_tls_verify = false;

  [[nodiscard]] std::string to_string() const;
  // "https://10.0.0.1:6443/prefix"; http:// is accepted, for proxies on the same machine.
  static Result<ServerAddress> parse(std::string_view url);
};

}  // namespace spillway::kube
