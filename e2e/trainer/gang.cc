#include "gang.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <thread>

namespace spillway::trainer {
namespace {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

constexpr std::uint32_t kMagic = 0x54575053;  // "SPWT"
constexpr std::uint64_t kMaxMessage = std::uint64_t{1} << 30U;
constexpr auto kLook = std::chrono::milliseconds(200);  // between two looks at `cancelled`

struct Header {
  std::uint32_t magic = kMagic;
  std::uint32_t occasion = 0;
  std::uint64_t length = 0;
};

tl::unexpected<Error> lost(std::string_view what) {
  return fail(ErrorCode::kUnavailable,
              "a rank of the gang is lost: " + std::string(what) +
                  (errno != 0 ? std::string(" (") + std::strerror(errno) + ")" : ""));
}

// True when the socket is ready, false at the deadline.
bool wait_ready(int descriptor, short events, Deadline deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd ready{.fd = descriptor, .events = events, .revents = 0};
    const int found = ::poll(&ready, 1, static_cast<int>(left.count()));
    if (found > 0) return true;
    if (found < 0 && errno != EINTR) return false;
  }
}

Result<void> send_all(const Socket& to, std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(to.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      errno = 0;
      if (!wait_ready(to.get(), POLLOUT, deadline)) return lost("it takes nothing any more");
    } else if (errno != EINTR) {
      return lost("sending failed");
    }
  }
  return {};
}

Result<void> receive_all(const Socket& from, std::span<char> bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t got = ::recv(from.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(got));
    } else if (got == 0) {
      errno = 0;
      return lost("it closed the connection");
    } else if (errno == EAGAIN) {
      errno = 0;
      if (!wait_ready(from.get(), POLLIN, deadline)) return lost("it says nothing any more");
    } else if (errno != EINTR) {
      return lost("receiving failed");
    }
  }
  return {};
}

Result<void> send_message(const Socket& to, Occasion occasion, std::string_view body,
                          Deadline deadline) {
  const Header header{.occasion = static_cast<std::uint32_t>(occasion), .length = body.size()};
  std::array<char, sizeof header> bytes{};
  std::memcpy(bytes.data(), &header, bytes.size());
  TRY_VOID(send_all(to, {bytes.data(), bytes.size()}, deadline));
  return send_all(to, body, deadline);
}

Result<std::string> receive_message(const Socket& from, Occasion occasion, Deadline deadline) {
  std::array<char, sizeof(Header)> bytes{};
  TRY_VOID(receive_all(from, bytes, deadline));
  Header header;
  std::memcpy(&header, bytes.data(), bytes.size());
  if (header.magic != kMagic || header.occasion != static_cast<std::uint32_t>(occasion) ||
      header.length > kMaxMessage)
    return fail(ErrorCode::kInternal, "a rank of the gang speaks of something else");
  std::string body(header.length, '\0');
  TRY_VOID(receive_all(from, body, deadline));
  return body;
}

void set_no_delay(const Socket& socket) {
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // only slower without
}

// What a rank says of itself: ranks of another attempt may still be about.
std::string greeting(const GangConfig& config, int rank) {
  return "attempt " + std::to_string(config.attempt.value()) + " rank " + std::to_string(rank) +
         " of " + std::to_string(config.place.world_size);
}

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;
Result<Addresses> resolve(const char* host, const std::string& port, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(host, port.c_str(), &hints, &found); code != 0)
    return fail(ErrorCode::kUnavailable, std::string("looking up rank 0: ") + gai_strerror(code));
  return Addresses(found, &::freeaddrinfo);
}

Result<Socket> listen_on(const std::string& port) {
  TRY(addresses, resolve(nullptr, port, AI_PASSIVE));
  Socket listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (listener.get() < 0 ||
      ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(listener.get(), addresses->ai_addr, addresses->ai_addrlen) != 0 ||
      ::listen(listener.get(), SOMAXCONN) != 0)
    return fail(ErrorCode::kUnavailable, "listening on port " + port + ": " + std::strerror(errno));
  return listener;
}

Result<Socket> connect_to(const GangConfig& config) {
  TRY(addresses, resolve(config.host.c_str(), config.port, 0));
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0 || ::connect(socket.get(), addresses->ai_addr, addresses->ai_addrlen) != 0)
    return fail(ErrorCode::kUnavailable,
                "connecting to rank 0: " + std::string(std::strerror(errno)));
  set_no_delay(socket);
  return socket;
}

