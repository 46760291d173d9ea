#pragma once
// The role `restore`: an init container that brings the checkpoint which the operator named into
// the program's directory, each byte compared with the manifest, and renames it into place last.

#include "settings.h"

namespace spillway::agent {

struct Restored {
  storage::TrainingStep step;
  Bytes bytes;
  std::vector<std::string> entries;  // what is new in the directory
  bool anything = false;             // false: the job begins at its beginning
};

struct RestoreTimes {
  // A replica that retries alone looks into the store itself, again and again until it is told.
  Duration look_again = std::chrono::seconds(1);
  Duration look_again_longest = std::chrono::seconds(30);
  // For so long it waits for the verdict on something newer than what is proven.
  Duration patience = std::chrono::minutes(2);
};

// Nothing to restore is success. The directory is made where it is missing; what an earlier try
// left is removed first. With as many writers as then, a pod gets its own part; a checkpoint of a
// single writer goes to every pod; else every pod gets all parts.
//
// A replica that retries alone gets the newest checkpoint of its own that is valid by the rules of
// `storage`. An error of the store is no answer: it is asked until it has one, and nothing begins
// at zero because of it. resume_file.h says afterwards what that was.
Task<Result<Restored>> restore(const Runtime& runtime, storage::ObjectStore& store,
                               RestoreSettings settings, RestoreTimes times = {});

}  // namespace spillway::agent
