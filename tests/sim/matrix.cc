#include "matrix.h"

#include <cstdlib>
#include <iostream>

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

std::vector<std::string> problems_of(const Matrix& matrix, const Outcome& undisturbed,
                                     const Outcome& outcome, const Cell& cell) {
  std::vector<std::string> problems = outcome.problems;
  auto differs = differences(undisturbed.end, outcome.end);
  if (matrix.known != nullptr) std::erase_if(differs, matrix.known);
  problems.insert(problems.end(), differs.begin(), differs.end());
  if (outcome.writes_in_quiet_hour > 0)
    problems.push_back(std::to_string(outcome.writes_in_quiet_hour) + " writes in the quiet hour");
  if (outcome.crashes != cell.crashes)
    problems.push_back("the process ended " + std::to_string(outcome.crashes) +
                       " times instead of " + std::to_string(cell.crashes));
  return problems;
}

}  // namespace

void run_matrix(const Matrix& matrix, const Scenario& story, std::size_t number) {
  const Outcome undisturbed = run(story, {}, seed());
  ASSERT_THAT(undisturbed.problems, ::testing::IsEmpty());
  const std::vector<Cell> cells = matrix.cells(undisturbed.writes.size());
  std::size_t runs = 0;
  std::size_t differing = 0;
  for (const Cell& cell : cells) {
    if (cell.for_lone_workloads && story.competes) continue;
    if (cell.takes_minutes && story.hurried) continue;
    if (!in_full() && !matrix.bounded(cell, number)) continue;
    ++runs;
    const Outcome outcome = run(story, cell.arrange, seed());
    const auto problems = problems_of(matrix, undisturbed, outcome, cell);
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
