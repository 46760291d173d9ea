#include <spillway/market/recording.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <tuple>

#include <spillway/core/text.h>

namespace spillway::market {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxJsonBytes = std::size_t{16}
                                      << 20;  // a document tree is many times its text
constexpr std::size_t kMaxRows = 1'000'000;
constexpr std::size_t kMaxMessages = 100;  // further refusals are counted without a sentence
constexpr std::size_t kMaxNameBytes = 64;

constexpr std::array<std::string_view, 4> kHistoryColumns{"instance_type", "az", "timestamp_utc",
                                                          "usd_per_hour"};
constexpr std::array<std::string_view, 5> kCatalogueColumns{"InstanceType", "Price", "SpotPrice",
                                                            "Region", "AvailabilityZone"};

struct RowError {
  Refusal refusal;
  std::string message;
};
template <class T>
using RowResult = tl::expected<T, RowError>;

tl::unexpected<RowError> refuse(Refusal refusal, std::string message) {
  return tl::unexpected<RowError>(RowError{refusal, std::move(message)});
}

RowResult<std::string> name_in(std::string_view cell, std::string_view column) {
  const bool plain =
      std::all_of(cell.begin(), cell.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (cell.empty() || cell.size() > kMaxNameBytes || !plain) {
    return refuse(Refusal::kBadRow, std::string(column) +
                                        " is empty or not a name: write one such as us-east-1a "
                                        "or p3.2xlarge");
  }
  return std::string(cell);
}

RowResult<HourlyRate> price_in(std::string_view cell, std::string_view column) {
  const auto price = parse_price(cell);
  if (price) return *price;
  return refuse(price.error(), std::string(column) + " '" + shorten(cell, 40) + "' is " +
                                   std::string(to_string(price.error())) +
                                   ": write US dollars per hour such as 3.06");
}

RowResult<std::optional<HourlyRate>> optional_price_in(std::string_view cell,
                                                       std::string_view column) {
  if (cell.empty()) return std::nullopt;
  auto price = price_in(cell, column);
  if (!price) return tl::unexpected(std::move(price).error());
  return *price;
}

RowResult<Instant> time_in(std::string_view cell) {
  const auto time = parse_instant(cell);
  if (time) return *time;
  return refuse(Refusal::kBadTime,
                "the time '" + shorten(cell, 40) + "' is not RFC 3339: write 2026-11-21T09:00:00Z");
}

// Cells by the position of the named columns.
using Cells = std::vector<std::string_view>;

RowResult<RecordedPrice> history_row(const Cells& cells) {
  TRY(type, name_in(cells[0], kHistoryColumns[0]));
  TRY(zone, name_in(cells[1], kHistoryColumns[1]));
  TRY(time, time_in(cells[2]));
  TRY(price, price_in(cells[3], kHistoryColumns[3]));
  return RecordedPrice{
      .instance_type = InstanceType(type), .zone = Zone(zone), .changed_at = time, .spot = price};
}

RowResult<RecordedPrice> catalogue_row(const Cells& cells) {
  TRY(type, name_in(cells[0], kCatalogueColumns[0]));
  TRY(on_demand, optional_price_in(cells[1], kCatalogueColumns[1]));
  TRY(spot, optional_price_in(cells[2], kCatalogueColumns[2]));
  TRY(region, name_in(cells[3], kCatalogueColumns[3]));
  // A row for a whole region (on demand only) may leave the zone out.
  std::string zone;
  if (!cells[4].empty() || spot) {
    TRY(name, name_in(cells[4], kCatalogueColumns[4]));
    zone = std::move(name);
  }
  return RecordedPrice{.instance_type = InstanceType(type),
                       .zone = Zone(zone),
                       .region = Region(region),
                       .spot = spot,
                       .on_demand = on_demand};
}

void add_refused(Recording& recording, std::size_t line, RowError error) {
  if (recording.refused.size() >= kMaxMessages) error.message.clear();
  recording.refused.push_back(
      {.line = line, .refusal = error.refusal, .message = std::move(error.message)});
}

std::vector<std::string_view> trimmed_cells(std::string_view line) {
  auto cells = split(line, ',');
  for (std::string_view& cell : cells)
    cell = trim(cell);
  return cells;
}

// The position of each wanted column in the header, or nothing when one is missing.
template <std::size_t N>
std::optional<std::array<std::size_t, N>> find_columns(
    const std::vector<std::string_view>& header, const std::array<std::string_view, N>& wanted) {
  std::array<std::size_t, N> out{};
  for (std::size_t i = 0; i < N; ++i) {
    const auto found = std::find(header.begin(), header.end(), wanted[i]);
    if (found == header.end()) return std::nullopt;
    out[i] = static_cast<std::size_t>(found - header.begin());
  }
  return out;
}

template <std::size_t N, class ReadRow>
Result<Recording> read_rows(std::string_view text, std::size_t width,
                            const std::array<std::size_t, N>& columns, ReadRow read_row) {
  Recording out;
  std::size_t line_number = 1;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line_number++ == 1 || line.empty()) continue;
    if (line_number > kMaxRows) return invalid("a price file may have at most a million lines");
    const auto all = trimmed_cells(line);
    if (all.size() != width) {
      add_refused(out, line_number - 1,
                  {Refusal::kBadRow, "there are " + std::to_string(all.size()) + " columns, not " +
                                         std::to_string(width) + " as in the first line"});
      continue;
    }
    Cells cells;
    for (const std::size_t column : columns)
      cells.push_back(all[column]);
    auto row = read_row(cells);
    if (row) {
      out.prices.push_back(std::move(*row));
    } else {
      add_refused(out, line_number - 1, std::move(row).error());
    }
  }
  return out;
}

