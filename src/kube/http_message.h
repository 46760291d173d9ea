#pragma once
// HTTP/1.1 without I/O: a request as bytes, and an answer out of bytes (Beast's parser).

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <spillway/core/ids.h>
#include <spillway/kube/credentials.h>
#include <spillway/kube/transport.h>

namespace spillway::kube {

// kInvalidArgument when a part holds characters that would break the message.
Result<std::string> write_request(const HttpRequest& request, const ServerAddress& server,
                                  const Secret& authorization, std::string_view user_agent);

class ResponseReader {
 public:
  // An answer above `max_body_bytes` is refused; a `streaming` one may be endless: its body is
  // taken piece by piece.
  ResponseReader(std::size_t max_body_bytes, bool streaming);
  ~ResponseReader();

  Result<void> feed(std::string_view bytes);
  // The connection ended: fine for a body without a length, else kUnavailable.
  Result<void> feed_end();

  [[nodiscard]] bool started() const;  // anything of an answer came
  [[nodiscard]] bool head_complete() const;
  [[nodiscard]] bool complete() const;
  [[nodiscard]] bool reusable() const;  // complete, and the connection may carry another exchange
  [[nodiscard]] int status() const;
  [[nodiscard]] std::string_view retry_after() const;
  std::string take_body();  // what came since the last call

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
  std::string pending_;
};

}  // namespace spillway::kube
