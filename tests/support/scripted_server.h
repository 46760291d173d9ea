#pragma once
// A server of prepared bytes on a real socket of the loopback, with a thread of its own.

#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <spillway/async/asio.h>

#include <boost/asio/completion_condition.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

namespace spillway::testing {

class ScriptedServer {
 public:
  // What a connection answers, request by request; then it is closed. "" = silence until the end of
  // the server.
  using Script = std::vector<std::string>;

  // Takes one connection after another.
  explicit ScriptedServer(std::vector<Script> connections)
      : acceptor_(io_, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)),
        thread_([this, scripts = std::move(connections)] { serve(scripts); }) {}
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() {
    release_.set_value();
    thread_.join();
  }

  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }
  // The requests so far, head and body.
  [[nodiscard]] std::vector<std::string> received() {
    const std::lock_guard lock(mutex_);
    return received_;
  }

 private:
  using tcp = asio::ip::tcp;

  // What came until the client left, where it did.
  static std::string read_request(tcp::socket& socket) {
    std::string request;
    boost::system::error_code error;
    const std::size_t head =
        asio::read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n", error);
    constexpr std::string_view kLength = "Content-Length: ";
    const std::size_t at = request.find(kLength);
    if (error || at == std::string::npos) return request;
    const std::size_t whole = head + std::stoul(request.substr(at + kLength.size()));
    if (request.size() < whole) {
      asio::read(socket, asio::dynamic_buffer(request),
                 asio::transfer_exactly(whole - request.size()), error);
    }
    return request;
  }

  void serve(const std::vector<Script>& scripts) {
    std::vector<tcp::socket> silent;
    for (const Script& script : scripts) {
      tcp::socket socket = acceptor_.accept();
      bool keep = false;
      for (const std::string& answer : script) {
        std::string request = read_request(socket);
        {
          const std::lock_guard lock(mutex_);
          received_.push_back(std::move(request));
        }
        keep = answer.empty();
        boost::system::error_code error;
        if (!keep) asio::write(socket, asio::buffer(answer), error);  // the client may have left
      }
      if (keep) silent.push_back(std::move(socket));
    }
    release_.get_future().wait();
  }

  asio::io_context io_;
  tcp::acceptor acceptor_;
  std::promise<void> release_;
  std::mutex mutex_;  // guards received_
  std::vector<std::string> received_;
  std::thread thread_;
};

}  // namespace spillway::testing
