#include <array>
#include <memory>

#include <spillway/sim/replica.h>

#include "matrix.h"

namespace spillway::sim {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

bool of_event(const std::string& target) {
  return target.find("/events") != std::string::npos;
}

// Counts the writes that are not Events', over all lives of the operator.
class WriteCount {
 public:
  // True when this request is the `wanted`-th of them.
  bool reaches(const RequestSeen& request, std::uint64_t wanted) {
    return request.write > 0 && !of_event(request.request.target) && ++seen_ == wanted;
  }

 private:
  std::uint64_t seen_ = 0;
};

// `act` says what becomes of the `wanted`-th write.
Arrangement on_write(std::uint64_t wanted, std::function<RequestFate(World&)> act) {
  return [wanted, act = std::move(act)](World& world) {
    world.set_faults({.on_request = [&world, wanted, act, count = std::make_shared<WriteCount>()](
                                        const RequestSeen& request) {
      return count->reaches(request, wanted) ? act(world) : RequestFate{};
    }});
  };
}

// ---- crashes

std::vector<Cell> crashes(std::uint64_t writes) {
  constexpr std::array kEnds = {std::pair{Fate::kDieBeforeSend, "ended before it was sent"},
                                std::pair{Fate::kDieAfterSend, "ended when it had been sent"},
                                std::pair{Fate::kDieAfterReply, "ended after its answer"}};
  std::vector<Cell> cells;
  for (std::uint64_t write = 1; write <= writes; ++write) {
    for (std::size_t kind = 0; kind < kEnds.size(); ++kind) {
      const auto [fate, what] = kEnds[kind];
      cells.push_back(
          {.write = write,
           .kind = kind,
           .what = what,
           .arrange = on_write(write, [fate](World&) { return RequestFate{.fate = fate}; }),
           .crashes = 1,
           .away = CrashPlan{}.downtime});
    }
  }
  return cells;
}

// A node that its pods had left in time and whose end is not yet written down is forgotten with the
// process: one interruption less in the books. Nothing follows from it but a slightly longer
// expected life; src/sim/README.md names it.
bool forgets_an_interruption(const Cell&, const std::string& difference) {
  return difference.starts_with("capacitypools.spillway.dev ") &&
         difference.find("/status/interruptionsLastDay") != std::string::npos &&
         difference.find("\"op\"") == difference.rfind("\"op\"");
}

bool of_training_job(const std::string& difference, const char* change) {
  return difference.starts_with("trainingjobs.spillway.dev ") && difference.ends_with(change);
}

// An attempt that began and ended while nobody could see it was never seen to run.
bool never_saw_it_run(const std::string& difference) {
  return of_training_job(difference, R"(: [{"op":"remove","path":"/status/startedAt"}])");
}

// Who lists a past in which the attempt had no pods yet ends one that never was, as far as he can
// tell: it is not counted as restarted.
bool never_saw_its_pods(const Cell& cell, const std::string& difference) {
  return cell.decides_anew &&
         of_training_job(difference, R"(: [{"op":"replace","path":"/status/restarts","value":0}])");
}
bool past_is_forgotten(const Cell& cell, const std::string& difference) {
  return forgets_an_interruption(cell, difference) || never_saw_it_run(difference) ||
         never_saw_its_pods(cell, difference);
}

// ---- faults of a write

struct WriteFault {
  const char* what;
  RequestFate fate;
  Duration away{};
};

kube::HttpResponse refusal(int status, const char* reason) {
  return {.status = status,
          .body = std::string(R"({"kind":"Status","status":"Failure","reason":")") + reason +
                  R"(","message":"as the test wants it","code":)" + std::to_string(status) + "}"};
}

std::vector<WriteFault> all_write_faults() {
  kube::HttpResponse busy = refusal(429, "TooManyRequests");
  busy.retry_after = seconds(5);
  const Duration unanswered = kube::ClientOptions{}.call_timeout;
  return {
      {"is never answered and not carried out", {.fate = Fate::kLost}, unanswered},
      {"is carried out and never answered", {.fate = Fate::kAnswerLost}, unanswered},
      {"is refused a connection", {.fate = Fate::kRefused}},
      {"arrives ten seconds late", {.delay = seconds(10)}, seconds(10)},
      {"is answered 429", {.fate = Fate::kAnswered, .canned = busy}, seconds(5)},
      {"is answered 409", {.fate = Fate::kAnswered, .canned = refusal(409, "Conflict")}},
      {"is answered 500", {.fate = Fate::kAnswered, .canned = refusal(500, "InternalError")}},
      {"is answered 503", {.fate = Fate::kAnswered, .canned = refusal(503, "ServiceUnavailable")}},
      {"is carried out and answered 504",
       {.fate = Fate::kMisanswered, .canned = refusal(504, "Timeout")}}};
}

