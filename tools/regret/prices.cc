#include "prices.h"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <optional>
#include <tuple>

namespace spillway::regret {
namespace {

constexpr std::array<std::string_view, 4> kColumns{"instance_type", "az", "timestamp_utc",
                                                   "usd_per_hour"};
constexpr std::size_t kMostColumns = 64;

std::string_view next_line(std::string_view& text) {
  const auto end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view bare(std::string_view cell) {
  while (!cell.empty() && (cell.front() == ' ' || cell.front() == '\t'))
    cell.remove_prefix(1);
  while (!cell.empty() && (cell.back() == ' ' || cell.back() == '\t'))
    cell.remove_suffix(1);
  const bool is_quoted = cell.size() >= 2 && cell.front() == '"' && cell.back() == '"';
  return is_quoted ? cell.substr(1, cell.size() - 2) : cell;
}

std::vector<std::string_view> cells_of(std::string_view line) {
  std::vector<std::string_view> cells;
  for (;;) {
    const auto comma = line.find(',');
    cells.push_back(bare(line.substr(0, comma)));
    if (comma == std::string_view::npos || cells.size() == kMostColumns) return cells;
    line = line.substr(comma + 1);
  }
}

// Which cell of a line holds each of kColumns; columns come in any order, others are passed over.
using Layout = std::array<std::size_t, kColumns.size()>;

Result<Layout> layout_of(std::string_view header, const std::string& name) {
  static constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (header.starts_with(kByteOrderMark)) header.remove_prefix(kByteOrderMark.size());
  const std::vector<std::string_view> cells = cells_of(header);
  Layout layout{};
  for (std::size_t i = 0; i < kColumns.size(); ++i) {
    const auto found = std::find(cells.begin(), cells.end(), kColumns[i]);
    if (found == cells.end() || std::find(found + 1, cells.end(), kColumns[i]) != cells.end()) {
      return invalid(
          fmt::format("'{}' must name the column {} once in its first line: begin with '{}'", name,
                      kColumns[i], fmt::join(kColumns, ",")));
    }
    layout[i] = static_cast<std::size_t>(found - cells.begin());
  }
  return layout;
}

}  // namespace

Result<PriceFile> PriceFile::parse(std::string_view text, const std::string& name) {
  PriceFile file;
  file.name_ = name;
  const std::string_view header = next_line(text);
  TRY(layout, layout_of(header, name));
  const std::size_t width = cells_of(header).size();
  for (std::size_t number = 2; !text.empty(); ++number) {
    const std::string_view line = next_line(text);
    if (line.empty()) continue;
    const auto cells = cells_of(line);
    if (cells.size() != width) {
      return invalid(fmt::format("'{}' line {} does not have the {} cells of the first line", name,
                                 number, width));
    }
    const auto at = parse_instant(cells[layout[2]]);
    if (!at) return invalid(fmt::format("'{}' line {}: {}", name, number, at.error().message));
    const auto price = HourlyRate::parse(cells[layout[3]]);
    if (!price)
      return invalid(fmt::format("'{}' line {}: {}", name, number, price.error().message));
    if (*price <= HourlyRate()) {
      return invalid(
          fmt::format("'{}' line {} has a price of zero: write dollars per hour", name, number));
    }
    file.series_[InstanceType(cells[layout[0]])][Zone(cells[layout[1]])].push_back(
        {.changed_at = *at, .price = *price});
  }
  if (file.series_.empty()) return invalid(fmt::format("'{}' has no prices", name));
  for (auto& [type, zones] : file.series_) {
    for (auto& [zone, series] : zones) {
      std::sort(series.begin(), series.end(), [](const PricePoint& a, const PricePoint& b) {
        return std::tie(a.changed_at, a.price) < std::tie(b.changed_at, b.price);
      });
    }
  }
  return file;
}

Result<PriceFile> PriceFile::read(const std::string& path) {
  TRY(text, read_file(path));
  return parse(text, std::filesystem::path(path).filename().string());
}

Result<std::vector<double>> PriceFile::dollars_per_tick(const InstanceType& type, const Zone& zone,
                                                        Seconds tick, std::size_t ticks) const {
  const auto zones = series_.find(type);
  if (zones == series_.end())
    return invalid(fmt::format("'{}' has no prices of {}", name_, type.str()));
  const auto found = zones->second.find(zone);
  if (found == zones->second.end()) {
    return invalid(
        fmt::format("'{}' has no price of {} in zone {}: leave that trace out, or add its prices",
                    name_, type.str(), zone.str()));
  }
  Instant first = Instant::max();
  for (const auto& [other, series] : zones->second)
    first = std::min(first, series.front().changed_at);
  const Series& series = found->second;
  std::vector<double> prices;
  prices.reserve(ticks);
  std::size_t next = 0;
  for (std::size_t t = 0; t < ticks; ++t) {
    const Instant now = first + std::chrono::seconds(tick * static_cast<Seconds>(t));
    while (next < series.size() && series[next].changed_at <= now)
      ++next;
    prices.push_back(series[next == 0 ? 0 : next - 1].price.approximate_dollars());
  }
  return prices;
}

InstanceType PriceFile::type_near(HourlyRate typical) const {
  const InstanceType* best = nullptr;
  double least = 0;
  for (const auto& [type, zones] : series_) {
    double sum = 0;
    std::size_t count = 0;
    for (const auto& [zone, series] : zones) {
      for (const PricePoint& point : series)
        sum += point.price.approximate_dollars();
      count += series.size();
    }
    const double distance =
        std::abs(std::log(sum / static_cast<double>(count) / typical.approximate_dollars()));
    if (best == nullptr || distance < least) {
      best = &type;
      least = distance;
    }
  }
  return *best;  // parse() refuses a file without prices
}

}  // namespace spillway::regret
