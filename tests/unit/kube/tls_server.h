#pragma once
// A small HTTPS server on a free port of the loopback, whose conversation a test writes line by
// line. Blocking, a thread a connection.

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

struct ssl_st;
struct ssl_ctx_st;

namespace spillway::kube {

struct Identity {
  std::string certificate;  // PEM
  std::string key;
};

// A certificate authority that lives as long as the test.
class Authority {
 public:
  Authority();
  ~Authority();
  [[nodiscard]] const std::string& certificate() const { return certificate_; }
  // For 127.0.0.1 and for the DNS name.
  [[nodiscard]] Identity issue(const std::string& dns_name) const;

 private:
  struct Keys;
  std::unique_ptr<Keys> keys_;
  std::string certificate_;
};

// One connection, seen from the server.
class Peer {
 public:
  Peer(int socket, ssl_st* ssl, int number) : socket_(socket), ssl_(ssl), number_(number) {}
  // Head and body of the next request; empty when the client has gone.
  std::string read_request();
  void write(std::string_view bytes);
  void answer(int status, std::string_view body, std::string_view headers = "");
  void chunk(std::string_view bytes);
  // True when the client closes within `limit`.
  bool wait_until_closed(std::chrono::milliseconds limit);
  [[nodiscard]] int number() const { return number_; }  // of the connection, from 1
  [[nodiscard]] std::string client_name() const;        // common name of its certificate, or empty

 private:
  long receive(char* data, std::size_t size);
  int socket_;
  ssl_st* ssl_;
  int number_;
  std::string pending_;
};

class TlsServer {
 public:
  using Handler = std::function<void(Peer&)>;
  struct Options {
    Identity identity;      // empty: plain HTTP
    std::string client_ca;  // asks for client certificates of this authority
  };
  TlsServer(Options options, Handler handler);
  ~TlsServer();  // closes every connection and waits for the handlers

  [[nodiscard]] std::string url() const;
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void accept_loop();
  void serve(int socket, int number);

  Handler handler_;
  ssl_ctx_st* context_ = nullptr;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> connections_ = 0;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;  // guards sockets_ and threads_
  std::list<int> sockets_;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace spillway::kube
