#pragma once
// Where checkpoints are kept: a directory, or (mode Native) an object store. Each rank has its own
// Shelf and puts its own shard on it. Blocking; one thread.

#include <memory>
#include <string>
#include <vector>

#include <spillway/core/ids.h>
#include <spillway/core/result.h>

#include "shard.h"

namespace spillway::trainer {

class Shelf {
 public:
  virtual ~Shelf() = default;
  // Steps of which this rank can read its shard, ascending. An error when that cannot be known.
  virtual Result<std::vector<Step>> steps() = 0;
  virtual Result<std::string> read(Step step) = 0;
  // The shard is safe when this returns; it does not count before commit().
  virtual Result<void> write(Step step, std::string bytes) = 0;
  // Called by every rank after all ranks have returned from write().
  virtual Result<void> commit(Step step) = 0;
};

// <directory>/step-000000001200/, which appears whole: written under another name, synchronised and
// renamed. In it are the shard and, for who looks for a marker, _SUCCESS. The newest `keep` stay.
std::unique_ptr<Shelf> make_directory_shelf(std::string directory, Place place, int keep);

}  // namespace spillway::trainer
