// safetensors: eight bytes, little-endian, with the length of a JSON header, the header, the data.
// The header says where each tensor ends, so a file that was cut off is seen from its head alone.
// Sharded weights have names that count ("-00001-of-00003") and an index that names every file;
// Hugging Face's libraries write it after them.

#include <algorithm>
#include <charconv>
#include <set>

#include <spillway/core/text.h>
#include <nlohmann/json.hpp>

#include "formats/format.h"

namespace spillway::storage {
namespace {

using nlohmann::json;

constexpr std::string_view kEnding = ".safetensors";
constexpr std::string_view kIndexEnding = ".safetensors.index.json";
constexpr std::size_t kFirstRead = std::size_t{64} << 10;
constexpr std::uint64_t kMaxHeaderBytes = std::uint64_t{32} << 20;
constexpr std::size_t kMaxIndexBytes = std::size_t{32} << 20;

bool is_weights(std::string_view key) {
  return key.ends_with(kEnding);
}
bool is_index(std::string_view key) {
  return key.ends_with(kIndexEnding);
}

std::uint64_t header_length(std::string_view head) {
  std::uint64_t length = 0;
  for (std::size_t i = 8; i-- > 0;)
    length = (length << 8) | static_cast<unsigned char>(head[i]);
  return length;
}

std::size_t size_of(const ObjectInfo& file) {
  return static_cast<std::size_t>(std::max<std::int64_t>(file.size.value(), 0));
}

// The next read that a file needs: its first 64 KiB, then the whole header if that is longer.
std::optional<ReadRequest> next_read(const Evidence& evidence, const ObjectInfo& file) {
  const std::size_t size = size_of(file);
  const Result<std::string>* answer = evidence.read(file.key.str());
  if (answer == nullptr) {
    return ReadRequest{.key = file.key, .max_bytes = std::min(size, kFirstRead)};
  }
  if (!answer->has_value() || (*answer)->size() < 8) return std::nullopt;
  const std::uint64_t length = header_length(**answer);
  const bool enough =
      length > kMaxHeaderBytes || (*answer)->size() >= 8 + length || (*answer)->size() >= size;
  if (enough) return std::nullopt;
  return ReadRequest{.key = file.key, .max_bytes = static_cast<std::size_t>(8 + length)};
}

// The length of the whole file, as its header records it.
Result<std::uint64_t> recorded_length(std::string_view head) {
  const std::uint64_t length = header_length(head);
  const json header = json::parse(head.substr(8, length), nullptr, false);
  if (!header.is_object()) return invalid("its header is damaged");
  std::uint64_t end = 0;
  for (const auto& [name, tensor] : header.items()) {
    if (name == "__metadata__") continue;
    const auto offsets = tensor.is_object() ? tensor.find("data_offsets") : tensor.end();
    const bool pair = offsets != tensor.end() && offsets->is_array() && offsets->size() == 2 &&
                      (*offsets)[1].is_number_unsigned();
    if (!pair) return invalid("its header is damaged");
    end = std::max(end, (*offsets)[1].get<std::uint64_t>());
  }
  return 8 + length + end;
}

std::optional<Finding> judge_file(const Evidence& evidence, const ObjectInfo& file) {
  const std::string& name = file.key.str();
  if (file.size.value() == 0) return broken("the file " + name + " is empty");
  if (auto problem = unread(evidence, name)) return problem;
  const std::string& head = **evidence.read(name);
  if (head.size() < 8) return broken("the file " + name + " is cut off in its header");
  if (header_length(head) > kMaxHeaderBytes) {
    return unclear("the header of " + name + " is longer than 32 MiB");
  }
  if (head.size() < 8 + header_length(head)) {
    return broken("the file " + name + " is cut off in its header");
  }
  const auto length = recorded_length(head);
  if (!length) return broken("the file " + name + ": " + length.error().message);
  if (*length == size_of(file)) return std::nullopt;
  return broken("the file " + name + " has " + std::to_string(size_of(file)) +
                " bytes, its header says " + std::to_string(*length));
}

std::optional<Finding> judge_index(const Evidence& evidence, const ObjectInfo& file) {
  const std::string& name = file.key.str();
  if (size_of(file) > kMaxIndexBytes) return unclear(name + " is longer than 32 MiB");
  if (auto problem = unread(evidence, name)) return problem;
  const json index = json::parse(**evidence.read(name), nullptr, false);
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  if (!index.is_object() || map == index.end() || !map->is_object()) {
    return broken("the index " + name + " is cut off");
  }
  std::set<std::string> files;
  for (const auto& [tensor, where] : map->items()) {
    if (!where.is_string()) return broken("the index " + name + " is damaged");
    files.insert(std::string(folder_of(name)) + where.get<std::string>());
  }
  for (const std::string& wanted : files) {
    if (evidence.file(wanted) == nullptr) {
      return broken("the file " + wanted + " is missing, and the index names it");
    }
  }
  return std::nullopt;
}

// "model-00002-of-00003.safetensors": the names of the whole set.
std::vector<std::string> set_of(std::string_view key) {
  const std::string_view stem = key.substr(0, key.size() - kEnding.size());
  const std::size_t of = stem.rfind("-of-");
  if (of == std::string_view::npos || of < 6 || stem.size() != of + 9) return {};
  int count = 0;
  const auto [end, failed] =
      std::from_chars(stem.data() + of + 4, stem.data() + stem.size(), count);
  const bool number = failed == std::errc() && end == stem.data() + stem.size();
  if (!number || count < 1 || stem[of - 6] != '-') return {};
  std::vector<std::string> names;
  for (int i = 1; i <= count; ++i) {
    std::string digits = std::to_string(i);
    digits.insert(0, 5 - std::min<std::size_t>(5, digits.size()), '0');
    names.push_back(std::string(stem.substr(0, of - 5)) + digits + std::string(stem.substr(of)) +
                    std::string(kEnding));
  }
  return names;
}

std::optional<Finding> missing_shard(const Evidence& evidence, std::string_view key) {
  const std::vector<std::string> names = set_of(key);
  for (const std::string& name : names) {
    if (evidence.file(name) == nullptr) return broken("the file " + name + " is missing");
  }
  if (names.size() < 2) return std::nullopt;
  const std::string index =
      std::string(key.substr(0, key.rfind("-of-") - 6)) + std::string(kIndexEnding);
  if (evidence.file(index) != nullptr) return std::nullopt;
  return unclear("all files of the set are there, but not " + index +
                 ", which is written after them");
}

bool no_marker(std::string_view key) {
  return is_index(key) || is_weights(key);  // without them nothing is proven any more
}

std::vector<ReadRequest> wanted(const Evidence& evidence) {
  return wanted_weights(evidence);
}

Finding judge(const Evidence& evidence, const Expectation&) {
  Weights weights = judge_weights(evidence);
  if (weights.problem) return *std::move(weights.problem);
  if (weights.proven == 0) return broken("there is no .safetensors file");
  Instant newest{};
  for (const ObjectInfo& file : evidence.files()) {
    if (file.size.value() == 0) return broken("the file " + file.key.str() + " is empty");
    newest = std::max(newest, file.modified_at);
  }
  return valid(plural(static_cast<std::int64_t>(weights.proven), "weight file") +
                   " complete by the length each records; other files are not covered",
               newest);
}

}  // namespace

std::vector<ReadRequest> wanted_weights(const Evidence& evidence) {
  std::vector<ReadRequest> reads;
  for (const ObjectInfo& file : evidence.files()) {
    if (is_index(file.key.str()) && size_of(file) <= kMaxIndexBytes) {
      reads.push_back({.key = file.key, .max_bytes = size_of(file)});
    }
    if (!is_weights(file.key.str()) || file.size.value() == 0) continue;
    if (auto read = next_read(evidence, file)) reads.push_back(*std::move(read));
  }
  return reads;
}

Weights judge_weights(const Evidence& evidence) {
  Weights weights;
  for (const ObjectInfo& file : evidence.files()) {
    if (is_index(file.key.str())) weights.problem = judge_index(evidence, file);
    if (weights.problem) return weights;
    if (!is_weights(file.key.str())) continue;
    weights.problem = missing_shard(evidence, file.key.str());
    if (!weights.problem) weights.problem = judge_file(evidence, file);
    if (weights.problem) return weights;
    ++weights.proven;
  }
  return weights;
}

const Format kSafetensorsFormat{
    .name = "Safetensors", .wanted = wanted, .judge = judge, .is_marker = no_marker};

}  // namespace spillway::storage
