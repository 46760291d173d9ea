#include "recorded_market.h"

#include <algorithm>
#include <tuple>

namespace spillway::market_server {
namespace {

bool listed(const std::vector<std::string>& list, const std::string& value) {
  return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

std::string text_of(const PriceRow& row, PriceQuery::Filter::Field field) {
  using Field = PriceQuery::Filter::Field;
  switch (field) {
    case Field::kInstanceType: return row.instance_type.str();
    case Field::kZone: return row.zone.str();
    case Field::kPrice: return price_text(row.price);
    case Field::kTime: return format_instant(row.at);
  }
  return {};
}

// Whether the series is asked for at all; prices and times are matched row by row.
bool wants_series(const PriceQuery& query, const PriceRow& row) {
  return listed(query.instance_types, row.instance_type.str()) &&
         listed(query.zones, row.zone.str()) &&
         (query.region.empty() || row.region.empty() || row.region == query.region);
}

bool passes_filters(const PriceQuery& query, const PriceRow& row) {
  return std::all_of(query.filters.begin(), query.filters.end(), [&](const auto& filter) {
    const std::string text = text_of(row, filter.field);
    return std::any_of(filter.patterns.begin(), filter.patterns.end(),
                       [&](const std::string& pattern) { return matches_wildcard(pattern, text); });
  });
}

}  // namespace

Region region_of(const Zone& zone) {
  const std::string& name = zone.str();
  const bool letter = name.size() > 2 && name.back() >= 'a' && name.back() <= 'z';
  const bool digit_before = letter && name[name.size() - 2] >= '0' && name[name.size() - 2] <= '9';
  return digit_before ? Region(name.substr(0, name.size() - 1)) : Region();
}

bool matches_wildcard(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;  // after the last '*', and where its text began
  std::size_t star_text = 0;
  while (t < text.size()) {
    const bool escaped = p + 1 < pattern.size() && pattern[p] == '\\';
    const bool literal =
        p < pattern.size() && (escaped || (pattern[p] != '*' && pattern[p] != '?'));
    if (p < pattern.size() && !escaped && pattern[p] == '*') {
      star = ++p;
      star_text = t;
    } else if (p < pattern.size() && !escaped && pattern[p] == '?') {
      ++p;
      ++t;
    } else if (literal && pattern[p + (escaped ? 1 : 0)] == text[t]) {
      p += escaped ? 2 : 1;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

std::string price_text(HourlyRate price) {
  std::string text = price.to_string();  // at least two digits after the point
  text.append(6 - (text.size() - text.find('.') - 1), '0');
  return text;
}

Result<RecordedMarket> RecordedMarket::make(const market::Recording& prices,
                                            const market::OnDemandCatalogue& on_demand,
                                            Instant start) {
  if (!prices.refused.empty()) {
    const market::RefusedRow& bad = prices.refused.front();
    return invalid("line " + std::to_string(bad.line) + ": " + bad.message);
  }
  RecordedMarket out;
  for (const market::RecordedPrice& price : prices.prices) {
    if (!price.spot) continue;
    const Region region = price.region.empty() ? region_of(price.zone) : price.region;
    const HourlyRate cap = on_demand.find(price.instance_type, region).value_or(*price.spot);
    out.rows_.push_back({.instance_type = price.instance_type,
                         .zone = price.zone,
                         .region = region,
                         .at = price.changed_at.value_or(start),
                         .price = std::min(*price.spot, cap)});
  }
  if (out.rows_.empty()) return invalid("there is no spot price in it");
  std::sort(out.rows_.begin(), out.rows_.end(), [](const PriceRow& a, const PriceRow& b) {
    return std::tie(a.instance_type, a.zone, a.at, a.price) <
           std::tie(b.instance_type, b.zone, b.at, b.price);
  });
  const auto [first, last] =
      std::minmax_element(out.rows_.begin(), out.rows_.end(),
                          [](const PriceRow& a, const PriceRow& b) { return a.at < b.at; });
  out.first_ = first->at;
  out.last_ = last->at;
  return out;
}

std::vector<PriceRow> RecordedMarket::select(const PriceQuery& query, Instant market_time) const {
  const Instant until = std::min(query.end.value_or(market_time), market_time);
  std::vector<PriceRow> out;
  auto row = rows_.begin();
  while (row != rows_.end()) {
    const auto series_end = std::find_if(row, rows_.end(), [&](const PriceRow& other) {
      return other.instance_type != row->instance_type || other.zone != row->zone;
    });
    const auto known_end = std::upper_bound(
        row, series_end, until, [](Instant at, const PriceRow& r) { return at < r.at; });
    auto from = row;
    if (query.start) {
      from = std::lower_bound(row, known_end, *query.start,
                              [](const PriceRow& r, Instant at) { return r.at < at; });
      if (from != row) --from;
    }
    if (wants_series(query, *row)) {
      std::copy_if(from, known_end, std::back_inserter(out),
                   [&](const PriceRow& r) { return passes_filters(query, r); });
    }
    row = series_end;
  }
  std::sort(out.begin(), out.end(), [](const PriceRow& a, const PriceRow& b) {
    return std::tie(b.at, a.instance_type, a.zone) < std::tie(a.at, b.instance_type, b.zone);
  });
  return out;
}

}  // namespace spillway::market_server