std::vector<Cell> write_faults(std::uint64_t writes) {
  const auto faults = all_write_faults();
  std::vector<Cell> cells;
  for (std::uint64_t write = 1; write <= writes; ++write) {
    for (std::size_t kind = 0; kind < faults.size(); ++kind) {
      cells.push_back(
          {.write = write,
           .kind = kind,
           .what = faults[kind].what,
           .arrange = on_write(write, [fate = faults[kind].fate](World&) { return fate; }),
           .away = faults[kind].away});
    }
  }
  return cells;
}

// ---- views of the past

constexpr Duration kFrozen = minutes(1);
constexpr Duration kUntilFollowing = kFrozen + seconds(20);

// The operator reads from a replica of its own.
struct StaleView {
  explicit StaleView(World& world) : replica(world.server(), world.time()) {}
  Replica replica;
  WriteCount count;
  bool in_use = true;
};

// Time travel (Sieve 3.3): a replica stops following when the `from`-th write is sent; the operator
// ends when it has sent the `last`-th, and its next life reads from that replica, which catches up
// a minute later. As Kubernetes promises, a list that names no version is of now all the same, so
// that what the operator begins with is not older than itself; or, where `breaks_its_word`, it is
// not.
Arrangement time_travel(std::uint64_t from, std::uint64_t last, bool breaks_its_word) {
  return [=](World& world) {
    const auto view = std::make_shared<StaleView>(world);
    view->in_use = false;
    const auto frozen_at = std::make_shared<WriteCount>();
    world.set_faults({.on_request =
                          [=, &world](const RequestSeen& request) {
                            if (frozen_at->reaches(request, from)) view->replica.freeze();
                            if (!view->count.reaches(request, last)) return RequestFate{};
                            view->in_use = true;
                            world.time().after(kUntilFollowing, [view] { view->replica.thaw(); });
                            return RequestFate{.fate = Fate::kDieAfterSend};
                          },
                      .reader = [view] { return view->in_use ? &view->replica.server() : nullptr; },
                      .lists_from_the_past = [=] { return breaks_its_word; }});
  };
}

// The view stands still for a minute from the write on. Then what was missed is told at once, one
// by one, or never: the history is gone and the watches are broken, so that only the result is
// seen.
Arrangement standstill(std::uint64_t write, bool tells) {
  return [=](World& world) {
    const auto view = std::make_shared<StaleView>(world);
    const auto catch_up = [view, tells, &world] {
      OperatorProcess* process = world.running_operator();
      if (!tells && process != nullptr) process->connection().break_streams();
      view->replica.thaw();
      if (!tells) view->replica.server().compact();
    };
    world.set_faults({.on_request =
                          [=, &world](const RequestSeen& request) {
                            if (view->count.reaches(request, write)) {
                              view->replica.freeze();
                              world.time().after(kFrozen, catch_up);
                            }
                            return RequestFate{};
                          },
                      .reader = [view] { return &view->replica.server(); }});
  };
}

enum StaleKind : std::size_t { kTimeTravel, kPastLists, kDelayed, kGap, kStaleKinds };

Cell restart_into_the_past(std::uint64_t write, std::uint64_t from, StaleKind kind) {
  const bool breaks_its_word = kind == kPastLists;
  return {.write = write,
          .kind = kind,
          .what = std::string("was the last before a restart that ") +
                  (breaks_its_word ? "lists" : "watches") + " what was before write " +
                  std::to_string(from),
          .arrange = time_travel(from, write, breaks_its_word),
          .crashes = 1,
          .away = kUntilFollowing,
          .seen_from = from,
          .decides_anew = breaks_its_word};
}

