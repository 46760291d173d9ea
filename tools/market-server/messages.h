#pragma once
// A request and its answer as values, so that everything but the sockets is tested without them.

#include <functional>
#include <string>
#include <vector>

#include <spillway/cloud/http.h>

namespace spillway::market_server {

struct ServerRequest {
  std::string method;
  std::string path;   // encoded, as received
  std::string query;  // encoded, without '?'
  std::vector<cloud::HttpHeader> headers;
  std::string body;
};

struct ServerResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

using Handler = std::function<ServerResponse(const ServerRequest&)>;

}  // namespace spillway::market_server
