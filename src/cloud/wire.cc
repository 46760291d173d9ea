#include "wire.h"

#include <sys/socket.h>

#include <cerrno>

namespace spillway::cloud {

Task<SystemError> Wire::wait_for(Blocked direction) {
  using asio::ip::tcp;
  SystemError error;
  const auto what =
      direction == Blocked::kReading ? tcp::socket::wait_read : tcp::socket::wait_write;
  co_await socket_.async_wait(what, asio::redirect_error(asio::use_awaitable, error));
  co_return error;
}

Task<Arrived> Wire::read_some(char* data, std::size_t size) {
  while (true) {
    const Step step = try_read(data, size);
    if (step.bytes > 0 || step.error) {
      // An error behind the bytes shows again at the next reading.
      co_return Arrived{.bytes = step.bytes, .error = step.bytes > 0 ? SystemError() : step.error};
    }
    if (const SystemError error = co_await wait_for(step.blocked)) {
      co_return Arrived{.error = error};
    }
  }
}

Task<SystemError> Wire::write(std::string_view bytes) {
  while (true) {
    const Step step = bytes.empty() ? try_flush() : try_write(bytes);
    if (step.error) co_return step.error;
    bytes.remove_prefix(step.bytes);
    if (bytes.empty() && step.bytes == 0 && step.blocked == Blocked::kNo) co_return SystemError();
    if (step.blocked == Blocked::kNo) continue;
    if (const SystemError error = co_await wait_for(step.blocked)) co_return error;
  }
}

Wire::Step Wire::receive(char* data, std::size_t size) {
  while (true) {
    const auto got = ::recv(socket_.native_handle(), data, size, MSG_DONTWAIT);
    if (got > 0) return {.bytes = static_cast<std::size_t>(got)};
    if (got == 0) return {.error = asio::error::make_error_code(asio::error::eof)};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {.blocked = Blocked::kReading};
    return {.error = SystemError(errno, boost::system::system_category())};
  }
}

Wire::Step Wire::send(std::string_view bytes) {
  while (true) {
    const auto sent =
        ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return {.bytes = static_cast<std::size_t>(sent)};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {.blocked = Blocked::kWriting};
    return {.error = SystemError(errno, boost::system::system_category())};
  }
}

namespace {

class PlainWire final : public Wire {
 public:
  using Wire::Wire;
  Task<Result<void>> shake_hands(std::string) override { co_return Result<void>(); }
  [[nodiscard]] bool drained() const override { return true; }

 protected:
  Step try_read(char* data, std::size_t size) override { return receive(data, size); }
  Step try_write(std::string_view bytes) override { return send(bytes); }
  Step try_flush() override { return {}; }
};

}  // namespace

std::unique_ptr<Wire> make_plain_wire(const asio::any_io_executor& executor) {
  return std::make_unique<PlainWire>(executor);
}

}  // namespace spillway::cloud
