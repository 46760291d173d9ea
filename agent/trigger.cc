#include "trigger.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <spillway/core/text.h>

namespace spillway::agent {
namespace {

constexpr Duration kHttpTimeout = std::chrono::seconds(10);

// "SigCgt: 0000000000000200" of /proc/<pid>/status: the signals that have a handler.
bool handles(const std::string& status_path, int signal_number) {
  std::ifstream status(status_path);
  constexpr std::string_view kField = "SigCgt:";
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(kField)) continue;
    const std::string_view digits = trim(std::string_view(line).substr(kField.size()));
    std::uint64_t mask = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), mask, 16);
    return ((mask >> (signal_number - 1)) & 1U) != 0;
  }
  return false;
}

Result<void> ask_by_signal(const SignalTrigger& trigger) {
  TRY(reached, signal_programs(trigger, "/proc"));
  if (reached > 0) return {};
  return fail(ErrorCode::kUnavailable,
              "no process of the pod has a handler for " + trigger.name +
                  ": the program has to install one, and the pod to share its process namespace");
}

Result<void> ask_by_file(const FileTrigger& trigger, const std::string& request_id) {
  const int descriptor =
      ::open(trigger.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    return fail(ErrorCode::kUnavailable,
                "making " + trigger.path + ": " + std::system_category().message(errno));
  }
  const std::string text = request_id + "\n";
  const auto written = ::write(descriptor, text.data(), text.size());
  ::close(descriptor);
  if (written == static_cast<ssize_t>(text.size())) return {};
  return fail(ErrorCode::kUnavailable, trigger.path + " could not be written");
}

Task<Result<void>> ask_by_http(HttpTrigger trigger, std::string request_id,
                               cloud::HttpClient* http) {
  cloud::HttpRequest request{.method = "POST",
                             .url = trigger.url,
                             .headers = {{"Content-Type", "application/json"}},
                             .body = R"({"id":")" + request_id + "\"}",
                             .max_response_bytes = std::size_t{64} << 10};
  auto response = co_await http->send(std::move(request), kHttpTimeout);
  if (!response) {
    co_return fail(ErrorCode::kUnavailable,
                   "asking the program to save: " + response.error().message);
  }
  if (response->status >= 200 && response->status < 300) co_return Result<void>();
  co_return fail(ErrorCode::kUnavailable, "the program answered " + trigger.url.to_string() +
                                              " with HTTP status " +
                                              std::to_string(response->status));
}

}  // namespace

Result<int> signal_programs(const SignalTrigger& trigger, const std::string& proc) {
  int reached = 0;
  std::error_code error;
  std::filesystem::directory_iterator at(proc, error);
  for (const std::filesystem::directory_iterator end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    pid_t process = 0;
    const auto [stop, failed] = std::from_chars(name.data(), name.data() + name.size(), process);
    const bool other = failed == std::errc() && stop == name.data() + name.size() && process > 1 &&
                       process != ::getpid();
    if (!other || !handles(at->path().string() + "/status", trigger.number)) continue;
    if (::kill(process, trigger.number) == 0) {
      ++reached;
    } else if (errno == EPERM) {
      return fail(ErrorCode::kForbidden, "the agent may not signal the program (process " + name +
                                             "): both containers have to run as the same user");
    }
  }
  if (error) return fail(ErrorCode::kInternal, "reading " + proc + ": " + error.message());
  return reached;
}

Task<Result<void>> ask_program(Trigger trigger, std::string request_id, cloud::HttpClient& http) {
  if (const auto* by_signal = std::get_if<SignalTrigger>(&trigger)) {
    co_return ask_by_signal(*by_signal);
  }
  if (const auto* by_file = std::get_if<FileTrigger>(&trigger)) {
    co_return ask_by_file(*by_file, request_id);
  }
  if (const auto* by_http = std::get_if<HttpTrigger>(&trigger)) {
    co_return co_await ask_by_http(*by_http, std::move(request_id), &http);
  }
  co_return Result<void>();
}

}  // namespace spillway::agent
