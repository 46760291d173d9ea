#pragma once
// `kubectl spillway explain KIND/NAME`: what is recorded of an object, and what the plan would do
// with it now, as text and as a document.

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/api/codec.h>
#include <spillway/core/result.h>

#include "prospect.h"

namespace spillway::cli {

enum class TargetKind { kTrainingJob, kInferencePool, kCapacityPool };
struct Target {
  TargetKind kind = TargetKind::kTrainingJob;
  ObjectName name;
};

// "tj/llama", "trainingjob/llama", "trainingjobs.spillway.dev/llama", or kind and name as two
// words, in any case. kInvalidArgument says what to write.
Result<Target> parse_target(const std::vector<std::string>& words);
std::string_view kind_name(TargetKind kind);

// What the plan says now; absent when the cluster may not be read as a whole.
struct Now {
  Outlook outlook;
  std::vector<Choice> alternatives;  // of the workload, if it had no place
};

struct Explanation {
  std::string text;
  nlohmann::ordered_json document;
};

Explanation explain(const api::TrainingJob& job, const std::optional<Now>& now);
Explanation explain(const api::InferencePool& pool, const std::optional<Now>& now);
Explanation explain(const api::CapacityPool& pool, const std::optional<Now>& now);

}  // namespace spillway::cli
