#include <spillway/control/off_switch_loop.h>

#include <algorithm>
#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include <spillway/api/codec.h>
#include <spillway/control/controller.h>
#include <spillway/control/keys.h>
#include <spillway/core/check.h>
#include <spillway/core/log.h>
#include <spillway/core/text.h>

namespace spillway::control {
namespace {

constexpr std::array kKinds = {PlainKind::kDeployment, PlainKind::kStatefulSet,
                               PlainKind::kCronJob};
// Kubernetes' own, and what keeps its nodes.
constexpr std::array<std::string_view, 3> kNeverNamespaces = {"kube-system", "kube-public",
                                                              "kube-node-lease"};
constexpr int kMaxDoublings = 20;

std::string name_of(const PlainWorkload& object) {
  return std::string(type_of(object.kind).kind) + " " + object.meta.key.to_string();
}

kube::ObjectReference reference_to(const PlainWorkload& object) {
  const kube::ResourceType type = type_of(object.kind);
  return {.api_version = type.api_version(),
          .kind = std::string(type.kind),
          .key = object.meta.key,
          .uid = object.meta.uid};
}

// Of a policy: machines start again what it put to sleep.
constexpr std::string_view kContested = "Contested";
constexpr std::size_t kMaxMessage = 4000;  // of a condition; the API server takes 32768

std::string contested_message(const OffSwitchReport& report) {
  std::string message;
  for (const std::string& sentence : report.contested)
    message += (message.empty() ? "" : "; ") + sentence;
  const std::size_t all = report.count(OffSwitchState::kContested);
  if (all > report.contested.size())
    message += "; and " + std::to_string(all - report.contested.size()) + " more";
  return std::string(shorten(message, kMaxMessage));
}

void add_sentence(std::vector<std::string>& sentences, std::string sentence) {
  if (sentences.size() < OffSwitchReport::kMaxSentences) sentences.push_back(std::move(sentence));
}

}  // namespace

std::size_t OffSwitchReport::count(OffSwitchState state) const {
  const auto found = counts.find(state);
  return found == counts.end() ? 0 : found->second;
}

struct OffSwitch::Cache {
  Cache(kube::Client& client, PlainKind kind, kube::ReflectorOptions options,
        std::function<void()> changed)
      : type(type_of(kind)),
        sink(store, [kind](const nlohmann::json& o) { return PlainWorkload::from_json(kind, o); }),
        reflector(client, type, sink, std::move(options)) {
    store.set_listener([changed](const ObjectKey&, kube::Change) { changed(); }, changed);
  }
  kube::ResourceType type;
  kube::Store<PlainWorkload> store;
  kube::StoreSink<PlainWorkload> sink;
  kube::Reflector reflector;
};

// An object that may be switched, and what is wanted of it.
struct OffSwitch::Item {
  Pointer object;
  OffHoursOrder order;
  bool marked = false;
  [[nodiscard]] bool to_be_awake() const { return order.policy.empty() || !order.asleep; }
  [[nodiscard]] bool to_wake() const { return to_be_awake() && marked && object->replicas == 0; }
};

OffSwitch::OffSwitch(Runtime runtime, kube::Client& client, kube::EventRecorder& events,
                     std::function<bool()> leading, World& world, OffSwitchOptions options)
    : runtime_(runtime),
      client_(client),
      events_(events),
      leading_(std::move(leading)),
      options_(std::move(options)),
      changed_(runtime.timers),
      tasks_(runtime.executor, runtime.timers),
      world_(world),
      policies_(world.cost_policies, [](const nlohmann::json& o) {
        return api::read<api::CostPolicy>(o, api::UnknownFields::kIgnore);
      }) {
  // What Spillway makes itself follows its workload.
  kube::ReflectorOptions plain = options_.reflector;
  plain.selectors.labels =
      std::string(label::kManagedBy) + "!=" + std::string(label::kManagedByValue);
  for (const PlainKind kind : kKinds) {
    plain_[static_cast<std::size_t>(kind)] =
        std::make_unique<Cache>(client_, kind, plain, [this] { changed_.notify(); });
  }
}

OffSwitch::~OffSwitch() = default;

OffSwitch::Cache& OffSwitch::cache_of(PlainKind kind) {
  return *plain_[static_cast<std::size_t>(kind)];
}

Task<void> OffSwitch::run() {
  for (const auto& cache : plain_)
    tasks_.spawn(cache->reflector.run());
  tasks_.spawn(loop());
  co_await tasks_.drained(MonotonicTime::max());
}

void OffSwitch::stop() {
  stopping_ = true;
  for (const auto& cache : plain_)
    cache->reflector.stop();
  changed_.notify();
}

bool OffSwitch::synced() const {
  return world_.cost_policies.synced() && world_.namespaces.synced() &&
         world_.inference_pools.synced() &&
         std::ranges::all_of(plain_, [](const auto& cache) { return cache->store.synced(); });
}

std::vector<std::string> OffSwitch::troubles() const {
  std::vector<std::string> sentences;
  for (const auto& cache : plain_) {
    if (const auto& trouble = cache->reflector.trouble())
      sentences.push_back(cache->type.to_string() + ": " + trouble->message);
  }
  return sentences;
}

MonotonicTime OffSwitch::next_look() const {
  const MonotonicTime now = runtime_.clock.monotonic();
  MonotonicTime next = now + options_.longest_rest;
  if (wake_at_)
    next = std::min(next, now + std::max(*wake_at_ - runtime_.clock.now(), Duration(1)));
  for (const auto& [uid, failure] : failures_) {
    if (failure.try_again > now) next = std::min(next, failure.try_again);
  }
  return next;
}

Task<void> OffSwitch::loop() {
  while (!stopping_) {
    co_await changed_.wait(next_look());
    if (stopping_) break;
    const auto fold = runtime_.timers.make();
    co_await fold->wait_until(runtime_.clock.monotonic() + options_.fold_window);
    if (stopping_ || !synced() || !leading_()) continue;
    // Kubernetes times are whole seconds.
    pass(std::chrono::floor<std::chrono::seconds>(runtime_.clock.now()));
    tell_policies();
  }
}

bool OffSwitch::never(const Namespace& ns) const {
  return ns == options_.own ||
         std::ranges::find(kNeverNamespaces, ns.str()) != kNeverNamespaces.end();
}

std::vector<OffSwitch::Item> OffSwitch::look() {
  std::vector<Item> items;
  for (const auto& cache : plain_) {
    cache->store.for_each([&](const Pointer& object) {
      if (never(object->meta.key.ns) || object->meta.controller || object->meta.deleted_at) return;
      Item item{.object = object,
                .order = {},
                .marked = object->meta.annotations.contains(annotation::kAsleep)};
      if (book_.idle() && !item.marked) return;
      // One that was taken out of the policy while it slept is woken.
      if (switchable(*object)) item.order = book_.order(*object);
      if (item.marked || !item.order.policy.empty()) items.push_back(std::move(item));
    });
  }
  return items;
}

void OffSwitch::add_plain_not_ready(const std::vector<Item>& items, const std::set<Namespace>& of,
                                    plan::NotReadyIn& found) const {
  std::map<Uid, const Item*> known;
  for (const Item& item : items) {
    if (of.contains(item.object->meta.key.ns)) known.emplace(item.object->meta.uid, &item);
  }
  // Whoever is up counts, whether a policy speaks of it or not (any more).
  for (const auto& cache : plain_) {
    cache->store.for_each([&](const Pointer& object) {
      const ObjectKey& key = object->meta.key;
      if (!of.contains(key.ns) || object->meta.controller || object->meta.deleted_at) return;
      const auto item = known.find(object->meta.uid);
      if (item != known.end() && !item->second->to_be_awake()) return;
      if (object->ready && (item == known.end() || !item->second->to_wake())) return;
      found[key.ns].push_back({.wake_order = wake_order(*object),
                               .name = std::string(cache->type.kind) + " " + key.name.str()});
    });
  }
}

plan::WakeTurnIn OffSwitch::turns_now(const std::vector<Item>& items, Instant now) {
  std::set<Namespace> waking = asked_;
  for (const Item& item : items) {
    if (item.to_wake()) waking.insert(item.object->meta.key.ns);
  }
  plan::NotReadyIn not_ready;
  if (!waking.empty()) {
    not_ready = hours_.services_not_ready(world_, waking, now);
    add_plain_not_ready(items, waking, not_ready);
  }
  return turns_.next(not_ready, options_.limits, now);
}

plan::WakeTurnIn OffSwitch::turns_in(plan::Waking services, Instant now) {
  constexpr std::int32_t kBeforeAll = std::numeric_limits<std::int32_t>::min();
  asked_ = std::move(services.to_begin);
  for (const Namespace& ns : services.begun) {
    if (turns_.any_in(ns)) asked_.insert(ns);
  }
  if (synced()) {
    if (!asked_.empty()) {
      book_.look(world_.cost_policies.snapshot(), world_.namespaces.snapshot(), now);
      answer_ = turns_now(look(), now);
    }
  } else {
    plan::NotReadyIn unknown;
    for (const Namespace& ns : asked_)
      unknown[ns] = {{.wake_order = kBeforeAll, .name = "the list of plain workloads"}};
    answer_ = turns_.next(unknown, options_.limits, now);
  }
  std::erase_if(answer_, [&](const auto& entry) { return !asked_.contains(entry.first); });
  return answer_;
}

void OffSwitch::note(std::optional<Instant> when) {
  if (when) wake_at_ = std::min(wake_at_.value_or(*when), *when);
}

void OffSwitch::pass(Instant now) {
  wake_at_.reset();
  book_.look(world_.cost_policies.snapshot(), world_.namespaces.snapshot(), now);
  reports_.clear();
  telling_.clear();
  const std::vector<Item> items = look();
  plan::WakeTurnIn turns = turns_now(items, now);
  for (const Item& item : items) {
    const auto turn = turns.find(item.object->meta.key.ns);
    take(item, off_switch_step(*item.object, item.order, options_.limits, now,
                               turn == turns.end() ? plan::WakeTurn{} : turn->second));
    note(item.order.until);
  }
  std::erase_if(turns, [&](const auto& entry) { return !asked_.contains(entry.first); });
  if (turns != answer_) answer_changed_();
  told_ = std::exchange(telling_, {});
  note(turns_.look_again(now));
}

void OffSwitch::take(const Item& item, OffSwitchStep step) {
  const PlainWorkload& object = *item.object;
  if (!item.order.policy.empty()) {
    OffSwitchReport& report = reports_[item.order.policy];
    ++report.counts[step.state];
    const std::string sentence = name_of(object) + ": " + step.note;
    if (step.state == OffSwitchState::kContested) add_sentence(report.contested, sentence);
    tell_troubles(object);
  }
  note(step.look_again);
  if (!step.patch) return tell_once(object, step);
  if (!may_write(object.meta.uid)) return;
  busy_.insert(object.meta.uid);
  tasks_.spawn(write(item.object, std::move(step)));
}

bool OffSwitch::may_write(const Uid& uid) const {
  if (busy_.contains(uid) || busy_.size() >= options_.max_in_flight) return false;
  const auto failure = failures_.find(uid);
  return failure == failures_.end() || failure->second.try_again <= runtime_.clock.monotonic();
}

void OffSwitch::tell(const PlainWorkload& object, const OffSwitchStep& step) {
  events_.record({.regarding = reference_to(object),
                  .type = step.warning ? kube::EventType::kWarning : kube::EventType::kNormal,
                  .reason = step.reason,
                  .action = "Switch",
                  .note = step.note});
  log::info(step.reason, {{"object", name_of(object)}, {"note", step.note}});
}

// States without a write: at their beginning.
void OffSwitch::tell_once(const PlainWorkload& object, const OffSwitchStep& step) {
  if (step.note.empty()) return;
  // Whom it waits for changes with everyone that becomes ready.
  const std::string& news = step.state == OffSwitchState::kWaking ? step.reason : step.note;
  std::pair told{object.meta.uid, news};
  if (!told_.contains(told)) tell(object, step);
  telling_.insert(std::move(told));
}

// What a person has to mend.
void OffSwitch::tell_troubles(const PlainWorkload& object) {
  WakeOrder order = read_wake_order(object.meta.annotations.get(annotation::kWakeOrder));
  tell_once(object,
            {.reason = "WakeOrderUnreadable", .note = std::move(order.problem), .warning = true});
  const auto failure = failures_.find(object.meta.uid);
  if (failure == failures_.end() || failure->second.trouble.empty()) return;
  tell_once(object, {.reason = "NotSwitched",
                     .note = "the API server refuses to switch it: " + failure->second.trouble,
                     .warning = true});
}

Task<void> OffSwitch::write(Pointer object, OffSwitchStep step) {
  kube::PatchOptions options{.resource_version = object->meta.resource_version};
  SPILLWAY_CHECK(step.patch.has_value());  // take() tells of a step without one, and writes nothing
  auto written = co_await client_.merge_patch(type_of(object->kind), object->meta.key, *step.patch,
                                              std::move(options));
  if (written) {
    failures_.erase(object->meta.uid);
    count(*object, step);
    tell(*object, step);
    if (const auto taken = cache_of(object->kind).sink.upsert(*written); !taken) {
      log::warning("an answer could not be understood",
                   {{"object", name_of(*object)}, {"error", taken.error().message}});
    }
  } else {
    const ErrorCode code = written.error().code;
    fail_write(*object, written.error());
    // The object moved on, or the write may have happened: what is there now decides.
    const bool uncertain = code == ErrorCode::kConflict || code == ErrorCode::kUnknownOutcome ||
                           code == ErrorCode::kNotFound;
    if (uncertain && !stopping_) co_await read_back(object);
  }
  busy_.erase(object->meta.uid);
  changed_.notify();
}

Task<void> OffSwitch::read_back(Pointer object) {
  Cache& cache = cache_of(object->kind);
  auto live = co_await client_.get(cache.type, object->meta.key);
  if (live) {
    if (const auto taken = cache.sink.upsert(*live); !taken) {
      log::warning("an answer could not be understood",
                   {{"object", name_of(*object)}, {"error", taken.error().message}});
    }
  } else if (live.error().code == ErrorCode::kNotFound) {
    cache.sink.forget(object->meta.key, object->meta.uid);
  }
  // Anything else: the watch will tell, and until then the version precondition holds.
}

void OffSwitch::count(const PlainWorkload& object, const OffSwitchStep& step) {
  if (step.reason == "PutToSleepAgain") {
    ++metrics_.contradicted;
  } else if (step.state == OffSwitchState::kAsleep) {
    ++metrics_.put_to_sleep;
  } else if (object.replicas == 0) {
    ++metrics_.woken;
  }
}

void OffSwitch::fail_write(const PlainWorkload& object, const Error& error) {
  Failure& failure = failures_[object.meta.uid];
  const bool somebody_was_faster =
      error.code == ErrorCode::kConflict || error.code == ErrorCode::kNotFound;
  if (somebody_was_faster) {
    ++metrics_.conflicts;
  } else {
    ++metrics_.failures;
    failure.count = std::min(failure.count + 1, kMaxDoublings);
  }
  Duration delay = options_.backoff_base;
  for (int i = 1; i < failure.count && delay < options_.backoff_cap; ++i)
    delay *= 2;
  delay = std::min(delay, options_.backoff_cap);
  if (error.retry_after) delay = std::max(delay, *error.retry_after);
  const MonotonicTime now = runtime_.clock.monotonic();
  failure.try_again = now + delay;
  if (error.code == ErrorCode::kForbidden || error.code == ErrorCode::kRejected)
    failure.trouble = error.message;
  // What has not failed again for so long was mended, or is gone.
  std::erase_if(failures_, [&](const auto& entry) {
    return now - entry.second.try_again > 2 * options_.backoff_cap;
  });
  if (somebody_was_faster || error.code == ErrorCode::kFenced) return;
  log::warning("a workload could not be switched", {{"object", name_of(object)},
                                                    {"error", error.message},
                                                    {"retry_in", format_duration(delay)}});
}

// A policy whose objects are contested says so, naming who contests; written when that changes.
void OffSwitch::tell_policies() {
  world_.cost_policies.for_each([&](const OffHoursBook::PolicyPointer& policy) {
    const std::string& name = policy->meta.key.name.str();
    const auto report = reports_.find(name);
    const auto shown = api::find_condition(policy->status.conditions, kContested);
    api::Condition wanted{.type = std::string(kContested),
                          .status = api::ConditionStatus::kFalse,
                          .observed_generation = policy->meta.generation,
                          .last_transition_time = runtime_.clock.now(),
                          .reason = "NobodyContradicts",
                          .message = "what this policy put to sleep was left asleep"};
    if (report != reports_.end() && !report->second.contested.empty()) {
      wanted.status = api::ConditionStatus::kTrue;
      wanted.reason = "StartedAgain";
      wanted.message = contested_message(report->second);
    }
    if (shown == nullptr && wanted.status == api::ConditionStatus::kFalse) return;
    if (shown != nullptr && shown->status == wanted.status && shown->message == wanted.message)
      return;
    if (shown != nullptr && shown->status == wanted.status)
      wanted.last_transition_time = shown->last_transition_time;
    if (telling_policies_.insert(name).second)
      tasks_.spawn(write_condition(policy, std::move(wanted)));
  });
}

Task<void> OffSwitch::write_condition(OffHoursBook::PolicyPointer policy, api::Condition wanted) {
  nlohmann::json condition = {{"type", wanted.type},
                              {"status", std::string(api::to_string(wanted.status))},
                              {"reason", wanted.reason},
                              {"message", wanted.message},
                              {"observedGeneration", wanted.observed_generation},
                              {"lastTransitionTime", format_instant(wanted.last_transition_time)}};
  nlohmann::json object = {{"metadata", {{"name", policy->meta.key.name.str()}}},
                           {"status", {{"conditions", nlohmann::json::array({condition})}}}};
  kube::ApplyOptions options{.field_manager = kube::FieldManager("spillway-off-switch"),
                             .subresource = kube::Subresource::kStatus,
                             .resource_version = policy->meta.resource_version};
  auto written = co_await client_.apply(kCostPolicies, std::move(object), std::move(options));
  if (written) {
    if (const auto taken = policies_.upsert(*written); !taken) {
      log::warning("an answer could not be understood", {{"error", taken.error().message}});
    }
  } else if (written.error().code != ErrorCode::kConflict) {
    ++metrics_.failures;
    log::warning("the condition of a policy could not be written",
                 {{"policy", policy->meta.key.name.str()}, {"error", written.error().message}});
  }
  telling_policies_.erase(policy->meta.key.name.str());
}

void connect(Controller& controller, OffSwitch& off_switch) {
  controller.on_hours_change([&off_switch] { off_switch.look_again(); });
  controller.on_service_change([&off_switch] { off_switch.service_changed(); });
  controller.take_turns([&off_switch](plan::Waking services, Instant now) {
    return off_switch.turns_in(std::move(services), now);
  });
  off_switch.on_turns_change([&controller] { controller.look_again(); });
}

}  // namespace spillway::control
