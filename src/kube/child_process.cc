#include "child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <spillway/core/text.h>

extern char** environ;

namespace spillway::kube {
namespace {

constexpr std::size_t kMaxOutputBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxComplaintBytes = 512;
constexpr int kPollMs = 50;  // how soon a stop is noticed

class Pipe {
 public:
  Pipe() { ok_ = ::pipe2(ends_.data(), O_CLOEXEC) == 0; }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    if (!ok_) return;
    ::close(ends_[0]);
    if (ends_[1] >= 0) ::close(ends_[1]);
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] int reader() const { return ends_[0]; }
  [[nodiscard]] int writer() const { return ends_[1]; }
  void close_writer() { ::close(std::exchange(ends_[1], -1)); }

 private:
  std::array<int, 2> ends_{-1, -1};
  bool ok_ = false;
};

std::vector<std::string> merged_environment(const ChildProcess& child) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('='));
    const bool replaced =
        std::ranges::any_of(child.environment, [&](const auto& e) { return e.first == name; });
    if (!replaced) merged.emplace_back(text);
  }
  for (const auto& [name, value] : child.environment)
    merged.push_back(name + "=" + value);
  return merged;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (std::string& text : texts)
    result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

Result<pid_t> spawn(const ChildProcess& child, const Pipe& out, const Pipe& err) {
  std::vector<std::string> command = child.command;
  std::vector<std::string> environment = merged_environment(child);
  std::vector<char*> argv = pointers(command);
  std::vector<char*> envp = pointers(environment);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.writer(), 1);
  posix_spawn_file_actions_adddup2(&actions, err.writer(), 2);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  pid_t pid = 0;
  const int failure = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0)
    return invalid("cannot run '" + child.command[0] + "': " + std::strerror(failure));
  return pid;
}

// False at the end of the pipe.
bool drain(int fd, std::string& into, std::size_t limit) {
  std::array<char, 8192> chunk{};
  const ssize_t got = ::read(fd, chunk.data(), chunk.size());
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  into.append(chunk.data(), std::min(static_cast<std::size_t>(got),
                                     limit + 1 - std::min(limit + 1, into.size())));
  return got > 0;
}

// Reads both pipes to their ends. An error when it took too long, was stopped, or printed too much.
Result<void> collect(const ChildProcess& child, const Pipe& out, const Pipe& err,
                     const std::stop_token& stop, std::string& output, std::string& complaint) {
  std::array<pollfd, 2> pipes{
      {{.fd = out.reader(), .events = POLLIN}, {.fd = err.reader(), .events = POLLIN}}};
  const auto rounds = std::max<Duration::rep>(child.timeout.count() / kPollMs, 1);
  for (Duration::rep quiet = 0; pipes[0].fd >= 0 || pipes[1].fd >= 0;) {
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "stopped");
    if (quiet >= rounds)
      return fail(ErrorCode::kTimeout, "it did not end in " + format_duration(child.timeout));
    const int ready = ::poll(pipes.data(), pipes.size(), kPollMs);
    if (ready <= 0) {
      ++quiet;
      continue;
    }
    if (pipes[0].revents != 0 && !drain(pipes[0].fd, output, kMaxOutputBytes)) pipes[0].fd = -1;
    if (pipes[1].revents != 0 && !drain(pipes[1].fd, complaint, kMaxOutputBytes)) pipes[1].fd = -1;
    if (output.size() > kMaxOutputBytes)
      return fail(ErrorCode::kInternal, "it printed more than 1 MiB");
  }
  return {};
}

}  // namespace

Result<std::string> run(const ChildProcess& child, const std::stop_token& stop) {
  Pipe out;
  Pipe err;
  if (!out.ok() || !err.ok())
    return fail(ErrorCode::kUnavailable, "no pipes are left for a child process");
  TRY(pid, spawn(child, out, err));
  out.close_writer();
  err.close_writer();
  std::string output;
  std::string complaint;
  const Result<void> collected = collect(child, out, err, stop, output, complaint);
  if (!collected) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  const std::string name = "'" + child.command[0] + "'";
  if (!collected) return fail(collected.error().in(name));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return output;
  const std::string how = WIFEXITED(status)
                              ? "ended with status " + std::to_string(WEXITSTATUS(status))
                              : "was ended by signal " + std::to_string(WTERMSIG(status));
  const std::string_view said = trim(complaint);
  return fail(ErrorCode::kUnavailable,
              name + " " + how + (said.empty() ? "" : ": " + shorten(said, kMaxComplaintBytes)));
}

}  // namespace spillway::kube
