#include <spillway/control/config_watcher.h>

#include <spillway/core/log.h>

namespace spillway::control {

ConfigWatcher::ConfigWatcher(Runtime runtime, std::string path, std::string content, Apply apply,
                             Duration interval)
    : runtime_(runtime),
      path_(std::move(path)),
      seen_(content),
      in_force_(std::move(content)),
      apply_(std::move(apply)),
      interval_(interval),
      wake_(runtime.timers) {
  facts_.accepted = 1;
  facts_.accepted_at = runtime_.clock.now();
}

Task<void> ConfigWatcher::run() {
  while (!stopping_) {
    co_await wake_.wait(runtime_.clock.monotonic() + interval_);
    if (!stopping_) look();
  }
}

void ConfigWatcher::stop() {
  stopping_ = true;
  wake_.notify();
}

void ConfigWatcher::refuse(const Error& error) {
  ++facts_.refused;
  facts_.current = false;
  log::warning("the changed configuration is not taken up, the old one stays in force",
               {{"file", path_}, {"error", error.message}});
}

void ConfigWatcher::look() {
  auto content = read_config_file(path_);
  // What was judged is not judged again: a bad file is told once.
  const std::string& seen = content ? *content : content.error().message;
  if (seen == seen_) return;
  seen_ = seen;
  if (!content) return refuse(content.error());
  if (*content == in_force_) {
    facts_.current = true;
    log::info("the configuration file is again what is in force", {{"file", path_}});
    return;
  }
  const auto config = parse_config(*content);
  if (!config) return refuse(config.error());
  in_force_ = *std::move(content);
  ++facts_.accepted;
  facts_.current = true;
  facts_.accepted_at = runtime_.clock.now();
  log::info("a changed configuration is taken up", {{"file", path_}});
  apply_(*config);
}

}  // namespace spillway::control
