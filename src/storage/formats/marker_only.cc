// Formats whose marker says "complete" and nothing more: what it covers is what is there.

#include <algorithm>

#include "formats/format.h"

namespace spillway::storage {
namespace {

std::vector<ReadRequest> no_reads(const Evidence&) {
  return {};
}

Finding judge_marker(const Evidence& evidence, std::string_view marker_key) {
  const std::string marker_name(marker_key);
  const ObjectInfo* marker = evidence.file(marker_key);
  if (marker == nullptr) return broken("there is no " + marker_name + ": it is not committed");
  if (evidence.files().size() < 2) return broken("there is " + marker_name + " and nothing else");
  if (auto problem = damage(evidence, *marker)) return *std::move(problem);
  return valid(marker_name + " is there and no file is empty or newer", marker->modified_at);
}

constexpr std::string_view kSuccess = "_SUCCESS";

bool is_success(std::string_view key) {
  return key == kSuccess;
}

Finding judge_success(const Evidence& evidence, const Expectation&) {
  return judge_marker(evidence, kSuccess);
}

// Orbax commits by an atomic rename on file systems, and by commit_success.txt where there is none.
// A folder without it was copied, and Orbax itself takes it for a temporary one and deletes it.
constexpr std::string_view kCommitSuccess = "commit_success.txt";

bool is_commit_success(std::string_view key) {
  return key == kCommitSuccess;
}

Finding judge_orbax(const Evidence& evidence, const Expectation&) {
  return judge_marker(evidence, kCommitSuccess);
}

bool no_marker(std::string_view) {
  return false;
}

Finding judge_generic(const Evidence&, const Expectation&) {
  return unclear(
      "the format Unmarked has no marker that tells a complete checkpoint: write _SUCCESS or a "
      "MANIFEST.json last, or set allowUnverified");
}

}  // namespace

const Format kSuccessFileFormat{
    .name = "SuccessFile", .wanted = no_reads, .judge = judge_success, .is_marker = is_success};
const Format kOrbaxFormat{
    .name = "Orbax", .wanted = no_reads, .judge = judge_orbax, .is_marker = is_commit_success};
const Format kUnmarkedFormat{
    .name = "Unmarked", .wanted = no_reads, .judge = judge_generic, .is_marker = no_marker};

}  // namespace spillway::storage
