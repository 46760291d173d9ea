#pragma once
// Takes up a changed configuration file without a restart. The kubelet replaces a mounted ConfigMap
// by renaming a symbolic link, which file notifications miss; the content is read and compared.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <spillway/async/timers.h>
#include <spillway/control/config.h>

namespace spillway::control {

struct ConfigFacts {           // for metrics
  std::uint64_t accepted = 0;  // changed files that were taken up, the first included
  std::uint64_t refused = 0;   // changed files that had an error
  bool current = true;         // false while the file is not what is in force
  std::optional<Instant> accepted_at;
};

class ConfigWatcher {
 public:
  // Gets each new valid configuration, on the control thread.
  using Apply = std::function<void(const OperatorConfig&)>;

  // `content` is what is in force now: the file as it was read at start.
  ConfigWatcher(Runtime runtime, std::string path, std::string content, Apply apply,
                Duration interval = std::chrono::seconds(5));

  // Until stop(). A bad file is told once in the log, counted, and changes nothing.
  Task<void> run();
  void stop();
  // Reads the file now; what run() does at each interval.
  void look();

  [[nodiscard]] const ConfigFacts& facts() const { return facts_; }

 private:
  void refuse(const Error& error);

  Runtime runtime_;
  std::string path_;
  std::string seen_;  // the content or the trouble that was last judged
  std::string in_force_;
  Apply apply_;
  Duration interval_;
  Signal wake_;
  ConfigFacts facts_;
  bool stopping_ = false;
};

}  // namespace spillway::control
