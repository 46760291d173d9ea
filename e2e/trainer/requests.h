#pragma once
// What the program is asked to do while it trains: to save (SIGUSR1, HTTP) or to save and end
// (SIGTERM). Signals and the HTTP thread only leave a note; the training loop reads it after each
// step, so that all ranks save the same one.

#include <cstdint>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include <spillway/core/ids.h>
#include <spillway/core/result.h>

#include "model.h"

namespace spillway::trainer {

// From the start of the program on; once.
void watch_signals();
bool told_to_end();
// True once for each SIGUSR1 (several at once count as one).
bool take_save_signal();

struct HttpTriggerConfig {
  std::uint16_t port = 0;
  std::string path = "/checkpoint";
  std::string token;  // of the Authorization header; empty = anybody may ask
  AttemptNumber attempt;
  int rank = 0;
};

// The program's own end of Spillway's save requests (spillway/api/agent_protocol.h): POST asks to
// save, GET tells how far it is. A thread of its own.
class HttpTrigger {
 public:
  static Result<std::unique_ptr<HttpTrigger>> start(HttpTriggerConfig config);
  virtual ~HttpTrigger() = default;

  // For the training loop.
  virtual bool take_save_request() = 0;  // true once for each new request
  virtual void saved(Step step, std::int64_t bytes) = 0;
};

}  // namespace spillway::trainer
