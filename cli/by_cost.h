#pragma once

namespace spillway::cli {

// The dearer first; of equal ones that which stands first in its vector.
template <class Row>
bool dearer(Row* a, Row* b) {
  return a->cost != b->cost ? a->cost > b->cost : a < b;
}

}  // namespace spillway::cli
