#pragma once
// What the matrices' disturbances are made of.

#include <functional>
#include <memory>

#include "matrix.h"

namespace spillway::sim {

// Counts the writes that are not Events', over all lives of the operator.
class WriteCount {
 public:
  // True when this request is the `wanted`-th of them.
  bool reaches(const RequestSeen& request, std::uint64_t wanted) {
    return request.write > 0 && request.request.target.find("/events") == std::string::npos &&
           ++seen_ == wanted;
  }

 private:
  std::uint64_t seen_ = 0;
};

// What is run of the cells when not all are: the kinds take turns, from write to write and from
// story to story.
template <std::size_t kinds>
bool in_turn(const Cell& cell, std::size_t story) {
  return (cell.write + story) % kinds == cell.kind;
}
template <std::size_t kinds>
bool in_turn_at_every_second_write(const Cell& cell, std::size_t story) {
  return (cell.write + story) % 2 == 0 && ((cell.write + story) / 2) % kinds == cell.kind;
}

// What may differ after a time in which nobody looked.
bool past_is_forgotten(const Cell& cell, const std::string& difference);

}  // namespace spillway::sim
