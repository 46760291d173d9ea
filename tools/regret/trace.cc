#include "trace.h"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

namespace spillway::regret {
namespace {

using Json = nlohmann::json;

constexpr double kLeastMeanAvailability = 0.01;
constexpr Seconds kLongestTick = 24 * 3600;
constexpr std::string_view kFormat =
    R"(write {"metadata": {"gap_seconds": 600}, "data": [1, 0, ...]})";

std::string squeezed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) {
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

// True when a metadata entry says that 0 stands for available, in one of the ways people write it.
bool says_inverted(const std::string& key, const Json& value) {
  const std::string name = squeezed(key);
  if ((name == "inverted" || name == "preempted") && value.is_boolean()) return value.get<bool>();
  const bool names_value =
      name == "available" || name == "available_value" || name == "available_is";
  if (names_value && value.is_number()) return value.get<double>() < 1;
  if (!value.is_string()) return false;
  const std::string text = squeezed(value.get<std::string>());
  static constexpr std::array<std::string_view, 8> kSigns{
      "0=available", "0:available", "0isavailable",  "available=0",
      "1=preempted", "1:preempted", "1=unavailable", "inverted"};
  if (names_value && text == "0") return true;
  return std::any_of(kSigns.begin(), kSigns.end(),
                     [&](std::string_view sign) { return text.find(sign) != std::string::npos; });
}

Result<Seconds> tick_of(const Json& document, const std::string& name) {
  const auto metadata = document.find("metadata");
  if (metadata == document.end() || !metadata->is_object() || !metadata->contains("gap_seconds")) {
    return invalid(fmt::format("'{}' has no metadata.gap_seconds: {}", name, kFormat));
  }
  for (const auto& [key, value] : metadata->items()) {
    if (says_inverted(key, value)) {
      return invalid(fmt::format(
          "'{}' says in metadata.{} that 0 means available: invert it, 1 = available", name, key));
    }
  }
  const Json& gap = (*metadata)["gap_seconds"];
  if (!gap.is_number() || gap.get<double>() != std::floor(gap.get<double>()) ||
      gap.get<double>() < 1 || gap.get<double>() > static_cast<double>(kLongestTick)) {
    return invalid(fmt::format("'{}' has gap_seconds {}: write a whole number of seconds, 1 to {}",
                               name, gap.dump(), kLongestTick));
  }
  return static_cast<Seconds>(gap.get<double>());
}

Result<std::uint8_t> sample(const Json& value, std::size_t index, const std::string& name,
                            std::int64_t instances) {
  if (value.is_null()) {
    return invalid(
        fmt::format("'{}' has a gap at data[{}] (null): record every tick, or cut the file there",
                    name, index));
  }
  if (!value.is_number() || value.get<double>() != std::floor(value.get<double>())) {
    return invalid(fmt::format(
        "'{}' has {} at data[{}]: write the whole number of instances that could be had", name,
        value.dump(), index));
  }
  if (value.get<double>() < 0) {
    return invalid(
        fmt::format("'{}' has the negative number {} at data[{}]: write 0 for none available", name,
                    value.dump(), index));
  }
  return static_cast<std::uint8_t>(value.get<double>() >= static_cast<double>(instances) ? 1 : 0);
}

}  // namespace

double Trace::mean_availability() const {
  const auto sum = std::accumulate(available.begin(), available.end(), std::int64_t{0});
  return available.empty() ? 0 : static_cast<double>(sum) / static_cast<double>(available.size());
}

bool Trace::has_transition() const {
  return std::adjacent_find(available.begin(), available.end(), std::not_equal_to<>()) !=
         available.end();
}

Result<std::string> read_file(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) return invalid(fmt::format("cannot read '{}': {}", path, error.message()));
  if (size > kMaxFileBytes)
    return invalid(fmt::format("'{}' is larger than {} bytes", path, kMaxFileBytes));
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in || !text) return invalid(fmt::format("cannot read '{}'", path));
  return text.str();
}

Result<Trace> parse_trace(std::string_view text, const std::string& name, std::int64_t instances) {
  const Json document = Json::parse(text, nullptr, false);
  if (document.is_discarded() || !document.is_object()) {
    return invalid(fmt::format("'{}' is not a JSON object: {}", name, kFormat));
  }
  TRY(tick, tick_of(document, name));
  const auto data = document.find("data");
  if (data == document.end() || !data->is_array() || data->empty()) {
    return invalid(
        fmt::format("'{}' has no list \"data\" with one number per tick: {}", name, kFormat));
  }
  Trace trace{.name = name,
              .zone = Zone(name.substr(0, name.find('_'))),
              .tick = tick,
              .available = {},
              .most_at_once = 0};
  trace.available.reserve(data->size());
  for (std::size_t i = 0; i < data->size(); ++i) {
    TRY(one, sample((*data)[i], i, name, instances));
    trace.available.push_back(one);
    trace.most_at_once = std::max(trace.most_at_once, (*data)[i].get<double>());
  }
  if (trace.mean_availability() < kLeastMeanAvailability) {
    return invalid(
        fmt::format("'{}' has {} instances available in {:.1f} % of its ticks: the file is "
                    "inverted or of no use; "
                    "1 means available",
                    name, instances, 100 * trace.mean_availability()));
  }
  return trace;
}

Result<Trace> read_trace(const std::string& path, std::int64_t instances) {
  TRY(text, read_file(path));
  return parse_trace(text, std::filesystem::path(path).stem().string(), instances);
}

}  // namespace spillway::regret
