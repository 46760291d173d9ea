#include "disturbances.h"

#include <array>

namespace spillway::sim {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

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

std::vector<Cell> crashes(const Undisturbed& undisturbed) {
  const std::uint64_t writes = undisturbed.outcome.writes.size();
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

std::vector<Cell> write_faults(const Undisturbed& undisturbed) {
  const std::uint64_t writes = undisturbed.outcome.writes.size();
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

std::vector<Cell> outages(const Undisturbed& undisturbed) {
  const std::uint64_t writes = undisturbed.outcome.writes.size();
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

}  // namespace

// An attempt that began and ended while nobody could see it was never seen to run.
bool past_is_forgotten(const Cell& cell, const std::string& difference) {
  return forgets_an_interruption(cell, difference) ||
         (difference.starts_with("trainingjobs.spillway.dev ") &&
          difference.ends_with(R"(: [{"op":"remove","path":"/status/startedAt"}])"));
}

const Matrix kCrashes = {
    .name = "crashes", .cells = crashes, .bounded = in_turn<3>, .known = forgets_an_interruption};
const Matrix kWriteFaults = {
    .name = "faults of writes", .cells = write_faults, .bounded = in_turn_at_every_second_write<9>};
const Matrix kOutages = {.name = "outages",
                         .cells = outages,
                         .bounded = in_turn_at_every_second_write<4>,
                         .known = past_is_forgotten};

}  // namespace spillway::sim
