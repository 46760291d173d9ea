#include "connection_pool.h"

#include <algorithm>

namespace spillway::kube {
namespace {
constexpr std::size_t kMaxIdleLease = 1;
constexpr const char* kClosed = "the connection to the API server was closed by us";
}  // namespace

ConnectionPool::ConnectionPool(Runtime runtime, ServerAddress server, BeastTransportOptions options)
    : runtime_(std::move(runtime)), server_(std::move(server)), options_(std::move(options)) {}

ConnectionPool::Slot::~Slot() {
  if (pool_) pool_->release(priority_);
}

Task<Result<ConnectionPool::Slot>> ConnectionPool::acquire(Priority priority,
                                                           MonotonicTime deadline) {
  if (closed_) co_return fail(ErrorCode::kCancelled, kClosed);
  const auto self = shared_from_this();
  if (priority == Priority::kLease)
    co_return Slot(self, priority);  // the elector has one request at a time
  if (in_use_ < options_.max_connections) {
    ++in_use_;
    co_return Slot(self, priority);
  }
  if (waiters_.size() >= options_.max_waiting) {
    co_return fail(ErrorCode::kUnavailable,
                   "too many requests wait for a connection to the API server");
  }
  const auto waiter = std::make_shared<Waiter>(runtime_.timers);
  waiters_.push_back(waiter);
  co_await waiter->wake.wait(deadline);
  if (waiter->granted) co_return Slot(self, priority);
  std::erase(waiters_, waiter);
  if (closed_) co_return fail(ErrorCode::kCancelled, kClosed);
  co_return fail(ErrorCode::kTimeout, "no connection to the API server became free in time");
}

void ConnectionPool::release(Priority priority) {
  if (priority == Priority::kLease) return;
  if (waiters_.empty()) {
    --in_use_;
    return;
  }
  const std::shared_ptr<Waiter> next = std::move(waiters_.front());  // the slot changes hands
  waiters_.pop_front();
  next->granted = true;
  next->wake.notify();
}

std::optional<ConnectionPool::Connection> ConnectionPool::take_idle(
    Priority priority, const std::shared_ptr<const TlsMaterial>& tls) {
  std::vector<Idle>& kept = idle(priority);
  const MonotonicTime oldest = runtime_.clock.monotonic() - options_.idle_timeout;
  while (!kept.empty()) {
    Idle last = std::move(kept.back());
    kept.pop_back();
    if (last.connection.tls == tls && last.since > oldest &&
        last.connection.stream->fit_for_reuse()) {
      last.connection.reused = true;
      return std::move(last.connection);
    }
    last.connection.stream->close();
  }
  return std::nullopt;
}

Result<std::shared_ptr<TlsContext>> ConnectionPool::context_for(
    const std::shared_ptr<const TlsMaterial>& tls) {
  if (!server_.tls) return nullptr;
  if (context_ == nullptr || context_material_ != tls) {
    TRY(made, make_tls_context(tls ? *tls : TlsMaterial{}, server_.insecure_skip_tls_verify));
    context_ = std::move(made);
    context_material_ = tls;
  }
  return context_;
}

Task<Result<ConnectionPool::Connection>> ConnectionPool::connect(
    Priority priority, std::shared_ptr<const TlsMaterial> tls, bool fresh, MonotonicTime deadline) {
  if (closed_) co_return fail(ErrorCode::kCancelled, kClosed);
  if (!fresh) {
    if (auto kept = take_idle(priority, tls)) co_return *std::move(kept);
  }
  const auto self = shared_from_this();
  TRY_CO(context, context_for(tls));
  Dial request{.runtime = runtime_,
               .server = server_,
               .tls = std::move(context),
               .connect_timeout = options_.dial_timeout,
               .handshake_timeout = options_.tls_handshake_timeout};
  TRY_CO(stream, co_await dial(std::move(request), deadline));
  if (closed_) co_return fail(ErrorCode::kCancelled, kClosed);
  std::erase_if(live_, [](const auto& weak) { return weak.expired(); });
  live_.push_back(stream);
  co_return Connection{.stream = std::move(stream), .tls = std::move(tls)};
}

void ConnectionPool::keep(Priority priority, Connection connection) {
  std::vector<Idle>& kept = idle(priority);
  const std::size_t room = priority == Priority::kLease ? kMaxIdleLease : options_.max_connections;
  if (closed_ || kept.size() >= room) return connection.stream->close();
  kept.push_back({.connection = std::move(connection), .since = runtime_.clock.monotonic()});
}

void ConnectionPool::close() {
  closed_ = true;
  idle_.clear();
  idle_lease_.clear();
  for (const auto& weak : live_) {
    if (const auto stream = weak.lock()) stream->close();
  }
  live_.clear();
  for (const auto& waiter : waiters_)
    waiter->wake.notify();
}

}  // namespace spillway::kube