// The rank that a new connection stands for, if it is one that is still missing.
std::optional<std::size_t> greeted_rank(const GangConfig& config, const Socket& socket,
                                        const std::vector<Socket>& peers) {
  const auto said = receive_message(socket, Occasion::kHello, Clock::now() + config.peer_timeout);
  for (std::size_t i = 0; said && i < peers.size(); ++i) {
    if (peers[i].get() < 0 && *said == greeting(config, static_cast<int>(i) + 1)) return i;
  }
  return std::nullopt;
}

Result<std::vector<Socket>> accept_ranks(const GangConfig& config,
                                         const std::function<bool()>& cancelled) {
  TRY(listener, listen_on(config.port));
  std::vector<Socket> peers(static_cast<std::size_t>(config.place.world_size - 1));
  const Deadline deadline = Clock::now() + config.rendezvous_timeout;
  std::size_t missing = peers.size();
  while (missing > 0) {
    if (cancelled()) return fail(ErrorCode::kCancelled, "told to end before the gang was complete");
    if (Clock::now() >= deadline)
      return fail(ErrorCode::kTimeout, std::to_string(missing) + " ranks did not come");
    if (!wait_ready(listener.get(), POLLIN, Clock::now() + kLook)) continue;
    Socket peer(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (peer.get() < 0) continue;  // it gave up meanwhile
    const auto rank = greeted_rank(config, peer, peers);
    if (!rank) continue;
    set_no_delay(peer);
    // The answer completes the meeting: a rank that is turned away sees its connection end.
    TRY_VOID(send_message(peer, Occasion::kHello, "", Clock::now() + config.peer_timeout));
    peers[*rank] = std::move(peer);
    --missing;
  }
  return peers;
}

Result<std::vector<Socket>> find_rank_0(const GangConfig& config,
                                        const std::function<bool()>& cancelled) {
  const Deadline deadline = Clock::now() + config.rendezvous_timeout;
  while (true) {
    if (cancelled()) return fail(ErrorCode::kCancelled, "told to end before the gang was complete");
    auto socket = connect_to(config);
    if (socket) {
      const Deadline answer = Clock::now() + config.peer_timeout;
      const auto said =
          send_message(*socket, Occasion::kHello, greeting(config, config.place.rank), answer);
      const auto heard = said ? receive_message(*socket, Occasion::kHello, answer)
                              : Result<std::string>(tl::unexpected(said.error()));
      if (heard) {
        std::vector<Socket> peers;
        peers.push_back(*std::move(socket));
        return peers;
      }
    }
    if (Clock::now() >= deadline)
      return fail(ErrorCode::kTimeout, socket ? "rank 0 turned this rank away"
                                              : "rank 0 was not found: " + socket.error().message);
    std::this_thread::sleep_for(kLook);  // its name appears when its pod has an address
  }
}

}  // namespace

Socket::~Socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<Gang> Gang::join(const GangConfig& config, const std::function<bool()>& cancelled) {
  if (config.place.world_size == 1) return Gang(config, {});
  auto peers =
      config.place.rank == 0 ? accept_ranks(config, cancelled) : find_rank_0(config, cancelled);
  if (!peers) return tl::unexpected(std::move(peers).error());
  return Gang(config, *std::move(peers));
}

Result<std::string> Gang::meet(Occasion occasion, std::string brought, const Combine& combine) {
  const auto deadline = [&] { return Clock::now() + config_.peer_timeout; };
  if (config_.place.rank != 0) {
    TRY_VOID(send_message(peers_.front(), occasion, brought, deadline()));
    return receive_message(peers_.front(), occasion, deadline());
  }
  std::vector<std::string> all;
  all.push_back(std::move(brought));
  for (const Socket& peer : peers_) {
    TRY(theirs, receive_message(peer, occasion, deadline()));
    all.push_back(std::move(theirs));
  }
  TRY(combined, combine(all));
  for (const Socket& peer : peers_)
    TRY_VOID(send_message(peer, occasion, combined, deadline()));
  return combined;
}

}  // namespace spillway::trainer
