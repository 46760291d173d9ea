#include <spillway/sim/object_store_server.h>

#include <algorithm>

#include <spillway/cloud/sigv4.h>
#include <spillway/core/check.h>

#include "object_store_protocol.h"

namespace spillway::sim {

struct ObjectStoreServer::State {
  State(VirtualTime& virtual_time, ObjectStoreServerOptions with)
      : time(virtual_time), options(std::move(with)), protocol(options.page_size) {}

  VirtualTime& time;
  ObjectStoreServerOptions options;
  ObjectStoreProtocol protocol;
  Faults faults;
  Keys keys;
  Duration clock_offset{};
  std::uint64_t requests = 0;
  std::uint64_t writes = 0;

  [[nodiscard]] Instant now() const { return time.now() + clock_offset; }

  StoreRequest number(const cloud::HttpRequest& request) {
    StoreRequest seen = parse_store_request(request);
    seen.number = ++requests;
    const bool write = seen.method != "GET" && seen.method != "HEAD";
    if (write) seen.write = ++writes;
    return seen;
  }

  cloud::HttpResponse serve(const cloud::HttpRequest& request, const StoreRequest& seen,
                            StoreFate fate) {
    cloud::HttpResponse response = answer(request, seen, fate);
    response.headers.push_back({.name = "Date", .value = http_date(now())});
    return response;
  }

  cloud::HttpResponse answer(const cloud::HttpRequest& request, const StoreRequest& seen,
                             StoreFate fate) {
    if (fate == StoreFate::kForbidden) return store_error(403, "AccessDenied");
    if (fate == StoreFate::kSlowDown) return store_error(503, "SlowDown");
    if (fate == StoreFate::kInternal) return store_error(500, "InternalError");
    if (auto refused = refuse(request)) return *std::move(refused);
    return protocol.serve(seen, request, now());
  }

  [[nodiscard]] std::optional<cloud::HttpResponse> refuse(const cloud::HttpRequest& request) const {
    const auto hash = cloud::find_header(request.headers, "X-Amz-Content-Sha256");
    const bool known =
        hash && (*hash == cloud::kUnsignedPayload || *hash == cloud::sha256_hex(request.payload()));
    if (!known) return store_error(400, "XAmzContentSHA256Mismatch");
    cloud::RequestToSign to_verify{.method = request.method,
                                   .path = request.url.path,
                                   .query = request.url.query,
                                   .headers = request.headers,
                                   .payload_hash = std::string(*hash)};
    to_verify.headers.push_back({.name = "Host", .value = request.url.authority()});
    const auto secret_of = [this](std::string_view id) {
      if (id == options.access_key_id)
        return static_cast<const Secret*>(&options.secret_access_key);
      return keys ? keys(id) : nullptr;
    };
    const auto verified = cloud::verify(to_verify, cloud::ServiceName("s3"), cloud::PathStyle::kS3,
                                        secret_of, now(), std::chrono::minutes(15));
    if (verified) return std::nullopt;
    switch (verified.error().fault) {
      case cloud::SignatureFault::kExpired: return store_error(403, "RequestTimeTooSkewed");
      case cloud::SignatureFault::kUnknownKey: return store_error(403, "InvalidAccessKeyId");
      case cloud::SignatureFault::kMissingAuthentication: return store_error(403, "AccessDenied");
      default: return store_error(403, "SignatureDoesNotMatch");
    }
  }

  [[nodiscard]] Duration transfer_time(std::size_t bytes) const {
    const auto rate = std::max<std::int64_t>(1, options.bytes_per_second.value());
    return Duration(static_cast<std::int64_t>(bytes) * 1000 / rate);
  }
};

class ObjectStoreServer::Client final : public cloud::HttpClient {
 public:
  explicit Client(std::shared_ptr<State> state) : state_(std::move(state)) {}

