#pragma once
// The small HTTP/1.1 server that kubelets and Prometheus ask. It runs on the control thread on
// purpose: /healthz answers exactly while the loop turns.
//
//   GET /healthz   200
//   GET /readyz    200, or 503 and one sentence a line about what is missing
//   GET /metrics   200, text exposition format
//   else           404, 405, and for what is not a small HTTP request 400, 413, 431

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/async/timers.h>
#include <spillway/core/result.h>

namespace spillway::control {

// What the answers are made from; called on the control thread, outlives the server.
struct ProbeSources {
  std::function<std::vector<std::string>()> not_ready;  // sentences; none: ready
  std::function<std::string()> metrics;
};

struct ProbeAnswer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};
// Pure routing; `target` may have a query, which is ignored.
ProbeAnswer answer_probe(std::string_view method, std::string_view target,
                         const ProbeSources& sources);

struct ListenAddress {
  std::string host;        // an address, an IPv6 address without brackets
  std::uint16_t port = 0;  // 0: any free port

  // "0.0.0.0:8080", "[::]:8080", "127.0.0.1:0".
  static Result<ListenAddress> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;
};

struct ProbeLimits {
  std::size_t max_connections = 64;  // more are closed at once
  std::size_t max_header_bytes = 8 * 1024;
  Duration idle_timeout = std::chrono::seconds(30);  // for a request to come and an answer to go
};

class ProbeServer {
 public:
  // Binds and listens; an error names the address. Logs "serving probes and metrics" with it.
  static Result<std::unique_ptr<ProbeServer>> listen(const Runtime& runtime,
                                                     const ListenAddress& address,
                                                     ProbeSources sources, ProbeLimits limits = {});
  ~ProbeServer();
  ProbeServer(const ProbeServer&) = delete;
  ProbeServer& operator=(const ProbeServer&) = delete;

  [[nodiscard]] const ListenAddress& address() const;  // with the port that was bound
  // Serves until stop(). The server outlives the group's tasks.
  void start(TaskGroup& group);
  void stop();  // closes every connection
  [[nodiscard]] std::size_t connections() const;

 private:
  class Impl;
  explicit ProbeServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace spillway::control
