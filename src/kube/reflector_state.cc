#include <spillway/kube/reflector_state.h>

namespace spillway::kube {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

// What a failure asks for, whatever the state.
enum class Verdict {
  kGone,     // 404, 403: the collection, or our right to see it, is away
  kHold,     // nothing is lost: the same again, later
  kExpired,  // 410: the version is out of the server's window
  kAhead,    // the server is behind the version that we asked for
  kRefused,  // the request itself is not accepted
  kBroken,   // anything else
};

Verdict judge(const Error& error) {
  switch (error.code) {
    case ErrorCode::kNotFound:
    case ErrorCode::kForbidden: return Verdict::kGone;
    case ErrorCode::kUnavailable:
    case ErrorCode::kThrottled:
    case ErrorCode::kUnauthorized:
    case ErrorCode::kTimeout:
    case ErrorCode::kCancelled: return Verdict::kHold;
    case ErrorCode::kExpired: return Verdict::kExpired;
    case ErrorCode::kTooLargeResourceVersion: return Verdict::kAhead;
    case ErrorCode::kRejected: return Verdict::kRefused;
    default: return Verdict::kBroken;
  }
}

std::string_view reason_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::kNotFound: return "not-found";
    case ErrorCode::kForbidden: return "forbidden";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kThrottled: return "throttled";
    case ErrorCode::kUnauthorized: return "unauthorized";
    case ErrorCode::kTimeout: return "timeout";
    case ErrorCode::kExpired: return "expired";
    case ErrorCode::kTooLargeResourceVersion: return "ahead";
    default: return "error";
  }
}

bool regressed(const ResourceVersion& asked, const ResourceVersion& got,
               const ReflectorFacts& facts) {
  // Only a consistent read can prove it: a cached answer may simply be old.
  return asked.empty() && got < facts.last_version;
}

Transition start(const ReflectorFacts& facts) {
  if (facts.watch_list) return {.next = InitialWatch{.at_least = facts.last_version}};
  return {.next = InitPage{.at_least = facts.last_version}};
}

Transition gone(const Error& error) {
  return {.next = Empty{},
          .store = StoreStep::kDiscard,
          .back_off = true,
          .retry_after = error.retry_after,
          .reason = reason_of(error)};
}

// --- Empty ---

Transition from(const Empty& state, const ReflectorInput& input, const ReflectorFacts& facts) {
  if (std::holds_alternative<Start>(input)) return start(facts);
  return {.next = state};
}

// --- InitialWatch ---

// A streaming list that does not come to its end is given up for a plain one: progress is better
// than being right.
Transition fall_back(ResourceVersion at_least, std::string_view reason) {
  return {.next = InitPage{.at_least = std::move(at_least)},
          .store = StoreStep::kDiscard,
          .reason = reason};
}

Transition initial_event(const InitialWatch& state, const WatchEventSeen& event,
                         const ReflectorFacts& facts) {
  switch (event.kind) {
    case EventKind::kInitialEventsEnd:
      return {.next = Watching{event.version},
              .store = StoreStep::kCommit,
              .regressed = regressed(state.at_least, event.version, facts)};
    case EventKind::kBookmark: return {.next = state};
    default: return {.next = state, .store = StoreStep::kStage};
  }
}

Transition initial_failure(const InitialWatch& state, const Error& error,
                           const ReflectorFacts& facts) {
  Transition change = fall_back(facts.last_version, reason_of(error));
  switch (judge(error)) {
    case Verdict::kGone: return gone(error);
    case Verdict::kHold:
      if (state.opened) return change;
      return {.next = state,
              .store = StoreStep::kDiscard,
              .back_off = true,
              .retry_after = error.retry_after,
              .reason = reason_of(error)};
    case Verdict::kExpired:
    case Verdict::kAhead: return fall_back({}, reason_of(error));
    case Verdict::kRefused: change.watch_list_refused = true; return change;
    case Verdict::kBroken: return change;
  }
  return change;
}

Transition from(const InitialWatch& state, const ReflectorInput& input,
                const ReflectorFacts& facts) {
  return std::visit(
      Overloaded{
          [&](const WatchOpened&) {
            return Transition{.next = InitialWatch{state.at_least, true}};
          },
          [&](const WatchEventSeen& event) { return initial_event(state, event, facts); },
          [&](const StreamEnded&) { return fall_back(facts.last_version, "end"); },
          [&](const Inactive&) { return fall_back(facts.last_version, "inactive"); },
          [&](const Failed& failed) { return initial_failure(state, failed.error, facts); },
          [&](const auto&) { return Transition{.next = state}; },
      },
      input);
}

