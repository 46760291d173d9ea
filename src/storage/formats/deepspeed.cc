// DeepSpeed, save_checkpoint: all ranks write into <tag>/, a barrier, then rank 0 writes the tag
// into the file `latest` beside the folder. A folder older than the one that `latest` names was
// once named itself. Which files belong to it stands nowhere, but there is one optimizer state a
// data-parallel rank.

#include <charconv>

#include <spillway/core/text.h>

#include "formats/format.h"

namespace spillway::storage {
namespace {

constexpr std::string_view kLatest = "../latest";
constexpr std::size_t kMaxTagBytes = 4096;

bool no_marker_inside(std::string_view) {
  return false;
}

std::vector<ReadRequest> wanted(const Evidence& evidence) {
  if (!evidence.candidate().beside) return {};
  return {{.key = Key(kLatest), .max_bytes = kMaxTagBytes}};
}

// "bf16_zero_pp_rank_3_mp_rank_00_optim_states.pt" -> 3
std::optional<int> optimizer_rank(std::string_view name) {
  constexpr std::string_view kRank = "zero_pp_rank_";
  const std::size_t at = name.find(kRank);
  if (at == std::string_view::npos || !name.ends_with("_optim_states.pt")) return std::nullopt;
  int rank = 0;
  const char* begin = name.data() + at + kRank.size();
  const auto [end, failed] = std::from_chars(begin, name.data() + name.size(), rank);
  if (failed != std::errc() || end == begin || rank < 0) return std::nullopt;
  return rank;
}

struct Ranks {
  std::vector<int> optimizer;
  bool model = false;
};

Ranks ranks_of(const Evidence& evidence) {
  Ranks ranks;
  for (const ObjectInfo& file : evidence.files()) {
    const std::string_view name = file_name(file.key.str());
    if (const auto rank = optimizer_rank(name)) ranks.optimizer.push_back(*rank);
    ranks.model = ranks.model || name.ends_with("model_states.pt");
  }
  return ranks;
}

Finding judge_ranks(const Evidence& evidence, const Expectation& expectation,
                    const ObjectInfo& latest) {
  const Ranks ranks = ranks_of(evidence);
  if (!ranks.model) return broken("there is no model_states.pt");
  if (const auto gap = gap_in(ranks.optimizer)) {
    return broken("the optimizer state of rank " + std::to_string(*gap) + " is missing");
  }
  if (!expectation.world_size) {
    return unclear("how many ranks saved it is not known, so a missing one would not be noticed");
  }
  const auto found = static_cast<int>(ranks.optimizer.size());
  if (found < *expectation.world_size) {
    return broken("the optimizer state of rank " + std::to_string(found) + " of " +
                  std::to_string(*expectation.world_size) + " is missing");
  }
  return valid("latest confirms it and the states of " + plural(found, "rank") + " are there",
               latest.modified_at);
}

Finding judge(const Evidence& evidence, const Expectation& expectation) {
  const auto& beside = evidence.candidate().beside;
  if (!beside) return broken("there is no file 'latest' beside it: it is not committed");
  if (auto problem = unread(evidence, kLatest)) return *std::move(problem);
  const std::string tag(trim(**evidence.read(kLatest)));
  const auto latest_step = step_of_folder(tag);
  if (!latest_step) return unclear("'latest' names '" + shorten(tag, 80) + "', which has no step");
  if (*latest_step < evidence.candidate().step) {
    return broken("'latest' still names " + tag + ": it is not committed");
  }
  ObjectInfo marker = *beside;
  marker.key = Key("latest");
  if (auto problem = damage(evidence, marker)) return *std::move(problem);
  return judge_ranks(evidence, expectation, *beside);
}

}  // namespace

const Format kDeepSpeedFormat{
    .name = "DeepSpeed", .wanted = wanted, .judge = judge, .is_marker = no_marker_inside};

}  // namespace spillway::storage
