#include <spillway/sim/recorded_market.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include <spillway/core/text.h>

namespace spillway::sim {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kMaxFiles = 1000;
constexpr const char* kJoinFile = "availability.csv";

// Byte of the first error, or nothing.
std::optional<std::size_t> broken_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80             ? 1
                               : (lead & 0xe0) == 0xc0 ? 2
                               : (lead & 0xf0) == 0xe0 ? 3
                               : (lead & 0xf8) == 0xf0 ? 4
                                                       : 0;
    if (length == 0 || i + length > text.size() || lead == 0) return i;
    for (std::size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return i;
    }
    i += length;
  }
  return std::nullopt;
}

Result<std::string> text_of(const std::string& path, const std::string& name) {
  TRY(text, market::read_price_file(path));
  if (const auto byte = broken_utf8(text)) {
    return invalid(name + " is not UTF-8 text (byte " + std::to_string(*byte) +
                   "): save it with the encoding UTF-8");
  }
  return text;
}

bool looks_like_trace(const json& document) {
  const auto metadata = document.find("metadata");
  return document.contains("data") ||
         (metadata != document.end() && metadata->is_object() && metadata->contains("gap_seconds"));
}

// The regular files below a folder, by name.
Result<std::vector<std::string>> files_below(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> files;
  const auto options = fs::directory_options::follow_directory_symlink;
  auto entry = fs::recursive_directory_iterator(folder, options, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (entry.depth() > 8) entry.disable_recursion_pending();
    const std::string extension = entry->path().extension();
    if (!entry->is_regular_file(error) || (extension != ".csv" && extension != ".json")) continue;
    files.push_back(fs::relative(entry->path(), folder, error).generic_string());
    if (files.size() > kMaxFiles) {
      return invalid("the market '" + folder + "' has more than " + std::to_string(kMaxFiles) +
                     " files: leave out those that no pool needs");
    }
  }
  if (error) return invalid("the market '" + folder + "' cannot be read: " + error.message());
  std::ranges::sort(files);
  return files;
}

std::string named(const api::CapacityPool& pool) {
  return "CapacityPool " + pool.meta.key.name.str();
}

}  // namespace

// ---- reading

Result<RecordedMarket> RecordedMarket::read(const std::string& path) {
  RecordedMarket market;
  market.path_ = path;
  std::error_code error;
  if (fs::is_regular_file(path, error)) {
    TRY_VOID(market.take_file(path, fs::path(path).filename().string()));
  } else {
    if (!fs::is_directory(path, error)) {
      return invalid("there is no market folder '" + path +
                     "': write the path of a folder with price CSVs and availability traces");
    }
    TRY(files, files_below(path));
    if (files.empty()) {
      return invalid("the market '" + path +
                     "' has no .csv or .json file: put price CSVs and availability traces there");
    }
    for (const std::string& file : files)
      TRY_VOID(market.take_file((fs::path(path) / file).string(), file));
  }
  TRY_VOID(market.apply_joins());
  market.catalogue_ = market::OnDemandCatalogue(market.catalogue_rows_);
  return market;
}

Result<void> RecordedMarket::take_file(const std::string& path, const std::string& name) {
  TRY(text, text_of(path, name));
  if (fs::path(name).filename() == kJoinFile) return take_joins(text, name);
  return name.ends_with(".json") ? take_json(text, name) : take_prices(text, name);
}

Result<void> RecordedMarket::take_prices(const std::string& text, const std::string& name) {
  auto recording = market::parse_recording(text);
  if (!recording) return fail(std::move(recording).error().in(name));
  for (const market::RefusedRow& row : recording->refused) {
    if (row.refusal == market::Refusal::kOtherProduct) continue;
    return invalid(name + (name.ends_with(".json") ? ", element " : ", line ") +
                   std::to_string(row.line) + ": " + row.message);
  }
  Instant last{Duration::min()};
  for (const market::RecordedPrice& row : recording->prices)
    last = std::max(last, row.changed_at.value_or(last));
  for (market::RecordedPrice& row : recording->prices) {
    const market::PriceKey key{.instance_type = row.instance_type, .zone = row.zone};
    if (row.changed_at && row.spot) {
      Series& series = history_[key];
      series.changes[*row.changed_at] = *row.spot;
      series.recorded_until = std::max(series.recorded_until, last);
    } else if (row.spot) {
      snapshot_[key] = *row.spot;
    }
    if (row.on_demand) catalogue_rows_.prices.push_back(std::move(row));
  }
  return {};
}

Result<void> RecordedMarket::take_json(const std::string& text, const std::string& name) {
  const json document = json::parse(text, nullptr, false);
  if (document.is_discarded()) {
    return invalid(name +
                   " is not valid JSON: write an availability trace, {\"metadata\": "
                   "{\"gap_seconds\": 600}, \"data\": [1, 0]}, or what 'aws ec2 "
                   "describe-spot-price-history' prints");
  }
  if (document.is_object() && document.contains("SpotPriceHistory")) return take_prices(text, name);
  if (!document.is_object() || !looks_like_trace(document)) {
    notes_.push_back(name + " is left out: it holds neither prices nor an availability trace");
    return {};
  }
  TRY(trace, parse_trace(document, name));
  traces_.emplace(name, std::move(trace));
  return {};
}

