#pragma once
// What the tests of the client stand on: virtual time, a fixed seed, and a transport that answers
// as told.

#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/kube/client.h>
#include <spillway/kube/transport.h>
#include <support/virtual_time.h>

namespace spillway::kube {

inline Error error(ErrorCode code, std::string message = "as told") {
  return {.code = code, .message = std::move(message)};
}

// A watch whose lines the test pushes.
class FakeStream {
 public:
  explicit FakeStream(Runtime runtime) : runtime_(std::move(runtime)), changed_(runtime_.timers) {}
  void push(std::string line) {
    lines_.push_back(std::move(line));
    changed_.notify();
  }
  void push(std::string_view type, const nlohmann::json& object) {
    push(nlohmann::json{{"type", type}, {"object", object}}.dump());
  }
  void end() { finish(std::nullopt); }
  void break_with(Error why) { finish(std::move(why)); }
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  friend class ScriptedTransport;
  friend class FakeLines;
  void finish(std::optional<Error> why) {
    ended_ = true;
    why_ = std::move(why);
    changed_.notify();
  }
  Runtime runtime_;
  Signal changed_;
  std::deque<std::string> lines_;
  bool ended_ = false;
  bool closed_ = false;
  std::optional<Error> why_;
};

class FakeLines final : public LineStream {
 public:
  explicit FakeLines(std::shared_ptr<FakeStream> stream) : stream_(std::move(stream)) {}
  ~FakeLines() override { stream_->closed_ = true; }
  Task<Result<std::optional<std::string>>> next(MonotonicTime deadline) override {
    const auto stream = stream_;
    while (stream->lines_.empty()) {
      if (stream->closed_) co_return fail(ErrorCode::kCancelled, "closed");
      if (stream->ended_ && stream->why_) co_return fail(*stream->why_);
      if (stream->ended_) co_return std::nullopt;
      if (stream->runtime_.clock.monotonic() >= deadline)
        co_return fail(ErrorCode::kTimeout, "silent");
      co_await stream->changed_.wait(deadline);
    }
    std::string line = std::move(stream->lines_.front());
    stream->lines_.pop_front();
    co_return line;
  }
  void close() override {
    stream_->closed_ = true;
    stream_->changed_.notify();
  }

 private:
  std::shared_ptr<FakeStream> stream_;
};

class ScriptedTransport final : public Transport {
 public:
  explicit ScriptedTransport(Runtime runtime) : runtime_(std::move(runtime)) {}

  struct Sent {
    HttpRequest request;
    MonotonicTime at;
    MonotonicTime deadline;
  };
  std::vector<Sent> sent;  // every request, watches too

  // The answers, in order. Without one, a request hangs until its deadline.
  void answer(int status, const nlohmann::json& body = nlohmann::json::object(),
              std::optional<Duration> retry_after = std::nullopt) {
    answers_.push_back(
        HttpResponse{.status = status, .retry_after = retry_after, .body = body.dump()});
  }
  void refuse(Error why) { answers_.push_back(fail(std::move(why))); }
  std::shared_ptr<FakeStream> answer_watch() {
    auto stream = std::make_shared<FakeStream>(runtime_);
    streams_.push_back(stream);
    answers_.push_back(HttpResponse{.status = 200});
    return stream;
  }
  [[nodiscard]] std::size_t unused() const { return answers_.size(); }

  Task<Result<HttpResponse>> send(HttpRequest request, MonotonicTime deadline) override {
    const bool write = mutating(request.method);
    sent.push_back(
        {.request = std::move(request), .at = runtime_.clock.monotonic(), .deadline = deadline});
    if (answers_.empty()) {
      const auto timer = runtime_.timers.make();
      co_await timer->wait_until(deadline);
      co_return fail(write ? ErrorCode::kUnknownOutcome : ErrorCode::kTimeout, "no answer");
    }
    auto next = std::move(answers_.front());
    answers_.pop_front();
    co_return next;
  }
  Task<Result<StreamResponse>> open(HttpRequest request, MonotonicTime deadline) override {
    auto head = co_await send(std::move(request), deadline);
    if (!head) co_return tl::unexpected(head.error());
    StreamResponse response{.head = *head};
    if (head->status == 200) {
      response.lines = std::make_unique<FakeLines>(streams_.front());
      streams_.pop_front();
    }
    co_return response;
  }
  void close() override {}

 private:
  Runtime runtime_;
  std::deque<Result<HttpResponse>> answers_;
  std::deque<std::shared_ptr<FakeStream>> streams_;
};

class KubeTest : public ::testing::Test {
 protected:
  // Runs `task` to its end within virtual time.
  template <class T>
  T run(Task<T> task, Duration within = std::chrono::hours(1)) {
    std::optional<T> result;
    asio::co_spawn(io, std::move(task), [&](const std::exception_ptr& thrown, T value) {
      if (thrown) std::rethrow_exception(thrown);
      result = std::move(value);
    });
    const MonotonicTime until = time.monotonic() + within;
    time.settle();
    while (!result && time.monotonic() < until)
      time.run_for(Duration(10));
    if (!result) throw std::runtime_error("the task did not end in time");
    return *std::move(result);
  }
  void start(Task<void> task) { asio::co_spawn(io, std::move(task), asio::detached); }

  static MonotonicTime at(Duration since_start) { return MonotonicTime(since_start); }
  [[nodiscard]] Duration elapsed() const { return time.monotonic().time_since_epoch(); }

  asio::io_context io;
  testing::VirtualTime time{io};
  std::unique_ptr<Random> random = make_random(1);
  Runtime runtime{io.get_executor(), time, time, *random};
  ScriptedTransport transport{runtime};
  OpenFence fence;
  ClientMetrics metrics;
};

inline nlohmann::json status_json(int code, std::string_view reason,
                                  std::string_view message = "told") {
  return {{"kind", "Status"}, {"apiVersion", "v1"}, {"status", "Failure"},
          {"code", code},     {"reason", reason},   {"message", message}};
}

// A small object with an identity; `uid` defaults to one that follows from the name.
inline nlohmann::json object_json(const std::string& name, const std::string& version,
                                  std::string uid = "") {
  if (uid.empty()) uid = "uid-" + name;
  return {{"metadata",
           {{"namespace", "team-a"}, {"name", name}, {"uid", uid}, {"resourceVersion", version}}}};
}

}  // namespace spillway::kube
