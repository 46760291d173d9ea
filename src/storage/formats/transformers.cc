// Hugging Face Trainer: weights, optimizer, scheduler and random states, then trainer_state.json.
// The random states of the other ranks are not waited for, so they may be newer than it.

#include <array>

#include <nlohmann/json.hpp>

#include "formats/format.h"

namespace spillway::storage {
namespace {

constexpr std::string_view kMarker = "trainer_state.json";
constexpr std::size_t kMaxMarkerBytes = std::size_t{16} << 20;  // it carries the history of logs

bool is_marker(std::string_view key) {
  return key == kMarker;
}

bool of_another_rank(std::string_view key) {
  return file_name(key).starts_with("rng_state");
}

std::vector<ReadRequest> wanted(const Evidence& evidence) {
  std::vector<ReadRequest> reads = wanted_weights(evidence);
  const ObjectInfo* marker = evidence.file(kMarker);
  if (marker != nullptr && static_cast<std::size_t>(marker->size.value()) <= kMaxMarkerBytes) {
    reads.push_back(
        {.key = marker->key, .max_bytes = static_cast<std::size_t>(marker->size.value())});
  }
  return reads;
}

bool has_weights(const Evidence& evidence) {
  constexpr std::array<std::string_view, 6> kEndings{".safetensors", ".bin", ".pt",
                                                     ".distcp",      ".pth", "model_states.pt"};
  for (const ObjectInfo& file : evidence.files()) {
    const std::string_view name = file_name(file.key.str());
    const bool side_file = name.starts_with("rng_state") || name.starts_with("scheduler") ||
                           name.starts_with("optimizer") || name.starts_with("training_args");
    for (const std::string_view ending : kEndings) {
      if (!side_file && name.ends_with(ending)) return true;
    }
  }
  return false;
}

Finding judge(const Evidence& evidence, const Expectation&) {
  const ObjectInfo* marker = evidence.file(kMarker);
  if (marker == nullptr) return broken("there is no trainer_state.json: it is not committed");
  if (static_cast<std::size_t>(marker->size.value()) > kMaxMarkerBytes) {
    return unclear("trainer_state.json is longer than 16 MiB");
  }
  if (auto problem = unread(evidence, kMarker)) return *std::move(problem);
  const auto state = nlohmann::json::parse(**evidence.read(kMarker), nullptr, false);
  if (!state.is_object()) return broken("trainer_state.json is cut off");
  const auto step = state.find("global_step");
  if (step == state.end() || !step->is_number_integer()) {
    return unclear("trainer_state.json has no global_step");
  }
  if (step->get<std::int64_t>() != evidence.candidate().step.value()) {
    return broken("trainer_state.json is of step " + step->dump());
  }
  if (!has_weights(evidence)) return broken("there are no weights");
  if (auto problem = damage(evidence, *marker, of_another_rank)) return *std::move(problem);
  Weights weights = judge_weights(evidence);
  if (weights.problem) return *std::move(weights.problem);
  return valid("trainer_state.json is there, no file is empty or newer, and " +
                   std::to_string(weights.proven) + " weight files have the length they record",
               marker->modified_at);
}

}  // namespace

const Format kTransformersFormat{
    .name = "Transformers", .wanted = wanted, .judge = judge, .is_marker = is_marker};

}  // namespace spillway::storage
