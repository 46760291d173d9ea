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
  std::size_t seen_from = 0;  // for views of the past: the write at which they froze
  // It lists what was, which Kubernetes promises never to do. Where workloads or shares compete
  // such a run is held to the story's expectations and to every invariant, not to the same end.
  bool decides_anew = false;
};

// How long API servers are away.
inline constexpr Duration kMinutesOfAnOutage = std::chrono::minutes(3);

// What a matrix is made of: its disturbances at each write.
struct Matrix {
  std::string name;
  std::vector<Cell> (*cells)(std::uint64_t writes);
  // Which of the cells are run when not all are; `story` counts from 0.
  bool (*bounded)(const Cell& cell, std::size_t story);
  // What may differ in the end, and why is said beside it.
  bool (*known)(const Cell& cell, const std::string& difference) = nullptr;
};

// The operator's process ends at the write: before it is sent, when it has been, after its answer.
extern const Matrix kCrashes;
// The write is lost, refused, answered with an error, or answered late.
extern const Matrix kWriteFaults;
// Caches that are fed from the past: after a restart (time travel), late (delays), and with what
// happened in between never told (gaps).
extern const Matrix kStaleViews;
// From the write on, API server or market do not answer for a while, or forget.
extern const Matrix kOutages;

// Runs a story's part of a matrix; a failure names story, write and seed.
void run_matrix(const Matrix& matrix, const Scenario& story, std::size_t number);

}  // namespace spillway::sim
