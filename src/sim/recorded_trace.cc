#include <spillway/sim/recorded_trace.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <nlohmann/json.hpp>

#include <spillway/core/text.h>

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr std::int64_t kLongestGapSeconds = 24 * 3600;
constexpr std::size_t kMaxTicks = 2'000'000;
constexpr std::int64_t kMaxInstances = 1'000'000;
constexpr std::string_view kForm = R"(write {"metadata": {"gap_seconds": 600}, "data": [1, 0, 1]})";

std::string letters_and_digits(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return plain;
}

// The ways in which people say that 0 stands for available.
bool turned_around(const std::string& key, const json& value) {
  const std::string name = letters_and_digits(key);
  if (value.is_boolean())
    return value.get<bool>() &&
           (name == "inverted" || name == "preempted" || name == "interrupted");
  if (name == "available" || name == "availablevalue" || name == "availableis") {
    if (value.is_number()) return value.get<double>() < 1;
    if (value.is_string()) return letters_and_digits(value.get<std::string>()) == "0";
  }
  if (!value.is_string()) return false;
  static constexpr std::array<std::string_view, 7> kWords{
      "0available", "0isavailable", "0meansavailable", "available0",
      "1preempted", "1unavailable", "1meanspreempted"};
  const std::string text = letters_and_digits(value.get<std::string>());
  return text == "inverted" || std::ranges::any_of(kWords, [&](std::string_view word) {
           return text.find(word) != std::string::npos;
         });
}

// A whole number within its bounds, whether it is written 600 or 600.0.
std::optional<std::int64_t> whole(const json& value, std::int64_t most) {
  if (!value.is_number()) return std::nullopt;
  const auto number = value.get<double>();
  if (!(number >= -static_cast<double>(most)) || !(number <= static_cast<double>(most)))
    return std::nullopt;
  const auto integer = static_cast<std::int64_t>(number);
  if (static_cast<double>(integer) != number) return std::nullopt;
  return integer;
}

Result<void> read_metadata(const json& document, RecordedTrace& trace) {
  const auto metadata = document.find("metadata");
  if (metadata == document.end() || !metadata->is_object() || !metadata->contains("gap_seconds"))
    return invalid(trace.source + " has no metadata.gap_seconds: " + std::string(kForm));
  for (const auto& [key, value] : metadata->items()) {
    if (turned_around(key, value)) {
      return invalid(trace.source + " says in metadata." + key +
                     " that 0 means available: turn the numbers around and leave that out, "
                     "1 = available");
    }
  }
  const json& gap = (*metadata)["gap_seconds"];
  const auto seconds = whole(gap, kLongestGapSeconds);
  if (!seconds || *seconds < 1) {
    return invalid(trace.source + " has gap_seconds " + shorten(gap.dump(), 40) +
                   ": write a whole number of seconds from 1 to " +
                   std::to_string(kLongestGapSeconds));
  }
  trace.tick = std::chrono::seconds(*seconds);
  const auto start = metadata->find("start");
  if (start == metadata->end()) return {};
  const auto at = parse_instant(start->is_string() ? start->get<std::string>() : "");
  if (!at) {
    return invalid(trace.source + " has metadata.start " + shorten(start->dump(), 40) +
                   ": write the instant of the first number as 2023-02-15T00:00:00Z");
  }
  trace.start = *at;
  return {};
}

Result<std::int32_t> instances_in(const json& value, std::size_t index, const std::string& source) {
  const std::string where = source + " has ";
  const std::string at = " at data[" + std::to_string(index) + "]";
  if (value.is_null())
    return invalid(where + "a gap" + at + " (null): record every tick, or cut the file there");
  const auto count = whole(value, kMaxInstances);
  if (!count) {
    return invalid(where + shorten(value.dump(-1, ' ', true), 40) + at +
                   ": write the whole number of instances that could be had");
  }
  if (*count < 0) {
    return invalid(where + "the negative number " + std::to_string(*count) + at +
                   ": write 0 when none could be had");
  }
  return static_cast<std::int32_t>(*count);
}

}  // namespace

bool RecordedTrace::yes_or_no() const {
  return std::ranges::all_of(instances, [](std::int32_t count) { return count <= 1; });
}

Result<RecordedTrace> parse_trace(const json& document, const std::string& source) {
  if (!document.is_object()) return invalid(source + " is no JSON object: " + std::string(kForm));
  RecordedTrace trace{.source = source, .tick = {}, .start = {}, .instances = {}};
  TRY_VOID(read_metadata(document, trace));
  const auto data = document.find("data");
  if (data == document.end() || !data->is_array() || data->empty()) {
    return invalid(source +
                   " has no list \"data\" with one number for each tick: " + std::string(kForm));
  }
  if (data->size() > kMaxTicks)
    return invalid(source + " has more than " + std::to_string(kMaxTicks) + " ticks: cut it");
  trace.instances.reserve(data->size());
  for (std::size_t i = 0; i < data->size(); ++i) {
    TRY(count, instances_in((*data)[i], i, source));
    trace.instances.push_back(count);
  }
  return trace;
}

std::optional<TraceName> parse_trace_name(std::string_view file_name) {
  if (!file_name.ends_with(".json")) return std::nullopt;
  file_name.remove_suffix(5);
  const auto parts = split(file_name, '_');
  if (parts.size() != 3 || parts[0].empty() || parts[1].empty()) return std::nullopt;
  TraceName name{.zone = Zone(parts[0]), .model = letters_and_digits(parts[1])};
  const char* end = parts[2].data() + parts[2].size();
  const auto [stopped, error] = std::from_chars(parts[2].data(), end, name.accelerators);
  if (error != std::errc() || stopped != end || name.accelerators < 1) return std::nullopt;
  return name;
}

bool same_model(std::string_view of_trace, const AcceleratorModel& of_pool) {
  const std::string pool = letters_and_digits(of_pool.str());
  const std::string trace = letters_and_digits(of_trace);
  return !trace.empty() && pool.starts_with(trace);
}

}  // namespace spillway::sim