std::vector<Cell> stale_views(std::uint64_t writes) {
  std::vector<Cell> cells;
  for (std::uint64_t write = 1; write <= writes; ++write) {
    // Who keeps his word and is behind says no more than that until he has caught up, however far
    // behind he is: since the write itself, or since the first.
    cells.push_back(restart_into_the_past(write, write, kTimeTravel));
    if (write > 1) cells.push_back(restart_into_the_past(write, 1, kTimeTravel));
    for (std::uint64_t from = 1; from <= write; ++from)
      cells.push_back(restart_into_the_past(write, from, kPastLists));
    cells.push_back({.write = write,
                     .kind = kDelayed,
                     .what = "and what follows is seen a minute late",
                     .arrange = standstill(write, true),
                     .away = kFrozen});
    cells.push_back({.write = write,
                     .kind = kGap,
                     .what = "and a minute of what follows is seen by its result only",
                     .arrange = standstill(write, false),
                     .away = kFrozen});
  }
  return cells;
}

// ---- outages

// Every request and every watch meets `fate` for three minutes.
Arrangement away(std::uint64_t write, Fate fate) {
  return [=](World& world) {
    const auto count = std::make_shared<WriteCount>();
    const auto until = std::make_shared<MonotonicTime>();
    FaultPlan faults;
    faults.on_request = [=, &world](const RequestSeen& request) {
      if (count->reaches(request, write)) {
        *until = world.time().monotonic() + kMinutesOfAnOutage;
        if (fate == Fate::kRefused)
          world.time().after(seconds(0), [&world] {
            if (auto* process = world.running_operator()) process->connection().break_streams();
          });
      }
      return RequestFate{.fate = world.time().monotonic() < *until ? fate : Fate::kServed};
    };
    // A server that hangs says nothing in its open watches either.
    faults.on_event = [=, &world](const std::string&, const WatchFrame&) {
      return EventFate{.delay = std::max(Duration(0), *until - world.time().monotonic())};
    };
    world.set_faults(std::move(faults));
  };
}

RequestFate forget_everything(World& world) {
  world.server().compact();
  world.time().after(seconds(0), [&world] {
    if (auto* process = world.running_operator()) process->connection().break_streams();
  });
  return {};
}

RequestFate silence_the_market(World& world) {
  world.prices().set_silent(true);
  world.time().after(minutes(5), [&world] { world.prices().set_silent(false); });
  return {};
}

std::vector<Cell> outages(std::uint64_t writes) {
  std::vector<Cell> cells;
  for (std::uint64_t write = 1; write <= writes; ++write) {
    const std::array<std::pair<const char*, Arrangement>, 4> all = {{
        {"meets an API server that refuses connections for three minutes",
         away(write, Fate::kRefused)},
        {"meets an API server that says nothing for three minutes", away(write, Fate::kLost)},
        {"and then the history is compacted and all watches break",
         on_write(write, forget_everything)},
        {"and then the market does not answer for five minutes",
         on_write(write, silence_the_market)},
    }};
    for (std::size_t kind = 0; kind < all.size(); ++kind)
      cells.push_back({.write = write,
                       .kind = kind,
                       .what = all[kind].first,
                       .arrange = all[kind].second,
                       .away = kind < 2 ? kMinutesOfAnOutage : Duration(0)});
  }
  return cells;
}

// ---- what is run of them when not all are: the kinds take turns, from write to write and from
// story to story

template <std::size_t kinds>
bool in_turn(const Cell& cell, std::size_t story) {
  return (cell.write + story) % kinds == cell.kind;
}
template <std::size_t kinds>
bool in_turn_at_every_second_write(const Cell& cell, std::size_t story) {
  return (cell.write + story) % 2 == 0 && ((cell.write + story) / 2) % kinds == cell.kind;
}
// Lists of the write itself, the one before, the one before that, and so on.
bool in_turn_from_one_past(const Cell& cell, std::size_t story) {
  if (!in_turn_at_every_second_write<kStaleKinds>(cell, story)) return false;
  if (cell.kind == kTimeTravel) return cell.seen_from == 1;
  return cell.kind != kPastLists || cell.seen_from == cell.write - cell.write / 2 % cell.write;
}

}  // namespace

const Matrix kCrashes = {
    .name = "crashes", .cells = crashes, .bounded = in_turn<3>, .known = forgets_an_interruption};
const Matrix kWriteFaults = {
    .name = "faults of writes", .cells = write_faults, .bounded = in_turn_at_every_second_write<9>};
const Matrix kStaleViews = {.name = "stale views",
                            .cells = stale_views,
                            .bounded = in_turn_from_one_past,
                            .known = past_is_forgotten};
const Matrix kOutages = {.name = "outages",
                         .cells = outages,
                         .bounded = in_turn_at_every_second_write<4>,
                         .known = past_is_forgotten};

}  // namespace spillway::sim
