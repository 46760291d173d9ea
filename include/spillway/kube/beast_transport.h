#pragma once
// The real transport: HTTP/1.1 over TLS with Boost.Beast, a bounded pool of kept connections, one
// connection a watch.

#include <cstddef>
#include <memory>

#include <spillway/async/timers.h>
#include <spillway/kube/credentials.h>
#include <spillway/kube/transport.h>

namespace spillway::kube {

struct BeastTransportOptions {
  std::size_t max_connections =
      16;  // of ordinary requests; more requests wait for one. Leases have one more
  std::size_t max_waiting = 4096;  // requests waiting for a connection; more fail with kUnavailable
  Duration dial_timeout = std::chrono::seconds(30);
  Duration tls_handshake_timeout = std::chrono::seconds(10);
  Duration idle_timeout =
      std::chrono::seconds(90);  // kept connections older than this are not used again
  std::size_t max_body_bytes = std::size_t{256} << 20;  // of an answer (a LIST)
  std::size_t max_line_bytes = std::size_t{8} << 20;    // of a watch
  std::string user_agent;
};

std::unique_ptr<Transport> make_beast_transport(Runtime runtime, ServerAddress server,
                                                std::shared_ptr<Credentials> credentials,
                                                BeastTransportOptions options);

}  // namespace spillway::kube