Result<void> RecordedMarket::take_joins(const std::string& text, const std::string& name) {
  std::size_t number = 0;
  for (const std::string_view raw : split(text, '\n')) {
    ++number;
    const std::string_view line = trim(raw);
    if (line.empty() || (number == 1 && line.starts_with("file,zone,instance_type"))) continue;
    const std::string where = name + ", line " + std::to_string(number) + ": ";
    const auto cells = split(line, ',');
    if (number == 1 || cells.size() < 3 || cells.size() > 4) {
      return invalid(where +
                     "write first the line 'file,zone,instance_type,starts_at', then lines such as "
                     "'a.json,us-east-1a,p3.2xlarge,2023-02-15T00:00:00Z'");
    }
    Join join{.file = (fs::path(name).parent_path() / std::string(trim(cells[0])))
                          .lexically_normal()
                          .generic_string(),
              .instance_type = std::string(trim(cells[2])),
              .zone = Zone(trim(cells[1])),
              .starts_at = {}};
    if (cells.size() == 4 && !trim(cells[3]).empty()) {
      const auto at = parse_instant(trim(cells[3]));
      if (!at) return invalid(where + at.error().message);
      join.starts_at = *at;
    }
    joins_[join.file] = std::move(join);
  }
  return {};
}

Result<void> RecordedMarket::apply_joins() {
  for (const auto& [file, join] : joins_) {
    const auto trace = traces_.find(file);
    if (trace == traces_.end()) {
      return invalid(std::string(kJoinFile) + " names '" + file +
                     "', and there is no such trace in the market: write its path as seen from "
                     "that file");
    }
    if (join.starts_at) trace->second.start = join.starts_at;
  }
  return {};
}

// ---- by pool

const RecordedTrace* RecordedMarket::trace_of(const api::CapacityPool& pool) const {
  if (pool.spec.tier != api::Tier::kSpot) return nullptr;
  for (const auto& [file, join] : joins_) {
    if (join.zone == pool.spec.location.zone && join.instance_type == pool.spec.instance_type.str())
      return &traces_.at(file);
  }
  for (const auto& [file, trace] : traces_) {
    const auto name = parse_trace_name(fs::path(file).filename().string());
    if (name && !joins_.contains(file) && name->zone == pool.spec.location.zone &&
        name->accelerators == pool.spec.accelerator.per_node.value() &&
        same_model(name->model, pool.spec.accelerator.model))
      return &trace;
  }
  return nullptr;
}

Result<PoolRecord> RecordedMarket::record_of(const api::CapacityPool& pool) const {
  const api::CapacityPoolSpec& spec = pool.spec;
  PoolRecord record{.trace = trace_of(pool)};
  record.on_demand = spec.price.on_demand;
  if (!record.on_demand)
    record.on_demand = catalogue_.find(spec.instance_type, spec.location.region);
  if (!record.on_demand && spec.tier == api::Tier::kOnDemand) record.on_demand = spec.price.fixed;
  if (spec.price.fixed) {
    record.constant = spec.price.fixed;
    return record;
  }
  const std::string type = spec.instance_type.str();
  if (spec.tier != api::Tier::kSpot) {
    record.constant = record.on_demand;
    if (record.constant) return record;
    return invalid(named(pool) + ": nothing in the market '" + path_ + "' says what " + type +
                   " costs on demand in region " + spec.location.region.str() +
                   ": add a catalogue CSV "
                   "(InstanceType,AcceleratorName,AcceleratorCount,Price,SpotPrice,Region,"
                   "AvailabilityZone) with a row for it, or write spec.price.fixed");
  }
  const market::PriceKey key{.instance_type = spec.instance_type, .zone = spec.location.zone};
  if (const auto series = history_.find(key); series != history_.end()) {
    for (const auto& [at, per_node] : series->second.changes) {
      if (record.spot.empty() || record.spot.back().per_node != per_node)
        record.spot.push_back({.at = at, .per_node = per_node});
    }
    record.prices_end = series->second.recorded_until;
    return record;
  }
  if (const auto once = snapshot_.find(key); once != snapshot_.end()) {
    record.constant = once->second;
    return record;
  }
  return invalid(named(pool) + ": nothing in the market '" + path_ + "' says what " + type +
                 " costs as spot in zone " + spec.location.zone.str() + ": add rows such as '" +
                 type + "," + spec.location.zone.str() +
                 ",2020-01-06T00:00:00Z,0.97' to a CSV with the columns "
                 "instance_type,az,timestamp_utc,usd_per_hour, or write spec.price.fixed");
}

}  // namespace spillway::sim
