#pragma once
// The ranks of one attempt, connected over TCP: rank 0 listens, the others find it by name. All
// they do together is meet(): everybody brings something, rank 0 combines it in the order of ranks,
// everybody takes the same away. Blocking; one thread.

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/core/ids.h>
#include <spillway/core/result.h>

#include "shard.h"

namespace spillway::trainer {

struct GangConfig {
  Place place;
  AttemptNumber attempt;  // ranks of another attempt are turned away
  std::string host;       // of rank 0
  std::string port;
  std::chrono::seconds rendezvous_timeout{300};  // until all ranks are there
  std::chrono::seconds peer_timeout{60};         // until a silent peer counts as lost
};

// What the ranks meet for; all bring the same or the program is wrong.
enum class Occasion : std::uint32_t { kHello = 1, kResume, kShards, kStep, kSaved };

// A file descriptor, closed at the end.
class Socket {
 public:
  explicit Socket(int descriptor = -1) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Socket();
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

class Gang {
 public:
  using Combine = std::function<Result<std::string>(const std::vector<std::string>&)>;

  // Returns when all ranks are connected. `cancelled` is asked several times a second.
  static Result<Gang> join(const GangConfig& config, const std::function<bool()>& cancelled);

  // Errors: kUnavailable (a peer is lost: the connection ended or it said nothing in time),
  // kInternal (it speaks of something else), or what `combine` returned.
  Result<std::string> meet(Occasion occasion, std::string brought, const Combine& combine);

 private:
  Gang(GangConfig config, std::vector<Socket> peers)
      : config_(std::move(config)), peers_(std::move(peers)) {}

  GangConfig config_;
  std::vector<Socket> peers_;  // rank 0: those of ranks 1, 2, ...; the others: that of rank 0
};

}  // namespace spillway::trainer