// --- InitPage ---

Transition page_received(const InitPage& state, const PageReceived& page,
                         const ReflectorFacts& facts) {
  if (!page.continue_token.empty()) {
    InitPage next = state;
    next.continue_token = page.continue_token;
    return {.next = std::move(next), .store = StoreStep::kStage};
  }
  return {.next = InitListed{page.version},
          .store = StoreStep::kCommit,
          .regressed = regressed(state.at_least, page.version, facts)};
}

Transition page_failure(const InitPage& state, const Error& error) {
  Transition again{.next = InitPage{},
                   .store = StoreStep::kDiscard,
                   .retry_after = error.retry_after,
                   .reason = reason_of(error)};
  switch (judge(error)) {
    case Verdict::kGone: return gone(error);
    case Verdict::kHold:  // the pages so far stay good
      again.next = state;
      again.store = StoreStep::kNone;
      again.back_off = true;
      return again;
    case Verdict::kExpired:
      if (!state.continue_token.empty()) {
        again.next = InitPage{.at_least = state.at_least, .paged = false};
        return again;
      }
      [[fallthrough]];
    case Verdict::kAhead: again.back_off = state.at_least.empty(); return again;
    case Verdict::kRefused:
    case Verdict::kBroken: again.back_off = true; return again;
  }
  return again;
}

Transition from(const InitPage& state, const ReflectorInput& input, const ReflectorFacts& facts) {
  if (const auto* page = std::get_if<PageReceived>(&input))
    return page_received(state, *page, facts);
  if (const auto* failed = std::get_if<Failed>(&input)) return page_failure(state, failed->error);
  return {.next = state};
}

// --- InitListed and Watching ---

Transition watch_failure(const ResourceVersion& version, const Error& error) {
  Transition change{.next = InitListed{version},
                    .back_off = true,
                    .retry_after = error.retry_after,
                    .reason = reason_of(error)};
  switch (judge(error)) {
    case Verdict::kGone: return gone(error);
    case Verdict::kHold: return change;
    case Verdict::kAhead: change.next = InitPage{}; return change;
    case Verdict::kExpired:
    case Verdict::kRefused:
    case Verdict::kBroken: change.next = InitPage{.at_least = version}; return change;
  }
  return change;
}

Transition from(const InitListed& state, const ReflectorInput& input, const ReflectorFacts&) {
  if (std::holds_alternative<WatchOpened>(input)) return {.next = Watching{state.version}};
  if (const auto* failed = std::get_if<Failed>(&input))
    return watch_failure(state.version, failed->error);
  return {.next = state};
}

Transition watch_event(const Watching& state, const WatchEventSeen& event) {
  // Events of one collection come in order of version: one that goes back tells of a restored
  // backup.
  if (event.version < state.version) {
    return {.next = InitPage{}, .back_off = true, .reason = "regressed"};
  }
  const bool bookmark =
      event.kind == EventKind::kBookmark || event.kind == EventKind::kInitialEventsEnd;
  return {.next = Watching{event.version},
          .store = bookmark ? StoreStep::kObserve : StoreStep::kApply};
}

Transition stream_ended(const Watching& state, const StreamEnded& end) {
  return {.next = InitListed{state.version},
          .back_off = end.very_short,
          .reason = end.very_short ? std::string_view("very-short") : std::string_view("end")};
}

Transition from(const Watching& state, const ReflectorInput& input, const ReflectorFacts&) {
  return std::visit(
      Overloaded{
          [&](const WatchEventSeen& event) { return watch_event(state, event); },
          [&](const StreamEnded& end) { return stream_ended(state, end); },
          [&](const Inactive&) {
            return Transition{.next = InitListed{state.version}, .reason = "inactive"};
          },
          [&](const Failed& failed) { return watch_failure(state.version, failed.error); },
          [&](const auto&) { return Transition{.next = state}; },
      },
      input);
}

}  // namespace

Transition transition(const ReflectorState& state, const ReflectorInput& input,
                      const ReflectorFacts& facts) {
  return std::visit([&](const auto& in_state) { return from(in_state, input, facts); }, state);
}

std::string_view to_string(const ReflectorState& state) {
  constexpr std::string_view kNames[] = {"Empty", "InitialWatch", "InitPage", "InitListed",
                                         "Watching"};
  return kNames[state.index()];
}

}  // namespace spillway::kube
