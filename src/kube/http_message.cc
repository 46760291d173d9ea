#include "http_message.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <limits>

namespace spillway::kube {
namespace {

namespace http = boost::beast::http;
constexpr std::uint32_t kMaxHeaderBytes = 64 * 1024;

bool clean(std::string_view text) {
  return std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string host_header(const ServerAddress& server) {
  const bool v6 = server.host.find(':') != std::string::npos;
  return (v6 ? "[" + server.host + "]" : server.host) + ":" + server.port;
}

}  // namespace

Result<std::string> write_request(const HttpRequest& request, const ServerAddress& server,
                                  const Secret& authorization, std::string_view user_agent) {
  if (!clean(request.target) || request.target.find(' ') != std::string::npos) {
    return invalid("a request target has to be percent-encoded");
  }
  if (!clean(authorization.reveal()))
    return invalid("the bearer token has to be one line without control characters");
  std::string out;
  out.reserve(512 + authorization.reveal().size() + request.body.size());
  const auto header = [&out](std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
  };
  out.append(to_string(request.method))
      .append(" ")
      .append(server.path_prefix)
      .append(request.target);
  out.append(" HTTP/1.1\r\n");
  header("Host", host_header(server));
  header("User-Agent", user_agent);
  header("Accept", "application/json");
  if (!authorization.empty()) header("Authorization", authorization.reveal());
  if (!request.content_type.empty()) header("Content-Type", request.content_type);
  if (mutating(request.method)) header("Content-Length", std::to_string(request.body.size()));
  out.append("\r\n").append(request.body);
  return out;
}

struct ResponseReader::Parser {
  http::response_parser<http::string_body> parser;
};

ResponseReader::ResponseReader(std::size_t max_body_bytes, bool streaming)
    : parser_(std::make_unique<Parser>()) {
  // Not eager: Beast 1.74's eager parser goes on past a Content-Length above the limit
  // (finish_header's error is overwritten when body bytes are already there).
  parser_->parser.eager(false);
  parser_->parser.header_limit(kMaxHeaderBytes);
  // Not boost::none for "no limit": 1.74 takes every Content-Length for larger than none.
  constexpr auto kEndless = std::numeric_limits<std::uint64_t>::max();
  parser_->parser.body_limit(streaming ? kEndless : std::uint64_t{max_body_bytes});
}

ResponseReader::~ResponseReader() = default;

Result<void> ResponseReader::feed(std::string_view bytes) {
  auto& parser = parser_->parser;
  pending_ += bytes;
  std::size_t used = 0;
  while (used < pending_.size() && !parser.is_done()) {
    boost::system::error_code error;
    const std::size_t taken =
        parser.put(asio::buffer(pending_.data() + used, pending_.size() - used), error);
    used += taken;
    if (error == http::error::need_more) break;
    if (error == http::error::body_limit)
      return fail(ErrorCode::kInternal, "the API server's answer is too large");
    if (error) return fail(ErrorCode::kInternal, "the answer is not HTTP: " + error.message());
    if (taken == 0) break;
  }
  pending_.erase(0, used);
  return {};
}

Result<void> ResponseReader::feed_end() {
  auto& parser = parser_->parser;
  boost::system::error_code error;
  if (parser.got_some() && !parser.is_done()) parser.put_eof(error);
  if (parser.is_done() && !error) return {};
  return fail(ErrorCode::kUnavailable, "the API server closed the connection within its answer");
}

bool ResponseReader::started() const {
  return parser_->parser.got_some();
}
bool ResponseReader::head_complete() const {
  return parser_->parser.is_header_done();
}
bool ResponseReader::complete() const {
  return parser_->parser.is_done();
}
bool ResponseReader::reusable() const {
  return complete() && pending_.empty() && parser_->parser.get().keep_alive();
}
int ResponseReader::status() const {
  return static_cast<int>(parser_->parser.get().result_int());
}

std::string_view ResponseReader::retry_after() const {
  const auto value = parser_->parser.get()[http::field::retry_after];
  return {value.data(), value.size()};
}

std::string ResponseReader::take_body() {
  std::string body;
  body.swap(parser_->parser.get().body());
  return body;
}

}  // namespace spillway::kube
