// torch.distributed.checkpoint, FileSystemWriter: every rank writes __<rank>_<i>.distcp, then the
// coordinator gathers what was written, writes .metadata.tmp and renames it to .metadata. That is a
// pickle: it is not unpickled here (a pickle is a program), but the file names in it stand there as
// plain text, so each of them can be looked for.

#include <algorithm>
#include <set>

#include <spillway/core/text.h>

#include "formats/format.h"

namespace spillway::storage {
namespace {

constexpr std::string_view kMarker = ".metadata";
constexpr std::string_view kEnding = ".distcp";
constexpr std::size_t kMaxMarkerBytes = std::size_t{64} << 20;

bool is_marker(std::string_view key) {
  return file_name(key) == kMarker;
}

bool is_data(std::string_view key) {
  return key.ends_with(kEnding);
}

std::vector<const ObjectInfo*> markers_of(const Evidence& evidence) {
  std::vector<const ObjectInfo*> markers;
  for (const ObjectInfo& file : evidence.files()) {
    if (is_marker(file.key.str())) markers.push_back(&file);
  }
  return markers;
}

std::vector<ReadRequest> wanted(const Evidence& evidence) {
  std::vector<ReadRequest> reads;
  for (const ObjectInfo* marker : markers_of(evidence)) {
    const auto size = static_cast<std::size_t>(std::max<std::int64_t>(marker->size.value(), 0));
    if (size <= kMaxMarkerBytes) reads.push_back({.key = marker->key, .max_bytes = size});
  }
  return reads;
}

bool digit_or_underscore(char c) {
  return c == '_' || (c >= '0' && c <= '9');
}

// Every "__<digits>_<digits>.distcp" in the text.
std::set<std::string, std::less<>> names_in(std::string_view pickle) {
  std::set<std::string, std::less<>> names;
  for (std::size_t at = pickle.find(kEnding); at != std::string_view::npos;
       at = pickle.find(kEnding, at + 1)) {
    std::size_t begin = at;
    while (begin > 0 && digit_or_underscore(pickle[begin - 1]))
      --begin;
    // A length byte of the pickle in front of the name may look like one of its characters.
    const std::size_t start = pickle.substr(begin, at - begin).find("__");
    if (start == std::string_view::npos) continue;
    begin += start;
    names.emplace(pickle.substr(begin, at + kEnding.size() - begin));
  }
  return names;
}

std::optional<Finding> missing_file(const Evidence& evidence, std::string_view folder,
                                    const std::set<std::string, std::less<>>& names) {
  for (const std::string& name : names) {
    const std::string key = std::string(folder) + name;
    if (evidence.file(key) == nullptr) {
      return broken("the file " + key + " is missing, and .metadata names it");
    }
  }
  return std::nullopt;
}

// A folder with data and without a marker: its save was not finished.
std::optional<Finding> uncommitted(const Evidence& evidence) {
  for (const ObjectInfo& file : evidence.files()) {
    if (!is_data(file.key.str())) continue;
    const std::string marker = std::string(folder_of(file.key.str())) + std::string(kMarker);
    if (evidence.file(marker) == nullptr) return broken(marker + " is not there: not committed");
  }
  return std::nullopt;
}

Finding judge(const Evidence& evidence, const Expectation&) {
  const auto markers = markers_of(evidence);
  if (markers.empty()) return broken("there is no .metadata: it is not committed");
  if (auto problem = uncommitted(evidence)) return *std::move(problem);
  Instant committed_at{};
  std::size_t files = 0;
  for (const ObjectInfo* marker : markers) {
    const std::string& key = marker->key.str();
    if (marker->size.value() == 0) return broken(key + " is empty");
    if (static_cast<std::size_t>(marker->size.value()) > kMaxMarkerBytes) {
      return unclear(key + " is longer than 64 MiB: write a MANIFEST.json");
    }
    if (auto problem = unread(evidence, key)) return *std::move(problem);
    const auto names = names_in(**evidence.read(key));
    if (names.empty()) return unclear(key + " names no .distcp file");
    if (auto problem = missing_file(evidence, folder_of(key), names)) return *std::move(problem);
    if (auto problem = damage(evidence, *marker, is_marker)) return *std::move(problem);
    committed_at = std::max(committed_at, marker->modified_at);
    files += names.size();
  }
  return valid(
      ".metadata names " + plural(static_cast<std::int64_t>(files), "file") + ", and all are there",
      committed_at);
}

}  // namespace

const Format kTorchDistributedFormat{
    .name = "TorchDistributed", .wanted = wanted, .judge = judge, .is_marker = is_marker};

}  // namespace spillway::storage