  Task<Result<cloud::HttpResponse>> send(cloud::HttpRequest request, Duration timeout) override {
    // What the coroutine needs after a wait it holds itself: the client may be gone by then.
    const auto state = state_;
    const auto cut = cut_;
    const MonotonicTime deadline = state->time.monotonic() + timeout;
    if (*cut) co_return fail(ErrorCode::kCancelled, "the HTTP client is shut down");
    const StoreRequest seen = state->number(request);
    const StoreAnswer fate = state->faults ? state->faults(seen) : StoreAnswer{};
    if (fate.fate == StoreFate::kUnreachable) {
      co_return fail(ErrorCode::kUnavailable, "connection refused");
    }
    const auto timer = state->time.make();
    const MonotonicTime arrival = state->time.monotonic() + state->options.latency / 2 +
                                  fate.delay + state->transfer_time(request.payload().size());
    co_await timer->wait_until(std::min(arrival, deadline));
    // A request that is too slow is cut off under way.
    if (arrival > deadline) co_return timed_out(timeout);
    std::optional<cloud::HttpResponse> response;
    if (fate.fate != StoreFate::kLost) response = state->serve(request, seen, fate.fate);
    const bool silent = fate.fate == StoreFate::kLost || fate.fate == StoreFate::kAnswerLost;
    const MonotonicTime back = silent ? MonotonicTime::max()
                                      : state->time.monotonic() + state->options.latency / 2 +
                                            state->transfer_time(response->body.size());
    co_await timer->wait_until(std::min(back, deadline));
    if (*cut) co_return fail(ErrorCode::kCancelled, "the request was cancelled");
    if (back > deadline) co_return timed_out(timeout);
    if (response->body.size() > request.max_response_bytes) {
      co_return fail(ErrorCode::kRejected, "the answer is longer than allowed");
    }
    co_return *std::move(response);
  }
  void shut_down() override { *cut_ = true; }

 private:
  static tl::unexpected<Error> timed_out(Duration timeout) {
    return fail(ErrorCode::kTimeout, "no complete answer within " + format_duration(timeout));
  }

  std::shared_ptr<State> state_;
  std::shared_ptr<bool> cut_ = std::make_shared<bool>(false);
};

ObjectStoreServer::ObjectStoreServer(VirtualTime& time, ObjectStoreServerOptions options)
    : state_(std::make_shared<State>(time, std::move(options))) {}
ObjectStoreServer::~ObjectStoreServer() = default;

cloud::Url ObjectStoreServer::endpoint() {
  return {.scheme = "http", .host = "store.simulated", .port = 80};
}

std::unique_ptr<cloud::HttpClient> ObjectStoreServer::connect() {
  return std::make_unique<Client>(state_);
}

void ObjectStoreServer::make_bucket(const std::string& bucket) {
  state_->protocol.make_bucket(bucket);
}
void ObjectStoreServer::set_faults(Faults faults) {
  state_->faults = std::move(faults);
}
void ObjectStoreServer::set_clock_offset(Duration ahead) {
  state_->clock_offset = ahead;
}
void ObjectStoreServer::set_keys(Keys keys) {
  state_->keys = std::move(keys);
}

const ObjectStoreServer::Objects& ObjectStoreServer::objects(const std::string& bucket) const {
  const Objects* found = state_->protocol.bucket(bucket);
  SPILLWAY_CHECK(found != nullptr);
  return *found;
}
void ObjectStoreServer::put(const std::string& bucket, const std::string& key, std::string bytes) {
  const Bytes size(static_cast<std::int64_t>(bytes.size()));
  state_->protocol.store(bucket, key, std::move(bytes), size, state_->now());
}
void ObjectStoreServer::put_sized(const std::string& bucket, const std::string& key, Bytes size) {
  state_->protocol.store(bucket, key, {}, size, state_->now());
}
void ObjectStoreServer::erase(const std::string& bucket, const std::string& key) {
  state_->protocol.erase(bucket, key);
}
std::size_t ObjectStoreServer::open_uploads() const {
  return state_->protocol.open_uploads();
}
std::uint64_t ObjectStoreServer::requests() const {
  return state_->requests;
}

}  // namespace spillway::sim
