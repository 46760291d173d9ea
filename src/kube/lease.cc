#include <spillway/kube/lease.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include <spillway/core/check.h>
#include <spillway/core/log.h>

namespace spillway::kube {
namespace {

ClientOptions lease_client_options(const LeaseOptions& options) {
  ClientOptions client;
  client.limit.per_second = 0;
  // One try has to leave time for others within the renew deadline.
  client.call_timeout = std::max<Duration>(options.renew_deadline / 2, options.retry_period);
  client.max_attempts = 1;
  return client;
}

nlohmann::json lease_spec(const LeaseOptions& options, const LeaseRecord& base, bool renewal,
                          const std::string& now) {
  return {{"holderIdentity", options.identity},
          {"leaseDurationSeconds", options.lease_duration / std::chrono::seconds(1)},
          {"acquireTime", renewal && !base.acquire_time.empty() ? base.acquire_time : now},
          {"renewTime", now},
          {"leaseTransitions",
           base.holder.empty() || renewal ? base.transitions : base.transitions + 1}};
}

}  // namespace

LeaderElector::LeaderElector(Runtime runtime, Transport& transport, ClientMetrics& metrics,
                             LeaseOptions options, Listener listener)
    : runtime_(runtime),
      client_(runtime, transport, open_fence_, metrics, lease_client_options(options)),
      options_(std::move(options)),
      listener_(std::move(listener)),
      wake_(runtime.timers) {
  SPILLWAY_CHECK(options_.validate().has_value());
}

Task<void> LeaderElector::run() {
  while (!stopping_) {
    co_await attempt();
    announce();
    if (stopping_) break;
    const MonotonicTime now = runtime_.clock.monotonic();
    // A leader keeps an even rhythm; standbys spread.
    const double spread =
        election_.leading ? 1.0 : 1.0 + options_.jitter * runtime_.random.uniform();
    MonotonicTime until = now + Duration(static_cast<Duration::rep>(
                                    static_cast<double>(options_.retry_period.count()) * spread));
    if (const auto deadline = fence_deadline(election_, options_))
      until = std::min(until, std::max(*deadline, now + Duration(1)));
    // A standby is there at the moment at which the lease runs out, not up to a round later.
    const ElectionAction next = next_action(election_, options_, now);
    if (const auto* wait = std::get_if<WaitUntil>(&next))
      until = std::min(until, std::max(wait->when, now + Duration(1)));
    co_await wake_.wait(until);
  }
}

void LeaderElector::stop() {
  stopping_ = true;
  wake_.notify();
}

std::string LeaderElector::holder() const {
  return election_.observed ? election_.observed->holder : std::string();
}

Result<MonotonicTime> LeaderElector::write_deadline() const {
  const auto deadline = fence_deadline(election_, options_);
  if (!deadline) return fail(ErrorCode::kFenced, "this process is not the leader");
  if (runtime_.clock.monotonic() >= *deadline) {
    return fail(ErrorCode::kFenced,
                "the lease was not renewed in time: this process may be a leader no longer");
  }
  return *deadline;
}

void LeaderElector::announce() {
  const bool now = leading();
  // Past the fence is lost, even if nobody took over: work was cut off half-way.
  if (!now) election_.leading = false;
  if (now == announced_) return;
  announced_ = now;
  log::info(now ? "this process leads" : "this process no longer leads",
            {{"lease", options_.lease.to_string()},
             {"identity", options_.identity},
             {"holder", holder()}});
  if (listener_) listener_(now);
}

Task<void> LeaderElector::attempt() {
  // The fast path: a leader writes on what it wrote last. Everybody else reads first, and again
  // when the write shows that the Lease was moved, edited, deleted, or written by a request of ours
  // without an answer.
  bool known = election_.leading && election_.observed;
  for (int tries = 0; tries < 2; ++tries) {
    if (!std::exchange(known, false)) {
      const Result<void> fresh = co_await read();
      if (!fresh || stopping_) co_return;
    }
    const ElectionAction action = next_action(election_, options_, runtime_.clock.monotonic());
    Result<void> done;
    if (std::holds_alternative<CreateLease>(action)) {
      done = co_await create();
    } else if (const auto* take = std::get_if<WriteLease>(&action)) {
      done = co_await write(take->base, take->renewal);
    }
    if (done) co_return;
    log::warning("the lease could not be written",
                 {{"lease", options_.lease.to_string()}, {"error", done.error().message}});
    const ErrorCode code = done.error().code;
    const bool moved = code == ErrorCode::kConflict || code == ErrorCode::kAlreadyExists ||
                       code == ErrorCode::kNotFound || code == ErrorCode::kUnknownOutcome;
    if (!moved || stopping_) co_return;
  }
}

Task<Result<void>> LeaderElector::read() {
  const Result<nlohmann::json> object =
      co_await client_.get(kLeases, options_.lease, Priority::kLease);
  if (object) co_return adopt(*object);
  if (object.error().code == ErrorCode::kNotFound) {
    observe(election_, std::nullopt, options_, runtime_.clock.monotonic());
    object_.reset();
    co_return Result<void>{};
  }
  log::warning("the lease could not be read",
               {{"lease", options_.lease.to_string()}, {"error", object.error().message}});
  co_return tl::unexpected(object.error());
}

Result<void> LeaderElector::adopt(const nlohmann::json& object) {
  TRY(record, read_lease(object));
  object_ = std::make_shared<const nlohmann::json>(object);
  observe(election_, record, options_, runtime_.clock.monotonic());
  return {};
}

Task<Result<void>> LeaderElector::create() {
  const MonotonicTime started = runtime_.clock.monotonic();
  nlohmann::json object = {
      {"metadata", {{"namespace", options_.lease.ns.str()}, {"name", options_.lease.name.str()}}},
      {"spec", lease_spec(options_, {}, false, format_micro_time(runtime_.clock.now()))}};
  TRY_CO(answer, co_await client_.create(kLeases, std::move(object), Priority::kLease));
  TRY_VOID_CO(adopt(answer));
  lead(election_, options_, started);
  co_return Result<void>{};
}

Task<Result<void>> LeaderElector::write(LeaseRecord base, bool renewal) {
  const MonotonicTime started = runtime_.clock.monotonic();
  TRY_VOID_CO(
      co_await put(lease_spec(options_, base, renewal, format_micro_time(runtime_.clock.now()))));
  lead(election_, options_, started);
  co_return Result<void>{};
}

// An update of what was last seen: uid and resourceVersion make it fail if anybody wrote since.
Task<Result<void>> LeaderElector::put(nlohmann::json spec) {
  nlohmann::json object = *object_;
  for (auto& [field, value] : spec.items())
    object["spec"][field] = std::move(value);
  object["metadata"].erase("managedFields");
  TRY_CO(answer, co_await client_.put(kLeases, std::move(object), {.priority = Priority::kLease}));
  co_return adopt(answer);
}

Task<Result<void>> LeaderElector::release() {
  const bool held = election_.leading;
  election_.leading = false;
  announce();
  Result<void> outcome;
  if (!held) co_return outcome;
  const MonotonicTime give_up = runtime_.clock.monotonic() + options_.retry_period * 3;
  const std::unique_ptr<Timer> timer = runtime_.timers.make();
  for (Duration pause{100};; pause *= 2) {
    outcome = co_await read();
    if (outcome) {
      if (!election_.observed || election_.observed->holder != options_.identity) co_return outcome;
      nlohmann::json spec =
          lease_spec(options_, *election_.observed, true, format_micro_time(runtime_.clock.now()));
      spec["holderIdentity"] = "";
      spec["leaseDurationSeconds"] = 1;
      outcome = co_await put(std::move(spec));
      if (outcome) co_return outcome;
    }
    const MonotonicTime again = runtime_.clock.monotonic() + pause;
    if (!outcome.error().retryable() || again >= give_up) co_return outcome;
    co_await timer->wait_until(again);
  }
}

}  // namespace spillway::kube