Result<Recording> parse_csv(std::string_view text) {
  const auto header = trimmed_cells(trim(text.substr(0, text.find('\n'))));
  if (const auto columns = find_columns(header, kHistoryColumns)) {
    return read_rows(text, header.size(), *columns, history_row);
  }
  if (const auto columns = find_columns(header, kCatalogueColumns)) {
    return read_rows(text, header.size(), *columns, catalogue_row);
  }
  return invalid(
      "line 1 names no known columns: write 'instance_type,az,timestamp_utc,usd_per_hour' (a "
      "history) or 'InstanceType,AcceleratorName,AcceleratorCount,Price,SpotPrice,Region,"
      "AvailabilityZone' (a catalogue)");
}

std::string_view string_in(const nlohmann::json& item, const char* key) {
  const auto found = item.find(key);
  if (found == item.end() || !found->is_string()) return {};
  return found->get_ref<const std::string&>();
}

RowResult<RecordedPrice> history_element(const nlohmann::json& item) {
  if (!item.is_object()) return refuse(Refusal::kBadRow, "the element is not an object");
  if (!string_in(item, "ProductDescription").starts_with("Linux/UNIX")) {
    return refuse(Refusal::kOtherProduct, "only the product Linux/UNIX is read");
  }
  return history_row({string_in(item, "InstanceType"), string_in(item, "AvailabilityZone"),
                      string_in(item, "Timestamp"), string_in(item, "SpotPrice")});
}

Result<Recording> parse_json(std::string_view text) {
  if (text.size() > kMaxJsonBytes) return invalid("a JSON price file may have at most 16 MiB");
  const auto document = nlohmann::json::parse(text, nullptr, false);
  if (document.is_discarded()) return invalid("the file starts like JSON but is not valid JSON");
  const auto history = document.find("SpotPriceHistory");
  if (history == document.end() || !history->is_array()) {
    return invalid(
        "the JSON has no array \"SpotPriceHistory\": write the answer of "
        "'aws ec2 describe-spot-price-history'");
  }
  Recording out;
  std::size_t number = 0;
  for (const nlohmann::json& item : *history) {
    auto row = history_element(item);
    ++number;
    if (row) {
      out.prices.push_back(std::move(*row));
    } else {
      add_refused(out, number, std::move(row).error());
    }
  }
  return out;
}

}  // namespace

std::string_view to_string(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNotDecimal: return "not a decimal number";
    case Refusal::kZero: return "zero";
    case Refusal::kNegative: return "negative";
    case Refusal::kAbsurd: return "more than any node costs";
    case Refusal::kBadTime: return "without a readable time";
    case Refusal::kBadRow: return "not a price row";
    case Refusal::kOtherProduct: return "of another product";
  }
  return "not a price row";
}

tl::expected<HourlyRate, Refusal> parse_price(std::string_view text) {
  const auto refused = [](Refusal refusal) { return tl::unexpected<Refusal>(refusal); };
  if (text.starts_with('-') && Money::parse(text.substr(1))) return refused(Refusal::kNegative);
  const auto digits = text.substr(0, text.find('.'));
  const bool whole = !digits.empty() && std::all_of(digits.begin(), digits.end(),
                                                    [](char c) { return c >= '0' && c <= '9'; });
  const auto rate = HourlyRate::parse(text);
  if (!rate) return refused(whole && digits.size() > 12 ? Refusal::kAbsurd : Refusal::kNotDecimal);
  if (*rate == HourlyRate()) return refused(Refusal::kZero);
  if (*rate > kAbsurdRate) return refused(Refusal::kAbsurd);
  return *rate;
}

Result<Recording> parse_recording(std::string_view text) {
  if (text.size() > kMaxFileBytes) return invalid("a price file may have at most 64 MiB");
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return invalid("the file is empty");
  if (text[first] == '{') return parse_json(text);
  return parse_csv(text);
}

Result<std::string> read_price_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return fail(ErrorCode::kNotFound, "there is no price file '" + path + "'");
  }
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  const auto size = static_cast<std::streamoff>(in.tellg());
  if (!in || size < 0) {
    return fail(ErrorCode::kForbidden, "the price file '" + path + "' cannot be read");
  }
  if (static_cast<std::size_t>(size) > kMaxFileBytes) {
    return invalid("the price file '" + path + "' is longer than 64 MiB");
  }
  std::string text(static_cast<std::size_t>(size), '\0');
  in.seekg(0);
  in.read(text.data(), size);
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return text;
}

OnDemandCatalogue::OnDemandCatalogue(const Recording& catalogue) {
  for (const RecordedPrice& row : catalogue.prices) {
    if (row.on_demand) entries_.push_back({row.instance_type, row.region, *row.on_demand});
  }
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.type, a.region, b.rate) < std::tie(b.type, b.region, a.rate);
  });
  const auto same = [](const Entry& a, const Entry& b) {
    return a.type == b.type && a.region == b.region;
  };
  entries_.erase(std::unique(entries_.begin(), entries_.end(), same), entries_.end());
}

std::optional<HourlyRate> OnDemandCatalogue::find(const InstanceType& type,
                                                  const Region& region) const {
  const auto before = [](const Entry& entry, const InstanceType& wanted) {
    return entry.type < wanted;
  };
  auto entry = std::lower_bound(entries_.begin(), entries_.end(), type, before);
  std::optional<HourlyRate> agreed;
  for (; entry != entries_.end() && entry->type == type; ++entry) {
    if (entry->region == region) return entry->rate;
    if (!region.empty()) continue;
    if (agreed && *agreed != entry->rate) return std::nullopt;
    agreed = entry->rate;
  }
  return agreed;
}

}  // namespace spillway::market
