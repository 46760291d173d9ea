#include <spillway/storage/manifest.h>

#include <algorithm>

#include <spillway/core/text.h>
#include <nlohmann/json.hpp>

namespace spillway::storage {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxParts = 100'000;
constexpr int kMaxDepth = 8;
constexpr int kVersion = 1;

tl::unexpected<Error> wrong(const std::string& what) {
  return invalid("the manifest is not understood: " + what);
}

Result<std::string> text_at(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) {
    return wrong("'" + std::string(name) + "' has to be a text");
  }
  return found->get<std::string>();
}

Result<std::int64_t> number_at(const json& object, const char* name) {
  const auto found = object.find(name);
  const bool whole = found != object.end() && found->is_number_integer();
  if (!whole || (found->is_number_unsigned() &&
                 found->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX))) {
    return wrong("'" + std::string(name) + "' has to be a whole number");
  }
  const auto value = found->get<std::int64_t>();
  if (value < 0) return wrong("'" + std::string(name) + "' may not be negative");
  return value;
}

Result<std::int64_t> number_or(const json& object, const char* name, std::int64_t otherwise) {
  if (!object.contains(name)) return otherwise;
  return number_at(object, name);
}

// A key that leads out of the checkpoint's folder must not reach a file system.
bool relative_key(std::string_view key) {
  if (key.empty() || key.size() > 1024 || key.find('\0') != std::string_view::npos) return false;
  const auto segments = split(key, '/');
  return std::none_of(segments.begin(), segments.end(), [](std::string_view segment) {
    return segment.empty() || segment == "." || segment == "..";
  });
}

Result<Sha256> hash_of(const json& value) {
  const std::string text = value.is_string() ? value.get<std::string>() : std::string();
  const bool digits = text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (text.size() != 64 || !digits) {
    return wrong("'sha256' has to be 64 lower-case hexadecimal digits, or a list of such");
  }
  return Sha256(text);
}

Result<void> read_hashes(const json& value, ManifestPart& part) {
  const auto found = value.find("sha256");
  if (found == value.end()) return wrong("a part has no 'sha256'");
  if (!found->is_array()) {
    TRY(hash, hash_of(*found));
    part.chunks.push_back(std::move(hash));
    part.chunk_size = std::max(part.size, Bytes(1));
    return {};
  }
  TRY(chunk_size, number_at(value, "chunkSize"));
  const std::int64_t size = part.size.value();
  const std::int64_t chunks =
      chunk_size == 0 ? 0 : std::max<std::int64_t>(1, size / chunk_size + (size % chunk_size != 0));
  if (static_cast<std::int64_t>(found->size()) != chunks) {
    return wrong("the number of hashes of '" + part.key.str() + "' does not fit its size");
  }
  part.chunk_size = Bytes(chunk_size);
  for (const json& entry : *found) {
    TRY(hash, hash_of(entry));
    part.chunks.push_back(std::move(hash));
  }
  return {};
}

Result<ManifestPart> read_part(const json& value) {
  if (!value.is_object()) return wrong("each of 'parts' has to be an object");
  TRY(key, text_at(value, "key"));
  if (!relative_key(key)) return wrong("a part's key leads out of the checkpoint's folder");
  TRY(size, number_at(value, "size"));
  ManifestPart part{.key = Key(std::move(key)), .size = Bytes(size)};
  TRY_VOID(read_hashes(value, part));
  return part;
}

Result<Rank> read_rank(const json& document) {
  TRY(index, number_or(document, "rank", 0));
  TRY(world_size, number_or(document, "worldSize", 1));
  if (world_size < 1 || world_size > 1'000'000 || index >= world_size) {
    return wrong("'rank' has to be below 'worldSize'");
  }
  return Rank{.index = static_cast<int>(index), .world_size = static_cast<int>(world_size)};
}

Result<void> read_parts(const json& document, Manifest& manifest) {
  const auto parts = document.find("parts");
  if (parts == document.end() || !parts->is_array() || parts->empty()) {
    return wrong("'parts' has to be a list with at least one entry");
  }
  if (parts->size() > kMaxParts) return wrong("it names more than 100000 parts");
  for (const json& entry : *parts) {
    TRY(part, read_part(entry));
    manifest.parts.push_back(std::move(part));
  }
  const auto by_key = [](const ManifestPart& a, const ManifestPart& b) { return a.key < b.key; };
  std::sort(manifest.parts.begin(), manifest.parts.end(), by_key);
  const auto twice =
      std::adjacent_find(manifest.parts.begin(), manifest.parts.end(),
                         [](const auto& a, const auto& b) { return a.key == b.key; });
  if (twice != manifest.parts.end()) return wrong("it names '" + twice->key.str() + "' twice");
  return {};
}

json part_to_json(const ManifestPart& part) {
  json hashes = json::array();
  for (const Sha256& hash : part.chunks)
    hashes.push_back(hash.str());
  return {{"key", part.key.str()},
          {"size", part.size.value()},
          {"chunkSize", part.chunk_size.value()},
          {"sha256", std::move(hashes)}};
}

// nullopt-like: discarded, when the text is no JSON or nested deeper than a manifest is.
json parse_bounded(std::string_view text) {
  const auto shallow = [](int depth, json::parse_event_t, json&) { return depth <= kMaxDepth; };
  return json::parse(text, shallow, false);
}

}  // namespace

std::string write_manifest(const Manifest& manifest) {
  json parts = json::array();
  for (const ManifestPart& part : manifest.parts)
    parts.push_back(part_to_json(part));
  const json document = {{"version", kVersion},
                         {"job",
                          {{"namespace", manifest.job.ns.str()},
                           {"name", manifest.job.name.str()},
                           {"uid", manifest.uid.str()}}},
                         {"attempt", manifest.attempt.value()},
                         {"step", manifest.step.value()},
                         {"rank", manifest.rank.index},
                         {"worldSize", manifest.rank.world_size},
                         {"savedAt", format_instant(manifest.saved_at)},
                         {"parts", std::move(parts)}};
  return document.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<Manifest> parse_manifest(std::string_view text) {
  if (text.size() > kMaxManifestBytes) return wrong("it is longer than 64 MiB");
  const json document = parse_bounded(text);
  if (!document.is_object()) return wrong("it is not a JSON object");
  TRY(version, number_at(document, "version"));
  if (version != kVersion) return wrong("its version is " + std::to_string(version) + ", not 1");
  const auto job = document.find("job");
  if (job == document.end() || !job->is_object()) return wrong("'job' has to be an object");
  TRY(ns, text_at(*job, "namespace"));
  TRY(name, text_at(*job, "name"));
  TRY(uid, text_at(*job, "uid"));
  TRY(attempt, number_or(document, "attempt", 0));
  TRY(step, number_at(document, "step"));
  TRY(rank, read_rank(document));
  TRY(saved_at_text, text_at(document, "savedAt"));
  TRY(saved_at, parse_instant(saved_at_text));
  Manifest manifest{.job = {Namespace(std::move(ns)), ObjectName(std::move(name))},
                    .uid = Uid(std::move(uid)),
                    .attempt = AttemptNumber(attempt),
                    .step = TrainingStep(step),
                    .rank = rank,
                    .saved_at = saved_at};
  TRY_VOID(read_parts(document, manifest));
  return manifest;
}

}  // namespace spillway::storage
