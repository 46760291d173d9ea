#include <spillway/kube/reflector.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include <spillway/core/log.h>
#include <spillway/kube/status_error.h>

#include "json_reader.h"

namespace spillway::kube {
namespace {

std::optional<EventKind> event_kind(std::string_view type, const nlohmann::json& object) {
  if (type == "ADDED") return EventKind::kAdded;
  if (type == "MODIFIED") return EventKind::kModified;
  if (type == "DELETED") return EventKind::kDeleted;
  if (type != "BOOKMARK") return std::nullopt;
  std::optional<Error> ignored;
  const JsonReader annotations = JsonReader(object, ignored).at("metadata").at("annotations");
  return annotations.text("k8s.io/initial-events-end") == "true" ? EventKind::kInitialEventsEnd
                                                                 : EventKind::kBookmark;
}

ResourceVersion version_of(const nlohmann::json& object) {
  std::optional<Error> ignored;
  return ResourceVersion(
      std::string(JsonReader(object, ignored).at("metadata").text("resourceVersion")));
}

Failed broken_frame(std::string message) {
  return Failed{Error{.code = ErrorCode::kInternal, .message = std::move(message)}};
}

// The version that a state stands on, if it stands on one.
const ResourceVersion* version_in(const ReflectorState& state) {
  if (const auto* listed = std::get_if<InitListed>(&state)) return &listed->version;
  if (const auto* watching = std::get_if<Watching>(&state)) return &watching->version;
  return nullptr;
}

bool reading(const ReflectorState& state) {
  const auto* initial = std::get_if<InitialWatch>(&state);
  return std::holds_alternative<Watching>(state) || (initial != nullptr && initial->opened);
}

}  // namespace

std::optional<ObjectKey> key_of(const nlohmann::json& object) {
  std::optional<Error> error;
  const JsonReader metadata = JsonReader(object, error).at("metadata");
  ObjectKey key{.ns = Namespace(metadata.text("namespace")),
                .name = ObjectName(metadata.text("name"))};
  if (error || key.name.empty()) return std::nullopt;
  return key;
}

Uid uid_of(const nlohmann::json& object) {
  std::optional<Error> ignored;
  return Uid(JsonReader(object, ignored).at("metadata").text("uid"));
}

Reflector::Reflector(Client& client, ResourceType type, ObjectSink& sink, ReflectorOptions options)
    : client_(client),
      type_(type),
      type_name_(type.to_string()),
      sink_(sink),
      options_(std::move(options)),
      facts_{.watch_list = options_.watch_list},
      backoff_(options_.backoff),
      wake_(client.runtime().timers) {}

Reflector::~Reflector() = default;

Task<void> Reflector::run() {
  sink_.discard();
  while (!stopping_)
    co_await step();
  stream_.reset();
}

void Reflector::stop() {
  stopping_ = true;
  wake_.notify();
  if (stream_) stream_->close();
}

Task<void> Reflector::step() {
  if (reading(state_)) {
    co_await read_stream();
  } else if (std::holds_alternative<Empty>(state_)) {
    co_await take(Start{});
  } else if (const auto* page = std::get_if<InitPage>(&state_)) {
    co_await request_page(*page);
  } else {
    co_await open_watch();
  }
}

Task<void> Reflector::request_page(InitPage page) {
  ListOptions list{.selectors = options_.selectors, .retry = false};
  list.limit = page.paged ? options_.page_size : 0;
  list.continue_token = page.continue_token;
  if (page.continue_token.empty()) {
    ++client_.metrics().relists[type_name_];
    if (!page.at_least.empty()) list.resource_version = page.at_least;
  }
  const Result<ListPage> answer = co_await client_.list(type_, std::move(list));
  if (stopping_) co_return;
  if (!answer) co_return co_await take(Failed{answer.error()});
  last_contact_ = client_.runtime().clock.monotonic();
  // Items first: the transition that this page makes may commit them.
  for (std::size_t i = 0; i < answer->size(); ++i) {
    const auto object = nlohmann::json::parse(answer->item(i), nullptr, false);
    if (object.is_discarded())
      co_return co_await take(broken_frame("an item of the list is not JSON"));
    if (const auto staged = sink_.stage(object); !staged) skip(staged.error(), object);
  }
  co_await take(PageReceived{.version = answer->resource_version(),
                             .continue_token = answer->continue_token()});
}

Task<void> Reflector::open_watch() {
  WatchOptions watch{.selectors = options_.selectors, .timeout = options_.watch_timeout};
  if (const auto* initial = std::get_if<InitialWatch>(&state_)) {
    ++client_.metrics().relists[type_name_];
    watch.resource_version = initial->at_least;
    watch.send_initial_events = true;
  } else if (const ResourceVersion* version = version_in(state_)) {
    watch.resource_version = *version;
  }
  auto opened = co_await client_.watch(type_, std::move(watch));
  if (stopping_) co_return;
  if (!opened) co_return co_await take(Failed{opened.error()});
  stream_ = *std::move(opened);
  opened_at_ = last_contact_ = client_.runtime().clock.monotonic();
  events_in_stream_ = 0;
  co_await take(WatchOpened{});
}

Task<void> Reflector::read_stream() {
  const MonotonicTime end = opened_at_ + Duration(options_.watch_timeout) + options_.watch_grace;
  const MonotonicTime deadline = std::min(end, last_contact_ + options_.inactivity_limit);
  auto line = co_await stream_->next(deadline);
  if (stopping_) co_return;
  const MonotonicTime now = client_.runtime().clock.monotonic();
  if (!line) {
    if (line.error().code == ErrorCode::kTimeout) co_return co_await take(Inactive{});
    co_return co_await take(Failed{line.error()});
  }
  last_contact_ = now;
  if (std::optional<std::string> text = *std::move(line)) {
    co_return co_await take_line(*std::move(text));
  }
  const bool very_short = now - opened_at_ < options_.very_short_watch && events_in_stream_ == 0;
  co_await take(StreamEnded{.very_short = very_short});
}

Task<void> Reflector::take_line(std::string line) {
  const auto frame = nlohmann::json::parse(line, nullptr, false);
  line = {};
  std::optional<Error> error;
  if (frame.is_discarded())
    co_return co_await take(broken_frame("a line of the watch is not JSON"));
  const JsonReader reader(frame, error);
  const std::string_view type = reader.text("type");
  const nlohmann::json* object = reader.member("object");
  if (object == nullptr) co_return co_await take(broken_frame("a line of the watch has no object"));
  ++events_in_stream_;
  ++client_.metrics().watch_events[type_name_];
  if (type == "ERROR") {
    const auto code = static_cast<int>(JsonReader(*object, error).integer("code"));
    co_return co_await take(Failed{error_from_status(*object, code, false)});
  }
  const auto kind = event_kind(type, *object);
  WatchEventSeen seen{.kind = kind.value_or(EventKind::kBookmark), .version = version_of(*object)};
  if (!kind || seen.version.empty()) {
    co_return co_await take(
        broken_frame("a line of the watch has an unknown type or no resourceVersion"));
  }
  const Transition change = transition(state_, seen, facts_);
  store_event(change, seen, *object);
  co_await enter(change);
}

void Reflector::store_event(const Transition& change, const WatchEventSeen& event,
                            const nlohmann::json& object) {
  const bool deleted = event.kind == EventKind::kDeleted;
  Result<void> done;
  if (change.store == StoreStep::kStage) {
    if (deleted)
      sink_.unstage(object);
    else
      done = sink_.stage(object);
  } else if (change.store == StoreStep::kApply) {
    done = deleted ? sink_.erase(object) : sink_.upsert(object);
  }
  if (!done) skip(done.error(), object);
}

void Reflector::skip(const Error& error, const nlohmann::json& object) {
  ++client_.metrics().undecodable_objects[type_name_];
  const auto key = key_of(object);
  log::warning("an object cannot be understood and is skipped",
               {{"resource", type_name_},
                {"object", key ? key->to_string() : "(no name)"},
                {"error", error.message}});
}

Task<void> Reflector::take(ReflectorInput input) {
  if (const auto* failed = std::get_if<Failed>(&input)) {
    trouble_ = failed->error;
    log::warning(
        "the copy of a collection is out of step",
        {{"resource", type_name_}, {"state", to_string(state_)}, {"error", failed->error.message}});
  }
  co_await enter(transition(state_, input, facts_));
}

Task<void> Reflector::enter(Transition change) {
  state_ = std::move(change.next);
  const ResourceVersion* version = version_in(state_);
  if (change.store == StoreStep::kDiscard) sink_.discard();
  if (change.store == StoreStep::kCommit) sink_.commit(*version, change.regressed);
  if (change.store == StoreStep::kApply || change.store == StoreStep::kObserve)
    sink_.observe(*version);
  if (version != nullptr) facts_.last_version = *version;
  if (change.watch_list_refused) facts_.watch_list = false;
  if (std::holds_alternative<Watching>(state_)) trouble_.reset();
  if (!reading(state_)) stream_.reset();
  if (!change.reason.empty()) {
    ++client_.metrics()
          .watch_reconnects[{.resource = type_name_, .reason = std::string(change.reason)}];
  }
  if (!change.back_off || stopping_) co_return;
  const MonotonicTime now = client_.runtime().clock.monotonic();
  const Duration delay = std::max(backoff_.next(now, client_.runtime().random),
                                  change.retry_after.value_or(Duration{}));
  while (!stopping_ && co_await wake_.wait(now + delay) == Wake::kCancelled) {
  }
}

}  // namespace spillway::kube
