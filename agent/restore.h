#pragma once
// The role `restore`: an init container that brings the checkpoint which the operator named into
// the program's directory, each byte compared with the manifest, and renames it into place last.

#include "settings.h"

namespace spillway::agent {

struct Restored {
  storage::TrainingStep step;
  Bytes bytes;
  std::vector<std::string> entries;  // what is new in the directory
};

// Nothing to restore is success. The directory is made where it is missing; what an earlier try
// left is removed first. With as many writers as then, a pod gets its own part; a checkpoint of a
// single writer goes to every pod; else every pod gets all parts.
Task<Result<Restored>> restore(const Runtime& runtime, storage::ObjectStore& store,
                               RestoreSettings settings);

}  // namespace spillway::agent
