#pragma once
// One connection of the Beast client, plain or TLS: connect, then one exchange after another.

#include <memory>
#include <string>

#include <spillway/async/timers.h>
#include <spillway/cloud/http.h>

namespace spillway::cloud {

class TlsTrust;  // certificates that are accepted
// kInvalidArgument when `ca_bundle` is neither empty nor PEM certificates.
Result<std::shared_ptr<TlsTrust>> make_tls_trust(const std::string& ca_bundle);

class BeastConnection {
 public:
  struct Failure {
    Error error;
    bool silent = false;  // the peer closed without a byte of an answer
  };
  using Outcome = tl::expected<HttpResponse, Failure>;

  virtual ~BeastConnection() = default;
  // kUnavailable: not connected; the message says why.
  virtual Task<Result<void>> connect(Url url) = 0;
  // The request stays with the caller until the end.
  virtual Task<Outcome> exchange(const HttpRequest& request) = 0;
  // Ends what is in flight, from outside; it then fails.
  virtual void close() = 0;
  // Open, and nothing has arrived unasked (the end of the connection counts).
  [[nodiscard]] virtual bool fit_for_reuse() = 0;
};

std::unique_ptr<BeastConnection> make_beast_connection(const asio::any_io_executor& executor,
                                                       const std::shared_ptr<TlsTrust>& trust,
                                                       bool tls);

}  // namespace spillway::cloud
