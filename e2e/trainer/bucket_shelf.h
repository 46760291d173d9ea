#pragma once
// Mode Native: the program writes to the object store itself, below the prefix of its attempt:
//   <SPILLWAY_CHECKPOINT_URI>checkpoint-1200/model-00001-of-00002.safetensors
//   <SPILLWAY_CHECKPOINT_URI>checkpoint-1200/_SUCCESS      last, by rank 0
// It resumes from SPILLWAY_RESUME_FROM and from nothing else.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <spillway/storage/s3.h>

#include "shelf.h"

namespace spillway::trainer {

struct BucketSettings {
  storage::S3Config store;
  std::string credentials;  // "environment", or a folder (agent_protocol.h)
  std::string ca_bundle;    // PEM; empty = the system's
  storage::S3Uri attempt;   // where this attempt's checkpoints go
  std::optional<storage::S3Uri> resume_from;
  Step resume_step;
};

using Variables = std::function<std::string(std::string_view name)>;  // "" = not set
// kInvalidArgument names the variable that is missing or wrong.
Result<BucketSettings> bucket_settings(const Variables& variable);

Result<std::unique_ptr<Shelf>> make_bucket_shelf(BucketSettings settings, Place place);

}  // namespace spillway::trainer
