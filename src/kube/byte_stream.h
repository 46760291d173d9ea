#pragma once
// One connection to a server, plain or TLS, as bytes with deadlines.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <spillway/async/timers.h>
#include <spillway/kube/credentials.h>

namespace spillway::kube {

class TlsContext;  // a client's TLS settings; shared by many connections

// kInvalidArgument when a certificate or key cannot be read.
Result<std::shared_ptr<TlsContext>> make_tls_context(const TlsMaterial& material,
                                                     bool insecure_skip_tls_verify);

struct WriteFailure {
  Error error;
  std::size_t sent = 0;  // bytes that the kernel took before
};

// Callers keep a shared_ptr across each await. One operation at a time, close() excepted.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // 0 at the orderly end. kTimeout at the deadline (the connection is closed then), kCancelled
  // after close(), else kUnavailable.
  virtual Task<Result<std::size_t>> read_some(char* data, std::size_t size,
                                              MonotonicTime deadline) = 0;
  // Nothing on success.
  virtual Task<std::optional<WriteFailure>> write(std::string_view bytes,
                                                  MonotonicTime deadline) = 0;
  virtual void close() = 0;
  // False when the peer has closed an idle connection, or sent something that nobody asked for.
  [[nodiscard]] virtual bool fit_for_reuse() = 0;
};

struct Dial {
  Runtime runtime;
  ServerAddress server;
  std::shared_ptr<TlsContext> tls;  // none: plain TCP
  Duration connect_timeout{};
  Duration handshake_timeout{};
};
// Resolves, connects and shakes hands. kUnavailable or kTimeout: not a byte of a request has left.
Task<Result<std::shared_ptr<ByteStream>>> dial(Dial request, MonotonicTime deadline);

}  // namespace spillway::kube
