#pragma once
// A small HTTP/1.1 server: sockets on one side, a Handler on the other.

#include <cstdint>
#include <memory>
#include <string>

#include <spillway/async/asio.h>
#include <spillway/core/result.h>

#include "messages.h"

namespace spillway::market_server {

// Bounds: 256 connections, 16 KiB of headers, 1 MiB of body, 30 s for each request and each answer.
class HttpServer {
 public:
  virtual ~HttpServer() = default;
  [[nodiscard]] virtual std::string address()
      const = 0;  // "127.0.0.1:40123": the port that was bound
  // No new connections; those that are there end after the answer under way.
  virtual void stop() = 0;
};

// Listens at once. `address` is "ADDRESS:PORT" or "[ADDRESS]:PORT"; port 0 takes a free one.
Result<std::unique_ptr<HttpServer>> listen(asio::io_context& io, const std::string& address,
                                           Handler handler);

}  // namespace spillway::market_server
