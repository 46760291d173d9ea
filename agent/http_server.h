#pragma once
// A small HTTP/1.1 server for a handful of peers: short requests, answered at once.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <spillway/async/timers.h>
#include <spillway/core/result.h>

namespace spillway::agent {

struct ServerRequest {
  std::string method;
  std::string path;  // without the query
  std::string authorization;
  std::string body;
};
struct ServerAnswer {
  int status = 200;
  std::string body;  // JSON
};

struct ServerLimits {
  std::size_t connections = 32;  // more are closed at once
  std::size_t body_bytes = 16 * 1024;
  Duration idle = std::chrono::seconds(30);
};

class HttpServer {
 public:
  using Handler = std::function<ServerAnswer(const ServerRequest&)>;
  virtual ~HttpServer() = default;
  // "0.0.0.0:8467"; port 0 takes a free one.
  virtual Result<void> listen(const std::string& address) = 0;
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  // Serves until stop(); then everything is closed.
  virtual void start(TaskGroup& group) = 0;
  virtual void stop() = 0;
};

std::unique_ptr<HttpServer> make_http_server(const Runtime& runtime, HttpServer::Handler handler,
                                             ServerLimits limits = {});

}  // namespace spillway::agent
