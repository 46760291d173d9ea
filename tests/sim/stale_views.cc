// Caches that are fed from the past. A list that names no version, which is how every cache begins,
// is of now, whichever API server is asked; what follows it may come late, and each kind has a
// watch of its own.

#include <set>

#include <spillway/sim/replica.h>

#include "checkpoint_stage.h"
#include "disturbances.h"

namespace spillway::sim {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr Duration kFrozen = minutes(1);
constexpr Duration kUntilFollowing = kFrozen + seconds(20);
const std::string kEverything;

// The operator reads a collection, or everything, from a replica of its own.
struct StaleView {
  StaleView(World& world, std::string collection)
      : replica(world.server(), world.time()), of(std::move(collection)) {}
  ApiServer* reader(const std::string& collection) {
    const bool meant = of == kEverything || of == collection;
    return in_use && meant ? &replica.server() : nullptr;
  }
  Replica replica;
  std::string of;
  WriteCount count;
  bool in_use = true;
};

// The operator ends when it has sent the `last`-th write, and its next life reads from a replica
// that follows nothing since the `from`-th and for a minute of that life. What the new life begins
// with is of now all the same; or, where `breaks_its_word`, of then (Sieve 3.3, time travel).
Arrangement restart(std::uint64_t from, std::uint64_t last, const std::string& of,
                    bool breaks_its_word) {
  return [=](World& world) {
    const auto view = std::make_shared<StaleView>(world, of);
    view->in_use = false;
    const auto frozen_at = std::make_shared<WriteCount>();
    world.set_faults(
        {.on_request =
             [=, &world](const RequestSeen& request) {
               if (frozen_at->reaches(request, from)) view->replica.freeze();
               if (!view->count.reaches(request, last)) return RequestFate{};
               view->in_use = true;
               world.time().after(kUntilFollowing, [view] { view->replica.thaw(); });
               return RequestFate{.fate = Fate::kDieAfterSend};
             },
         .reader = [view](const std::string& collection) { return view->reader(collection); },
         .lists_from_the_past = [=] { return breaks_its_word; }});
  };
}

// The view stands still for a minute from the write on. Then what was missed is told at once, one
// by one, or never: the history is gone and the watches are broken, so that only the result is
// seen.
Arrangement standstill(std::uint64_t write, const std::string& of, bool tells) {
  return [=](World& world) {
    const auto view = std::make_shared<StaleView>(world, of);
    const auto catch_up = [view, tells, &world] {
      OperatorProcess* process = world.running_operator();
      if (!tells && process != nullptr) process->connection().break_streams();
      view->replica.thaw();
      if (!tells) view->replica.server().compact();
    };
    world.set_faults(
        {.on_request =
             [=, &world](const RequestSeen& request) {
               if (view->count.reaches(request, write)) {
                 view->replica.freeze();
                 world.time().after(kFrozen, catch_up);
               }
               return RequestFate{};
             },
         .reader = [view](const std::string& collection) { return view->reader(collection); }});
  };
}

// The collections of which the undisturbed run is told something within `length` of the write. A
// watch of any other may be as late as it likes: nobody knows the difference.
std::vector<std::string> news_after(const Undisturbed& undisturbed, std::uint64_t write,
                                    Duration length) {
  const MonotonicTime at = undisturbed.outcome.writes[write - 1].at;
  std::set<std::string> collections;
  for (const Told& told : undisturbed.told)
    if (told.at >= at && told.at <= at + length) collections.insert(told.collection);
  return {collections.begin(), collections.end()};
}

enum StaleKind : std::size_t { kRestart, kDelayed, kGap, kOneLate, kOneLateAfterRestart, kKinds };

Cell view_of_everything(std::uint64_t write, StaleKind kind) {
  Cell cell{.write = write, .kind = kind, .away = kFrozen};
  if (kind == kRestart) {
    cell.what = "was the last before a restart, and what follows is seen a minute late";
    cell.arrange = restart(write, write, kEverything, false);
    cell.crashes = 1;
    cell.away = kUntilFollowing;
  } else {
    cell.what = kind == kDelayed ? "and what follows is seen a minute late"
                                 : "and a minute of what follows is seen by its result only";
    cell.arrange = standstill(write, kEverything, kind == kDelayed);
  }
  return cell;
}

void add_views_of_one_collection(const Undisturbed& undisturbed, std::uint64_t write,
                                 std::vector<Cell>& cells) {
  for (const StaleKind kind : {kOneLate, kOneLateAfterRestart}) {
    const bool restarts = kind == kOneLateAfterRestart;
    const Duration away = restarts ? kUntilFollowing : kFrozen;
    const auto collections = news_after(undisturbed, write, away);
    for (std::size_t i = 0; i < collections.size(); ++i) {
      const std::string& of = collections[i];
      cells.push_back(
          {.write = write,
           .kind = kind,
           .what = (restarts ? "was the last before a restart, and what follows of "
                             : "and what follows of ") +
                   of + " is seen a minute late",
           .arrange = restarts ? restart(write, write, of, false) : standstill(write, of, true),
           .crashes = restarts ? 1U : 0U,
           .away = away,
           .part = i,
           .parts = collections.size()});
    }
  }
}

std::vector<Cell> stale_views(const Undisturbed& undisturbed) {
  std::vector<Cell> cells;
  for (std::uint64_t write = 1; write <= undisturbed.outcome.writes.size(); ++write) {
    for (const StaleKind kind : {kRestart, kDelayed, kGap})
      cells.push_back(view_of_everything(write, kind));
    add_views_of_one_collection(undisturbed, write, cells);
  }
  return cells;
}

// At a write whose turn a kind is, the collections take turns too.
bool in_turn_by_collection(const Cell& cell, std::size_t story) {
  return in_turn_at_every_second_write<kKinds>(cell, story) &&
         (cell.write / kKinds + story) % cell.parts == cell.part;
}

// ---- lists that break their word

// Since the write itself, the one before it, half of the story before it, and since the first.
std::vector<Cell> past_lists(const Undisturbed& undisturbed) {
  std::vector<Cell> cells;
  for (std::uint64_t write = 1; write <= undisturbed.outcome.writes.size(); ++write) {
    std::size_t kind = 0;
    for (const std::uint64_t from : std::set{write, write - 1, write / 2, std::uint64_t{1}}) {
      if (from == 0) continue;
      cells.push_back({.write = write,
                       .kind = kind++,
                       .what = "was the last before a restart that lists what was before write " +
                               std::to_string(from),
                       .arrange = restart(from, write, kEverything, true),
                       .crashes = 1,
                       .away = kUntilFollowing});
    }
  }
  return cells;
}

}  // namespace

const Matrix kStaleViews = {.name = "stale views",
                            .cells = stale_views,
                            .bounded = in_turn_by_collection,
                            .known = past_is_forgotten};
const Matrix kPastLists = {.name = "lists of the past",
                           .cells = past_lists,
                           .bounded = in_turn_at_every_second_write<4>,
                           .invariants_only = true};

}  // namespace spillway::sim
