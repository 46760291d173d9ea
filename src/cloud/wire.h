#pragma once
// A TCP connection, plain or TLS, as the Beast client reads and writes it. Asio's own TLS stream
// moves 17 KiB a system call and copies every byte twice on the way; this one receives straight
// into OpenSSL and sends many records at once.

#include <memory>
#include <string>
#include <string_view>

#include <spillway/async/asio.h>
#include <spillway/core/result.h>

#include <boost/asio/ip/tcp.hpp>

namespace spillway::cloud {

class TlsTrust;  // beast_connection.h

using SystemError = boost::system::error_code;

struct Arrived {
  std::size_t bytes = 0;  // 0 only with an error; the orderly end is asio::error::eof
  SystemError error;
};

class Wire {
 public:
  explicit Wire(const asio::any_io_executor& executor) : socket_(executor) {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  virtual ~Wire() = default;

  // To be connected before anything else is asked for.
  [[nodiscard]] asio::ip::tcp::socket& socket() { return socket_; }
  // kUnavailable: who is at the other end is not `host`, or does not speak TLS.
  virtual Task<Result<void>> shake_hands(std::string host) = 0;
  // What is there now, at least one byte, at most `size`.
  Task<Arrived> read_some(char* data, std::size_t size);
  // All of it; the bytes stay with the caller until then.
  Task<SystemError> write(std::string_view bytes);
  // Nothing that arrived is left inside.
  [[nodiscard]] virtual bool drained() const = 0;

 protected:
  enum class Blocked { kNo, kReading, kWriting };
  struct Step {
    std::size_t bytes = 0;
    Blocked blocked = Blocked::kNo;
    SystemError error;
  };
  // Without waiting.
  virtual Step try_read(char* data, std::size_t size) = 0;
  virtual Step try_write(std::string_view bytes) = 0;
  // What try_write() took and did not send yet: kNo when nothing is left.
  virtual Step try_flush() = 0;
  Task<SystemError> wait_for(Blocked direction);
  Step receive(char* data, std::size_t size);
  Step send(std::string_view bytes);

 private:
  asio::ip::tcp::socket socket_;
};

std::unique_ptr<Wire> make_plain_wire(const asio::any_io_executor& executor);
std::unique_ptr<Wire> make_tls_wire(const asio::any_io_executor& executor,
                                    std::shared_ptr<TlsTrust> trust);

}  // namespace spillway::cloud
