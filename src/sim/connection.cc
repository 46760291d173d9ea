#include <spillway/sim/connection.h>

#include <algorithm>
#include <deque>

#include <spillway/core/text.h>

#include "target.h"

namespace spillway::sim {
namespace {

constexpr Duration kBookmarkPeriod = std::chrono::seconds(60);
// A loop of a dead process that waits for an instant to pass gets there in the end.
constexpr Duration kLastWait = std::chrono::milliseconds(10);

tl::unexpected<Error> cancelled() {
  return fail(ErrorCode::kCancelled, "the connection is closed");
}

// "/apis/batch/v1/namespaces/a/jobs?watch=1" -> "jobs.batch"
std::string collection_of(const std::string& target) {
  const auto parts = split(std::string_view(target).substr(0, target.find('?')), '/');
  if (parts.size() < 4) return {};
  const std::string plural(parts.back());
  return parts[1] == "api" ? plural : plural + "." + std::string(parts[2]);
}

bool names_version(const kube::HttpRequest& request) {
  return request.target.find("resourceVersion=") != std::string::npos;
}

// Of a collection, not of one object: "/api/v1/nodes", "/apis/batch/v1/namespaces/a/jobs".
bool is_list(const kube::HttpRequest& request) {
  if (request.method != kube::Method::kGet) return false;
  const auto parts =
      split(std::string_view(request.target).substr(0, request.target.find('?')), '/');
  const std::size_t beyond_version = parts.size() > 1 && parts[1] == "api" ? 3 : 4;
  return parts.size() == beyond_version + 1 || parts.size() == beyond_version + 3;
}

}  // namespace

// ---- timers

class ProcessTimers::ProcessTimer final : public Timer {
 public:
  ProcessTimer(ProcessTimers& timers, std::unique_ptr<Timer> inner)
      : timers_(timers), inner_(std::move(inner)) {}
  Task<Wake> wait_until(MonotonicTime when) override {
    const bool for_a_time = when != MonotonicTime::max();
    if (timers_.dead_ && for_a_time) when = std::min(when, timers_.time_.monotonic() + kLastWait);
    if (for_a_time) timers_.waiting_.insert(this);
    const Wake by = co_await inner_->wait_until(when);
    timers_.waiting_.erase(this);
    co_return by;
  }
  void cancel() override { inner_->cancel(); }

