#include "trigger.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "support/run_task.h"
#include "support/temporary_folder.h"

namespace spillway::agent {
namespace {

// A child that waits for signals, with or without a handler for SIGUSR1.
class Child {
 public:
  explicit Child(bool handles) {
    int ready[2];
    if (::pipe(ready) != 0) throw std::runtime_error("no pipe");
    process_ = ::fork();
    if (process_ == 0) {
      ::signal(SIGUSR1, handles ? +[](int) { ::_exit(42); } : SIG_DFL);
      const char byte = 'x';
      if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
      while (true)
        ::pause();
    }
    char byte = 0;
    if (::read(ready[0], &byte, 1) != 1) throw std::runtime_error("the child is not there");
    ::close(ready[0]);
    ::close(ready[1]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  [[nodiscard]] std::string name() const { return std::to_string(process_); }
  int exit_code() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  [[nodiscard]] bool alive() const { return ::waitpid(process_, nullptr, WNOHANG) == 0; }

 private:
  pid_t process_ = 0;
};

// A /proc that shows these processes only: no other of the machine may get a signal.
void show(const testing::TemporaryFolder& proc, const std::string& process) {
  std::ifstream status("/proc/" + process + "/status");
  proc.write(process + "/status", {std::istreambuf_iterator<char>(status), {}});
}

TEST(Triggers, a_signal_goes_to_who_handles_it_and_to_nobody_else) {
  Child listening(true);
  Child deaf(false);
  const testing::TemporaryFolder proc;
  show(proc, listening.name());
  show(proc, deaf.name());
  proc.write("1/status", "SigCgt:\tffffffffffffffff\n");
  proc.write(std::to_string(::getpid()) + "/status", "SigCgt:\tffffffffffffffff\n");
  proc.write("self/status", "SigCgt:\tffffffffffffffff\n");
  const auto reached =
      signal_programs({.number = SIGUSR1, .name = "SIGUSR1"}, proc.path().string());
  ASSERT_TRUE(reached) << reached.error().message;
  EXPECT_EQ(*reached, 1);
  EXPECT_EQ(listening.exit_code(), 42);
  EXPECT_TRUE(deaf.alive());
}

TEST(Triggers, nobody_to_signal_is_not_an_error_of_the_system) {
  const testing::TemporaryFolder proc;
  EXPECT_EQ(signal_programs({.number = SIGUSR1, .name = "SIGUSR1"}, proc.path().string()), 0);
  EXPECT_FALSE(signal_programs({.number = SIGUSR1, .name = "SIGUSR1"}, "/nonexistent"));
}

class NoHttp final : public cloud::HttpClient {
 public:
  Task<Result<cloud::HttpResponse>> send(cloud::HttpRequest request, Duration) override {
    requests.push_back(std::move(request));
    co_return answer;
  }
  void shut_down() override {}
  std::vector<cloud::HttpRequest> requests;
  Result<cloud::HttpResponse> answer = cloud::HttpResponse{.status = 202};
};

TEST(Triggers, a_file_and_a_request_carry_the_id) {
  asio::io_context io;
  testing::VirtualTime time(io);
  const testing::TemporaryFolder folder;
  NoHttp http;
  const std::string path = (folder.path() / "save").string();
  EXPECT_TRUE(*testing::run_task(io, time, ask_program(FileTrigger{path}, "r-1", http)));
  EXPECT_EQ(folder.read("save"), "r-1\n");
  const Trigger by_http = parse_trigger("http:8080/checkpoint").value();
  EXPECT_TRUE(*testing::run_task(io, time, ask_program(by_http, "r-2", http)));
  ASSERT_EQ(http.requests.size(), 1U);
  EXPECT_EQ(http.requests[0].method, "POST");
  EXPECT_EQ(http.requests[0].body, R"({"id":"r-2"})");
  http.answer = cloud::HttpResponse{.status = 503};
  EXPECT_EQ(testing::run_task(io, time, ask_program(by_http, "r-3", http))->error().code,
            ErrorCode::kUnavailable);
  EXPECT_FALSE(*testing::run_task(io, time, ask_program(FileTrigger{"/nonexistent/x"}, "r", http)));
}

}  // namespace
}  // namespace spillway::agent
