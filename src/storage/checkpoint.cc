#include <spillway/storage/checkpoint.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include <spillway/core/check.h>
#include <spillway/core/text.h>

#include "formats/format.h"

namespace spillway::storage {
namespace {

constexpr std::array<const Format*, 8> kFormats{
    &kManifestFormat,     &kTorchDistributedFormat, &kOrbaxFormat,       &kDeepSpeedFormat,
    &kTransformersFormat, &kSuccessFileFormat,      &kSafetensorsFormat, &kUnmarkedFormat};

const Format& format_of(CheckpointFormat format) {
  const auto index = static_cast<std::size_t>(format);
  SPILLWAY_CHECK(index < kFormats.size());
  return *kFormats.at(index);
}

// Where a key belongs: the first folder below the attempt whose name says a step.
struct Place {
  AttemptNumber attempt;
  RetryNumber retry;
  TrainingStep step;
  std::size_t folder_length = 0;  // of the key, up to and with the '/'
};

std::optional<Place> place_of(std::string_view key, std::size_t prefix_length) {
  Place place;
  std::size_t begin = prefix_length;
  bool first = true;
  bool may_be_retry = false;  // right below the attempt
  for (std::size_t end = key.find('/', begin); end != std::string_view::npos;
       end = key.find('/', begin)) {
    const std::string_view name = key.substr(begin, end - begin);
    const auto attempt = first ? parse_attempt_folder(name) : std::nullopt;
    const auto retry = may_be_retry ? parse_retry_folder(name) : std::nullopt;
    if (attempt) place.attempt = *attempt;
    if (retry) place.retry = *retry;
    may_be_retry = attempt.has_value();
    if (const auto step = attempt ? std::nullopt : step_of_folder(name)) {
      place.step = *step;
      place.folder_length = end + 1;
      return place;
    }
    first = false;
    begin = end + 1;
  }
  return std::nullopt;
}

std::string parent_of(std::string_view folder) {
  folder.remove_suffix(1);
  return std::string(folder_of(folder));
}

}  // namespace

std::string_view to_string(CheckpointFormat format) {
  return format_of(format).name;
}

Result<CheckpointFormat> parse_checkpoint_format(std::string_view text) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kFormats.size(); ++i) {
    if (kFormats.at(i)->name == text) return static_cast<CheckpointFormat>(i);
    names.emplace_back(kFormats.at(i)->name);
  }
  return invalid("'" + shorten(text, 40) + "' is not a checkpoint format: write one of " +
                 join(names, ", "));
}

std::string_view to_string(Validity validity) {
  switch (validity) {
    case Validity::kValid: return "Valid";
    case Validity::kInvalid: return "Invalid";
    case Validity::kUnknown: return "Unknown";
  }
  return "Unknown";
}

bool newer_than(const Candidate& a, const Candidate& b) {
  return std::tuple(a.attempt, a.retry, a.step, b.folder) >
         std::tuple(b.attempt, b.retry, b.step, a.folder);
}

std::vector<Candidate> find_candidates(const Key& prefix, const std::vector<ObjectInfo>& listing) {
  std::map<std::string, Candidate> folders;
  std::map<std::string, ObjectInfo> latest;  // DeepSpeed's, by the folder that it lies in
  for (const ObjectInfo& object : listing) {
    const std::string& key = object.key.str();
    if (!key.starts_with(prefix.str())) continue;
    if (file_name(key) == "latest") latest.emplace(folder_of(key), object);
    const auto place = place_of(key, prefix.str().size());
    if (!place || place->folder_length == key.size()) continue;  // a folder's own placeholder
    const std::string folder = key.substr(0, place->folder_length);
    const auto at = folders.try_emplace(folder, Candidate{.folder = Key(folder),
                                                          .attempt = place->attempt,
                                                          .retry = place->retry,
                                                          .step = place->step});
    ObjectInfo file = object;
    file.key = Key(key.substr(place->folder_length));
    at.first->second.files.push_back(std::move(file));
  }
  std::vector<Candidate> candidates;
  const auto by_key = [](const ObjectInfo& a, const ObjectInfo& b) { return a.key < b.key; };
  for (auto& [folder, candidate] : folders) {
    std::sort(candidate.files.begin(), candidate.files.end(), by_key);
    const auto beside = latest.find(parent_of(folder));
    if (beside != latest.end()) candidate.beside = beside->second;
    candidates.push_back(std::move(candidate));
  }
  std::sort(candidates.begin(), candidates.end(), newer_than);
  return candidates;
}

std::vector<ReadRequest> wanted_reads(CheckpointFormat format, const Candidate& candidate,
                                      const std::vector<ReadAnswer>& answers) {
  const Evidence evidence(candidate, answers);
  std::vector<ReadRequest> wanted = format_of(format).wanted(evidence);
  const auto answered = [&](const ReadRequest& read) {
    return std::any_of(answers.begin(), answers.end(), [&](const ReadAnswer& answer) {
      return answer.request.key == read.key && answer.request.max_bytes >= read.max_bytes;
    });
  };
  std::erase_if(wanted, answered);
  return wanted;
}

Judgement judge(CheckpointFormat format, const Candidate& candidate,
                const std::vector<ReadAnswer>& answers, const Expectation& expectation) {
  Finding finding = format_of(format).judge(Evidence(candidate, answers), expectation);
  Judgement judgement{.validity = finding.validity,
                      .reason = std::move(finding.reason),
                      .step = candidate.step,
                      .attempt = candidate.attempt,
                      .retry = candidate.retry,
                      .files = static_cast<std::int64_t>(candidate.files.size()),
                      .committed_at = finding.committed_at};
  for (const ObjectInfo& file : candidate.files)
    judgement.bytes += file.size;
  return judgement;
}

std::vector<Key> removal_order(CheckpointFormat format, const Candidate& candidate) {
  std::vector<Key> keys;
  const auto add = [&](bool markers) {
    for (const ObjectInfo& file : candidate.files) {
      if (format_of(format).is_marker(file.key.str()) != markers) continue;
      keys.emplace_back(candidate.folder.str() + file.key.str());
    }
  };
  add(true);
  add(false);
  return keys;
}

}  // namespace spillway::storage
