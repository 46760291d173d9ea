#pragma once
// A checkpoint format: which small objects its verdict needs, the verdict, and which files commit
// it. Pure. The table of all formats is in checkpoint.cc.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/storage/checkpoint.h>

namespace spillway::storage {

// A candidate's files and what was read of them.
class Evidence {
 public:
  Evidence(const Candidate& candidate, const std::vector<ReadAnswer>& answers)
      : candidate_(candidate), answers_(answers) {}
  [[nodiscard]] const Candidate& candidate() const { return candidate_; }
  [[nodiscard]] const std::vector<ObjectInfo>& files() const { return candidate_.files; }
  // nullptr when there is no such file.
  [[nodiscard]] const ObjectInfo* file(std::string_view key) const;
  // The longest that was read of it; nullptr when it was not asked for.
  [[nodiscard]] const Result<std::string>* read(std::string_view key) const;

 private:
  const Candidate& candidate_;
  const std::vector<ReadAnswer>& answers_;
};

struct Finding {
  Validity validity = Validity::kUnknown;
  std::string reason;
  std::optional<Instant> committed_at;
};
Finding valid(std::string reason, Instant committed_at);
Finding broken(std::string reason);   // kInvalid
Finding unclear(std::string reason);  // kUnknown

struct Format {
  std::string_view name;
  std::vector<ReadRequest> (*wanted)(const Evidence& evidence);
  Finding (*judge)(const Evidence& evidence, const Expectation& expectation);
  bool (*is_marker)(std::string_view key);
};

extern const Format kManifestFormat;
extern const Format kTorchDistributedFormat;
extern const Format kOrbaxFormat;
extern const Format kDeepSpeedFormat;
extern const Format kTransformersFormat;
extern const Format kSuccessFileFormat;
extern const Format kSafetensorsFormat;
extern const Format kUnmarkedFormat;

// What several formats share.

std::string_view file_name(std::string_view key);  // behind the last '/'
std::string_view folder_of(std::string_view key);  // with the '/', "" when there is none

// The parts of the rule that hold for every file below the marker's folder: none is empty, none is
// newer than the marker.
// `exempt` names files to which the second does not apply; nullptr = none.
std::optional<Finding> damage(const Evidence& evidence, const ObjectInfo& marker,
                              bool (*exempt)(std::string_view key) = nullptr);

// kUnknown for a read that failed or was not made; nullopt when its text is there.
std::optional<Finding> unread(const Evidence& evidence, std::string_view key);

// Indices 0..n-1 without a gap: the lowest one that is missing, else nullopt.
std::optional<int> gap_in(std::vector<int> indices);

// Safetensors and its index, which Hugging Face's checkpoints contain, too.
std::vector<ReadRequest> wanted_weights(const Evidence& evidence);
struct Weights {
  std::optional<Finding> problem;
  std::size_t proven = 0;  // files whose completeness is proven
};
Weights judge_weights(const Evidence& evidence);

}  // namespace spillway::storage
