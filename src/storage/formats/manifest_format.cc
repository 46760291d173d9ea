#include <algorithm>
#include <set>

#include <spillway/core/text.h>
#include <spillway/storage/manifest.h>

#include "formats/format.h"

namespace spillway::storage {
namespace {

std::vector<const ObjectInfo*> manifests_of(const Evidence& evidence) {
  std::vector<const ObjectInfo*> found;
  for (const ObjectInfo& file : evidence.files()) {
    if (parse_manifest_name(file.key.str())) found.push_back(&file);
  }
  return found;
}

bool is_marker(std::string_view key) {
  return parse_manifest_name(key).has_value();
}

std::vector<ReadRequest> wanted(const Evidence& evidence) {
  std::vector<ReadRequest> reads;
  for (const ObjectInfo* file : manifests_of(evidence)) {
    const auto size = static_cast<std::size_t>(std::max<std::int64_t>(file->size.value(), 0));
    reads.push_back({.key = file->key, .max_bytes = std::min(size, kMaxManifestBytes)});
  }
  return reads;
}

// Which writers have committed, and whether that is all of them.
std::optional<Finding> missing_writer(const std::vector<const ObjectInfo*>& manifests) {
  if (manifests.empty()) return broken("there is no MANIFEST.json: it is not committed");
  std::vector<int> indices;
  std::set<int> world_sizes;
  for (const ObjectInfo* file : manifests) {
    const Rank rank = parse_manifest_name(file->key.str()).value_or(Rank{});
    indices.push_back(rank.index);
    world_sizes.insert(rank.world_size);
  }
  if (world_sizes.size() > 1) {
    return unclear("it has manifests of different numbers of writers");
  }
  const int world_size = *world_sizes.begin();
  const auto gap = gap_in(indices);
  const int missing = gap.value_or(static_cast<int>(indices.size()));
  if (missing >= world_size) return std::nullopt;
  return broken("rank " + std::to_string(missing) + " of " + std::to_string(world_size) +
                " has not committed");
}

std::optional<Finding> stranger(const Manifest& manifest, const ObjectInfo& file,
                                const Candidate& candidate, const Expectation& expectation) {
  const std::string name = file.key.str();
  if (expectation.uid && manifest.uid != *expectation.uid) {
    return broken(name + " belongs to another job of this name (uid " + manifest.uid.str() + ")");
  }
  if (expectation.job && manifest.job != *expectation.job) {
    return broken(name + " belongs to the job " + manifest.job.to_string());
  }
  if (manifest.step != candidate.step) {
    return broken(name + " is of step " + std::to_string(manifest.step.value()));
  }
  if (candidate.attempt.value() != 0 && manifest.attempt != candidate.attempt) {
    return broken(name + " was written by attempt " + std::to_string(manifest.attempt.value()));
  }
  if (manifest.rank != parse_manifest_name(name).value_or(Rank{})) {
    return broken(name + " names another rank inside");
  }
  return std::nullopt;
}

std::optional<Finding> incomplete(const Manifest& manifest, const ObjectInfo& marker,
                                  const Evidence& evidence) {
  for (const ManifestPart& part : manifest.parts) {
    const ObjectInfo* file = evidence.file(part.key.str());
    if (file == nullptr) return broken("the file " + part.key.str() + " is missing");
    if (file->size != part.size) {
      return broken("the file " + part.key.str() + " has " + std::to_string(file->size.value()) +
                    " bytes, the manifest says " + std::to_string(part.size.value()));
    }
    if (file->modified_at > marker.modified_at) {
      return broken("the file " + part.key.str() + " was written after the manifest");
    }
  }
  return std::nullopt;
}

Finding judge(const Evidence& evidence, const Expectation& expectation) {
  const auto manifests = manifests_of(evidence);
  if (auto problem = missing_writer(manifests)) return *std::move(problem);
  Instant committed_at{};
  std::size_t parts = 0;
  for (const ObjectInfo* file : manifests) {
    const std::string& name = file->key.str();
    if (auto problem = unread(evidence, name)) return *std::move(problem);
    const auto manifest = parse_manifest(**evidence.read(name));
    if (!manifest) return broken(name + ": " + manifest.error().message);
    if (auto problem = stranger(*manifest, *file, evidence.candidate(), expectation)) {
      return *std::move(problem);
    }
    if (auto problem = incomplete(*manifest, *file, evidence)) return *std::move(problem);
    committed_at = std::max(committed_at, file->modified_at);
    parts += manifest->parts.size();
  }
  return valid("the manifest names " + plural(static_cast<std::int64_t>(parts), "file") +
                   ", and all are there with their sizes",
               committed_at);
}

}  // namespace

const Format kManifestFormat{
    .name = "Manifest", .wanted = wanted, .judge = judge, .is_marker = is_marker};

}  // namespace spillway::storage
