#include "formats/format.h"

#include <algorithm>

namespace spillway::storage {

const ObjectInfo* Evidence::file(std::string_view key) const {
  const auto& files = candidate_.files;
  const auto found = std::lower_bound(
      files.begin(), files.end(), key,
      [](const ObjectInfo& info, std::string_view wanted) { return info.key.str() < wanted; });
  return found != files.end() && found->key.str() == key ? &*found : nullptr;
}

const Result<std::string>* Evidence::read(std::string_view key) const {
  const Result<std::string>* best = nullptr;
  for (const ReadAnswer& answer : answers_) {
    if (answer.request.key.str() != key) continue;
    const bool longer = best == nullptr || !answer.bytes.has_value() ||
                        (best->has_value() && answer.bytes->size() > (*best)->size());
    if (longer) best = &answer.bytes;
  }
  return best;
}

Finding valid(std::string reason, Instant committed_at) {
  return {.validity = Validity::kValid, .reason = std::move(reason), .committed_at = committed_at};
}
Finding broken(std::string reason) {
  return {.validity = Validity::kInvalid, .reason = std::move(reason)};
}
Finding unclear(std::string reason) {
  return {.validity = Validity::kUnknown, .reason = std::move(reason)};
}

std::string_view file_name(std::string_view key) {
  return key.substr(key.rfind('/') + 1);  // npos + 1 = 0
}

std::string_view folder_of(std::string_view key) {
  return key.substr(0, key.rfind('/') + 1);
}

std::optional<Finding> damage(const Evidence& evidence, const ObjectInfo& marker,
                              bool (*exempt)(std::string_view key)) {
  const std::string_view folder = folder_of(marker.key.str());
  for (const ObjectInfo& file : evidence.files()) {
    if (file.key == marker.key || !file.key.str().starts_with(folder)) continue;
    if (file.size.value() == 0) return broken("the file " + file.key.str() + " is empty");
    if (exempt != nullptr && exempt(file.key.str())) continue;
    if (file.modified_at > marker.modified_at) {
      return broken("the file " + file.key.str() + " was written after the marker " +
                    marker.key.str());
    }
  }
  return std::nullopt;
}

std::optional<Finding> unread(const Evidence& evidence, std::string_view key) {
  const Result<std::string>* answer = evidence.read(key);
  if (answer == nullptr) return unclear(std::string(key) + " was not read");
  if (answer->has_value()) return std::nullopt;
  const Error& error = answer->error();
  // Listed a moment ago and gone now: somebody removes it.
  if (error.code == ErrorCode::kNotFound) return broken(std::string(key) + " is gone");
  return unclear(std::string(key) + " could not be read: " + error.message);
}

std::optional<int> gap_in(std::vector<int> indices) {
  std::sort(indices.begin(), indices.end());
  indices.erase(std::unique(indices.begin(), indices.end()), indices.end());
  int expected = 0;
  for (const int index : indices) {
    if (index != expected) return expected;
    ++expected;
  }
  return std::nullopt;
}

}  // namespace spillway::storage
