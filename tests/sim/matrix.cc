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

// How a story may end: as it does undisturbed, or as it does when nobody could hear of it.
class Endings {
 public:
  explicit Endings(const Scenario& story) : story_(story), undisturbed_(run(story, {}, seed())) {
    EXPECT_THAT(undisturbed_.problems, ::testing::IsEmpty());
    if (!story.unheard) return;
    const Outcome unheard = run(as_unheard(story), {}, seed());
    EXPECT_THAT(unheard.problems, ::testing::IsEmpty());
    unheard_ = unheard.end;
  }
  [[nodiscard]] const Outcome& undisturbed() const { return undisturbed_; }

  // What is wrong with the run, whichever ending it is held to.
  [[nodiscard]] Problems wrong(const Matrix& matrix, const Outcome& outcome,
                               const Cell& cell) const {
    const bool may_be_unheard = unheard_ && cell.away >= story_.unheard->after;
    const Problems broken = broken_promises(outcome.problems, outcome, cell);
    const Problems unheard =
        may_be_unheard ? broken_promises(outcome.problems_unheard, outcome, cell) : broken;
    if (cell.decides_anew && story_.competes) return broken.empty() ? broken : unheard;
    Problems problems = compared(matrix, cell, story_, undisturbed_.end, outcome, broken);
    if (problems.empty() || !may_be_unheard) return problems;
    for (const EndState* end : {&undisturbed_.end, &*unheard_}) {
      if (compared(matrix, cell, story_, *end, outcome, unheard).empty()) return {};
    }
    return problems;
  }

 private:
  const Scenario& story_;
  Outcome undisturbed_;
  std::optional<EndState> unheard_;
};

}  // namespace

void run_matrix(const Matrix& matrix, const Scenario& story, std::size_t number) {
  const Endings endings(story);
  if (::testing::Test::HasFailure()) return;
  const Outcome& undisturbed = endings.undisturbed();
  const std::vector<Cell> cells = matrix.cells(undisturbed.writes.size());
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
    const WriteRecord& at = undisturbed.writes[cell.write - 1];
    ADD_FAILURE() << story.name << ", seed " << seed() << ", write " << cell.write << " ("
                  << kube::to_string(at.method) << " " << at.target << ") " << cell.what << ":\n  "
                  << ::testing::PrintToString(problems);
  }
  ::testing::Test::RecordProperty("runs", static_cast<int>(runs));
  std::cout << matrix.name << ", " << story.name << ": " << runs << " of " << cells.size()
            << " runs, " << differing << " differ\n";
}

}  // namespace spillway::sim
