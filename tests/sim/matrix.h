#pragma once
// A matrix runs each story once for every cell: one disturbance at one write. Every run has to end
// as the undisturbed one does (the differential oracle of Sieve, OSDI'22).
//
// There are thousands of cells. A bounded part of them runs by default, always the same one; all of
// them with SPILLWAY_MATRIX=full (`make crash-matrix`). SPILLWAY_SEED runs the stories with another
// seed.

#include <string>
#include <vector>

#include "scenarios.h"

namespace spillway::sim {

struct Cell {
  std::uint64_t write = 0;  // which write of the undisturbed run it is about, from 1
  std::size_t kind = 0;     // which disturbance, of those that the matrix has
  std::string what;         // goes on "write 3 (PATCH ...) "
  Arrangement arrange;
  std::uint64_t crashes = 0;  // how often the operator's process ends in it
  Duration away{};            // how long the operator may be unable to act because of it
  // Of several of the same kind at this write: which one of how many.
  std::size_t part = 0;
  std::size_t parts = 1;
};

// How long API servers are away.
inline constexpr Duration kMinutesOfAnOutage = std::chrono::minutes(3);

// Something that the operator was told by a watch.
struct Told {
  std::string collection;  // as in "jobs.batch"
  MonotonicTime at{};
};
struct Undisturbed {
  Outcome outcome;
  std::vector<Told> told;  // in order, without bookmarks
};

// What a matrix is made of: its disturbances at each write.
struct Matrix {
  std::string name;
  std::vector<Cell> (*cells)(const Undisturbed& undisturbed);
  // Which of the cells are run when not all are; `story` counts from 0.
  bool (*bounded)(const Cell& cell, std::size_t story);
  // What may differ in the end, and why is said beside it.
  bool (*known)(const Cell& cell, const std::string& difference) = nullptr;
  // What happens is more than was promised to the operator. It may decide otherwise and end
  // otherwise; it breaks no promise of its own.
  bool invariants_only = false;
};

// The operator's process ends at the write: before it is sent, when it has been, after its answer.
extern const Matrix kCrashes;
// The write is lost, refused, answered with an error, or answered late.
extern const Matrix kWriteFaults;
// Caches that are fed from the past: after a restart or without one, of everything or of one kind,
// late (delays), and with what happened in between never told (gaps).
extern const Matrix kStaleViews;
// Caches that begin in the past after a restart (time travel). No API server gives such a list to
// one who names no version.
extern const Matrix kPastLists;
// From the write on, API server or market do not answer for a while, or forget.
extern const Matrix kOutages;

// Runs a story's part of a matrix; a failure names story, write and seed.
void run_matrix(const Matrix& matrix, const Scenario& story, std::size_t number);

}  // namespace spillway::sim
