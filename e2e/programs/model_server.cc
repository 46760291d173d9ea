// A model server for the end-to-end tests: it loads for a while, then takes a while for each
// answer.
//
//   spillway-model-server PORT LOAD_MILLISECONDS ANSWER_MILLISECONDS
//
// GET /ready answers 503 while it loads; every other path answers 200 with its host's name. At
// SIGTERM it takes no new connection, finishes what it has begun, and ends. One thread a
// connection, one request a connection. It uses no more than the C library and threads, because it
// is linked statically.

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kMaxConnections = 1000;
constexpr std::size_t kMaxHeadBytes = 16 * 1024;
constexpr int kWrongInput = 2;

std::atomic<int> open_connections{0};

// The head of a request; empty when the client left or said too much.
std::string read_head(int socket) {
  std::string head;
  char buffer[4096];
  while (head.find("\r\n\r\n") == std::string::npos && head.size() < kMaxHeadBytes) {
    const ssize_t got = recv(socket, buffer, sizeof buffer, 0);
    if (got <= 0) return {};
    head.append(buffer, static_cast<std::size_t>(got));
  }
  return head;
}

void answer(int socket, std::string_view status, const std::string& text) {
  const std::string whole =
      "HTTP/1.1 " + std::string(status) +
      "\r\nConnection: close\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n" + text;
  std::string_view left = whole;
  while (!left.empty()) {
    const ssize_t sent = send(socket, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the client left
    left.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void serve(int socket, steady_clock::time_point loaded_at, milliseconds work) {
  const std::string head = read_head(socket);
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  if (head.starts_with("GET /ready ")) {
    const bool ready = steady_clock::now() >= loaded_at;
    answer(socket, ready ? "200 OK" : "503 Service Unavailable", ready ? "ready" : "loading");
  } else if (!head.empty()) {
    std::this_thread::sleep_for(work);  // the model computes
    answer(socket, "200 OK", host);
  }
  close(socket);
  --open_connections;
  open_connections.notify_all();
}

int listen_on(int port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const auto* where = reinterpret_cast<const sockaddr*>(&address);
  if (listener < 0 || bind(listener, where, sizeof address) != 0 || listen(listener, 128) != 0) {
    return -1;
  }
  return listener;
}

// Until SIGTERM or SIGINT.
void accept_all(int listener, int signals, steady_clock::time_point loaded_at, milliseconds work) {
  pollfd watched[2] = {{listener, POLLIN, 0}, {signals, POLLIN, 0}};
  while (poll(watched, 2, -1) >= 0 && (watched[1].revents & POLLIN) == 0) {
    if ((watched[0].revents & POLLIN) == 0) continue;
    const int socket = accept(listener, nullptr, nullptr);
    if (socket < 0) continue;
    if (++open_connections > kMaxConnections) {
      close(socket);
      --open_connections;
      continue;
    }
    std::thread(serve, socket, loaded_at, work).detach();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int port = argc == 4 ? std::atoi(argv[1]) : 0;
  if (port <= 0 || port > 65535) {
    std::fputs("usage: spillway-model-server PORT LOAD_MILLISECONDS ANSWER_MILLISECONDS\n", stderr);
    return kWrongInput;
  }
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  const int signals = signalfd(-1, &ends, SFD_CLOEXEC);
  const int listener = listen_on(port);
  if (listener < 0 || signals < 0) {
    std::perror("spillway-model-server");
    return EXIT_FAILURE;
  }
  const auto loaded_at = steady_clock::now() + milliseconds(std::atoi(argv[2]));
  accept_all(listener, signals, loaded_at, milliseconds(std::atoi(argv[3])));
  close(listener);
  // What has begun is finished.
  for (int open = open_connections; open > 0; open = open_connections)
    open_connections.wait(open);
  return 0;
}
