#include "matrix.h"

#include <cstdlib>
#include <iostream>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::sim {
namespace {

bool in_full() {
  const char* extent = std::getenv("SPILLWAY_MATRIX");
  return extent != nullptr && std::string(extent) == "full";
}

std::uint64_t seed() {
  const char* wanted = std::getenv("SPILLWAY_SEED");
  return wanted == nullptr ? 1 : std::stoull(wanted);
}

// One failing cell again: the cells of one write alone.
std::optional<std::uint64_t> only_write() {
  const char* wanted = std::getenv("SPILLWAY_WRITE");
  if (wanted == nullptr) return std::nullopt;
  return std::stoull(wanted);
}

using Problems = std::vector<std::string>;

// Of a run, however it ends.
Problems broken_promises(Problems problems, const Outcome& outcome, const Cell& cell) {
  if (outcome.writes_in_quiet_hour > 0)
    problems.push_back(std::to_string(outcome.writes_in_quiet_hour) + " writes in the quiet hour");
  if (outcome.crashes != cell.crashes)
    problems.push_back("the process ended " + std::to_string(outcome.crashes) +
                       " times instead of " + std::to_string(cell.crashes));
  return problems;
}

Problems compared(const Matrix& matrix, const Cell& cell, const Scenario& story,
                  const EndState& wanted, const Outcome& outcome, Problems problems) {
  auto differs = differences_in(story, wanted, outcome.end);
  if (matrix.known != nullptr) {
    std::erase_if(differs,
                  [&](const std::string& difference) { return matrix.known(cell, difference); });
  }
  problems.insert(problems.end(), differs.begin(), differs.end());
  return problems;
}

Arrangement listening(std::vector<Told>& told) {
  return [&told](World& world) {
    world.set_faults({.on_event = [&](const std::string& collection, const WatchFrame& frame) {
      if (frame.type != "BOOKMARK")
        told.push_back({.collection = collection, .at = world.time().monotonic()});
      return EventFate{};
    }});
  };
}

// How a story may end: as it does undisturbed, or as it does when nobody could hear of it.
class Endings {
 public:
  explicit Endings(const Scenario& story) : story_(story) {
    undisturbed_.outcome = run(story, listening(undisturbed_.told), seed());
    EXPECT_THAT(undisturbed_.outcome.problems, ::testing::IsEmpty());
    if (!story.unheard) return;
    const Outcome unheard = run(as_unheard(story), {}, seed());
    EXPECT_THAT(unheard.problems, ::testing::IsEmpty());
    unheard_ = unheard.end;
  }
  [[nodiscard]] const Undisturbed& undisturbed() const { return undisturbed_; }

  // What is wrong with the run, whichever ending it is held to.
  [[nodiscard]] Problems wrong(const Matrix& matrix, const Outcome& outcome,
                               const Cell& cell) const {
    if (matrix.invariants_only) return broken_promises(outcome.broken, outcome, cell);
    const bool may_be_unheard = unheard_ && cell.away >= story_.unheard->after;
    const Problems broken = broken_promises(outcome.problems, outcome, cell);
    const Problems unheard =
        may_be_unheard ? broken_promises(outcome.problems_unheard, outcome, cell) : broken;
    const EndState& usual = undisturbed_.outcome.end;
    Problems problems = compared(matrix, cell, story_, usual, outcome, broken);
    if (problems.empty() || !may_be_unheard) return problems;
    for (const EndState* end : {&*unheard_, &usual}) {
      const Problems otherwise = compared(matrix, cell, story_, *end, outcome, unheard);
      if (otherwise.empty()) return {};
      if (end != &*unheard_) continue;
      problems.push_back("; and of the ending of which nobody heard:");
      problems.insert(problems.end(), otherwise.begin(), otherwise.end());
    }
    return problems;
  }

 private:
  const Scenario& story_;
  Undisturbed undisturbed_;
  std::optional<EndState> unheard_;
};

}  // namespace

void run_matrix(const Matrix& matrix, const Scenario& story, std::size_t number) {
  const Endings endings(story);
  if (::testing::Test::HasFailure()) return;
  const Undisturbed& undisturbed = endings.undisturbed();
  const std::vector<Cell> cells = matrix.cells(undisturbed);
  std::size_t runs = 0;
  std::size_t differing = 0;
  for (const Cell& cell : cells) {
    if (!in_full() && !matrix.bounded(cell, number)) continue;
    if (const auto only = only_write(); only && cell.write != *only) continue;
    ++runs;
    const Outcome outcome = run(story, cell.arrange, seed());
    const Problems problems = endings.wrong(matrix, outcome, cell);
    if (problems.empty()) continue;
    ++differing;
    const WriteRecord& at = undisturbed.outcome.writes[cell.write - 1];
    ADD_FAILURE() << story.name << ", seed " << seed() << ", write " << cell.write << " ("
                  << kube::to_string(at.method) << " " << at.target << ") " << cell.what << ":\n  "
                  << ::testing::PrintToString(problems);
  }
  ::testing::Test::RecordProperty("runs", static_cast<int>(runs));
  std::cout << matrix.name << ", " << story.name << ": " << runs << " of " << cells.size()
            << " runs, " << differing << " differ\n";
}

}  // namespace spillway::sim