 private:
  ProcessTimers& timers_;
  std::unique_ptr<Timer> inner_;
};

std::unique_ptr<Timer> ProcessTimers::make() {
  return std::make_unique<ProcessTimer>(*this, time_.make());
}

void ProcessTimers::kill() {
  dead_ = true;
  const std::set<ProcessTimer*> waiting = waiting_;
  for (ProcessTimer* timer : waiting)
    timer->cancel();
}

// ---- requests

struct Connection::Exchange {
  explicit Exchange(Timers& timers) : changed(timers) {}
  Signal changed;
  std::optional<kube::HttpResponse> answer;
  bool cancelled = false;
};

Connection::Connection(VirtualTime& time, ProcessTimers& timers, ApiServer& server,
                       NetworkDelays delays, std::function<void()> on_death)
    : time_(time),
      timers_(timers),
      server_(server),
      delays_(delays),
      on_death_(std::move(on_death)) {}

Connection::~Connection() {
  close();
}

void Connection::die() {
  dies_before_next_request_ = false;
  if (on_death_) on_death_();
}

ApiServer& Connection::reader(const std::string& collection) const {
  ApiServer* other = faults_.reader ? faults_.reader(collection) : nullptr;
  return other != nullptr ? *other : server_;
}

bool Connection::lists_from_the_past() const {
  return faults_.lists_from_the_past && faults_.lists_from_the_past();
}

void Connection::dispatch(const std::shared_ptr<Exchange>& exchange, kube::HttpRequest request,
                          const RequestFate& fate) {
  const std::weak_ptr<Exchange> waiting = exchange;
  const auto come_back = [time = &time_, waiting,
                          back = delays_.answer](kube::HttpResponse response) {
    time->after(back, [waiting, answer = std::move(response)]() mutable {
      const auto asker = waiting.lock();
      if (!asker) return;
      asker->answer = std::move(answer);
      asker->changed.notify();
    });
  };
  const std::size_t record = writes_->size() - 1;
  const bool write = kube::mutating(request.method);
  const bool as_of_now = !is_list(request) || (!lists_from_the_past() && !names_version(request));
  ApiServer& asked = as_of_now ? server_ : reader(collection_of(request.target));
  time_.after(delays_.request + fate.delay, [server = &asked, come_back, fate, write, record,
                                             log = writes_, request = std::move(request)] {
    if (fate.fate == Fate::kLost) return;
    const bool canned = fate.fate == Fate::kAnswered;
    kube::HttpResponse response = canned ? fate.canned : server->handle(request);
    if (write && !canned) (*log)[record].status = response.status;
    if (fate.fate == Fate::kMisanswered) response = fate.canned;
    if (fate.fate != Fate::kAnswerLost) come_back(std::move(response));
  });
}

Task<Result<kube::HttpResponse>> Connection::send(kube::HttpRequest request,
                                                  MonotonicTime deadline) {
  if (!closed_ && dies_before_next_request_) die();
  if (closed_) co_return cancelled();
  const bool write = kube::mutating(request.method);
  if (write) ++write_count_;
  RequestFate fate;
  if (faults_.on_request)
    fate = faults_.on_request({.request = request, .write = write ? write_count_ : 0});
  if (fate.fate == Fate::kDieBeforeSend) {
    die();
    co_return cancelled();
  }
  if (fate.fate == Fate::kRefused) co_return fail(ErrorCode::kUnavailable, "connection refused");
  if (write)
    writes_->push_back(
        {.at = time_.monotonic(), .method = request.method, .target = request.target});
  const auto exchange = std::make_shared<Exchange>(timers_);
  std::erase_if(exchanges_, [](const auto& old) { return old.expired(); });
  exchanges_.push_back(exchange);
  dispatch(exchange, std::move(request), fate);
  if (fate.fate == Fate::kDieAfterSend) {
    die();
    co_return cancelled();
  }
  while (!exchange->answer && !exchange->cancelled && time_.monotonic() < deadline)
    co_await exchange->changed.wait(deadline);
  if (exchange->cancelled) co_return cancelled();
  if (!exchange->answer && write)
    co_return fail(ErrorCode::kUnknownOutcome, "no answer before the deadline");
  if (!exchange->answer) co_return fail(ErrorCode::kTimeout, "no answer before the deadline");
  if (fate.fate == Fate::kDieAfterReply) {
    dies_before_next_request_ = true;
    time_.after(Duration(0), [this, alive = std::weak_ptr(token_)] {
      if (!alive.expired() && dies_before_next_request_) die();
    });
  }
  co_return *std::move(exchange->answer);
}

// ---- watches

struct Connection::StreamState {
  StreamState(Timers& timers, std::string name) : changed(timers), collection(std::move(name)) {}
  Signal changed;
  std::string collection;
  ApiServer* server = nullptr;
  ApiServer::WatchId watch = 0;
  std::deque<std::string> lines;
  bool ended = false;  // after the lines
  bool broken = false;
  bool closed = false;
  MonotonicTime last_delivery{};    // of what nothing overtakes
  MonotonicTime latest_delivery{};  // of anything
};

class Connection::Lines final : public kube::LineStream {
 public:
  Lines(VirtualTime& time, std::shared_ptr<StreamState> state)
      : time_(time), state_(std::move(state)) {}
  ~Lines() override { end(); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  Task<Result<std::optional<std::string>>> next(MonotonicTime deadline) override {
    const auto state = state_;
    while (true) {
      if (state->closed) co_return cancelled();
      if (state->broken) co_return fail(ErrorCode::kUnavailable, "the connection broke");
      if (!state->lines.empty()) {
        std::string line = std::move(state->lines.front());
        state->lines.pop_front();
        co_return std::optional<std::string>(std::move(line));
      }
      if (state->ended) co_return std::optional<std::string>();
      if (time_.monotonic() >= deadline) {
        end();
        co_return fail(ErrorCode::kTimeout, "nothing came before the deadline");
      }
      co_await state->changed.wait(deadline);
    }
  }
  void close() override {
    end();
    state_->changed.notify();
  }

 private:
  void end() {
    state_->closed = true;
    state_->server->close(state_->watch);
  }
  VirtualTime& time_;
  std::shared_ptr<StreamState> state_;
};

void Connection::deliver_at(MonotonicTime when, const std::shared_ptr<StreamState>& stream,
                            std::string line) {
  time_.at(when, [weak = std::weak_ptr(stream), text = std::move(line)]() mutable {
    const auto there = weak.lock();
    if (!there || there->closed) return;
    there->lines.push_back(std::move(text));
    there->changed.notify();
  });
}

void Connection::forward(const std::shared_ptr<StreamState>& stream, WatchFrame frame) {
  EventFate fate;
  if (faults_.on_event) fate = faults_.on_event(stream->collection, frame);
  const bool over = frame.type == "ERROR";
  if (!fate.drop) {
    MonotonicTime when = time_.monotonic() + delays_.event + fate.delay;
    if (!fate.may_be_overtaken)
      when = stream->last_delivery = std::max(when, stream->last_delivery);
    stream->latest_delivery = std::max(stream->latest_delivery, when);
    for (int copy = 1; copy < fate.copies; ++copy)
      deliver_at(when, stream, frame.line);
    if (fate.copies > 0) deliver_at(when, stream, std::move(frame.line));
  }
  if (!over) return;
  time_.at(stream->last_delivery, [weak = std::weak_ptr(stream)] {
    if (const auto there = weak.lock()) {
      there->ended = true;
      there->changed.notify();
    }
  });
}

void Connection::keep_alive(const std::shared_ptr<StreamState>& stream) {
  time_.after(kBookmarkPeriod, [this, alive = std::weak_ptr(token_), weak = std::weak_ptr(stream)] {
    const auto there = weak.lock();
    if (alive.expired() || !there || there->closed || there->ended || there->broken) return;
    if (auto bookmark = there->server->bookmark(there->watch)) forward(there, *std::move(bookmark));
    keep_alive(there);
  });
}

Task<Result<kube::StreamResponse>> Connection::open(kube::HttpRequest request,
                                                    MonotonicTime deadline) {
  if (!closed_ && dies_before_next_request_) die();
  if (closed_) co_return cancelled();
  RequestFate fate;
  if (faults_.on_request) fate = faults_.on_request({.request = request});
  if (fate.fate == Fate::kRefused) co_return fail(ErrorCode::kUnavailable, "connection refused");
  if (fate.fate == Fate::kAnswered) co_return kube::StreamResponse{.head = fate.canned};
  const auto pause = std::make_unique<Signal>(timers_);
  co_await pause->wait(
      std::min(deadline, time_.monotonic() + delays_.request + delays_.answer + fate.delay));
  if (closed_) co_return cancelled();
  if (fate.fate == Fate::kLost || time_.monotonic() >= deadline)
    co_return fail(ErrorCode::kTimeout, "no answer before the deadline");
  const auto state = std::make_shared<StreamState>(timers_, collection_of(request.target));
  const std::weak_ptr<StreamState> weak = state;
  state->server = &reader(state->collection);
  const std::uint64_t now = server_.store().version();
  const std::uint64_t seen = state->server->store().version();
  if (!lists_from_the_past() && !names_version(request) && seen < now) {
    const Refusal behind = version_too_large(now, seen).value();
    co_return kube::StreamResponse{.head = json_response(behind.code, behind.to_json())};
  }
  const ApiServer::Opened opened = state->server->open(request, [this, weak](WatchFrame frame) {
    if (const auto there = weak.lock(); there && !there->closed) forward(there, std::move(frame));
  });
  if (opened.id == 0) co_return kube::StreamResponse{.head = opened.head};
  state->watch = opened.id;
  std::erase_if(streams_, [](const auto& old) { return old.expired(); });
  streams_.push_back(state);
  if (opened.bookmarks) keep_alive(state);
  time_.after(opened.timeout, [time = &time_, weak] {
    const auto ending = weak.lock();
    if (!ending) return;
    time->at(ending->latest_delivery, [weak] {  // what is under way arrives before the end
      if (const auto there = weak.lock()) {
        there->ended = true;
        there->changed.notify();
      }
    });
  });
  kube::StreamResponse response{.head = opened.head,
                                .lines = std::make_unique<Lines>(time_, state)};
  co_return response;
}

void Connection::break_streams() {
  for (const auto& weak : streams_) {
    if (const auto stream = weak.lock()) {
      stream->broken = true;
      stream->server->close(stream->watch);
      stream->changed.notify();
    }
  }
}

void Connection::close() {
  closed_ = true;
  for (const auto& weak : exchanges_) {
    if (const auto exchange = weak.lock()) {
      exchange->cancelled = true;
      exchange->changed.notify();
    }
  }
  for (const auto& weak : streams_) {
    if (const auto stream = weak.lock()) {
      stream->closed = true;
      stream->server->close(stream->watch);
      stream->changed.notify();
    }
  }
}

}  // namespace spillway::sim
