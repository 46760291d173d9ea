#include "ec2_parameters.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include <spillway/core/text.h>

namespace spillway::market_server {
namespace {

constexpr std::size_t kMaxListMembers = 1000;
constexpr std::size_t kMaxFilters = 50;
constexpr std::size_t kMaxFilterValues = 200;

struct RawFilter {
  std::string name;
  std::map<unsigned, std::string> values;
};

// What the request holds, before it is believed.
struct Raw {
  std::map<std::string, std::string> single;
  std::map<unsigned, std::string> instance_types;
  std::map<unsigned, std::string> products;
  std::map<unsigned, RawFilter> filters;
};

tl::unexpected<Ec2Problem> unknown(const std::string& name) {
  return problem("UnknownParameter", "The parameter " + shorten(name, 80) + " is not recognized");
}
tl::unexpected<Ec2Problem> bad_value(const std::string& name, const std::string& value,
                                     std::string_view hint) {
  return problem("InvalidParameterValue", "Invalid value '" + shorten(value, 80) + "' for " + name +
                                              ": " + std::string(hint));
}

// List members are numbered from 1.
std::optional<unsigned> index_in(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

const std::set<std::string_view>& single_names() {
  static const std::set<std::string_view> names{
      "Action",  "Version", "AvailabilityZone", "AvailabilityZoneId", "StartTime",
      "EndTime", "DryRun",  "MaxResults",       "NextToken"};
  return names;
}

// "Filter.1.Name", "Filter.1.Value.2".
bool take_filter(Raw& raw, const std::vector<std::string_view>& parts, const std::string& value) {
  const auto index = index_in(parts[1]);
  if (!index) return false;
  if (parts.size() == 3 && parts[2] == "Name") {
    raw.filters[*index].name = value;
    return true;
  }
  if (parts.size() != 4 || parts[2] != "Value") return false;
  const auto value_index = index_in(parts[3]);
  if (!value_index) return false;
  raw.filters[*index].values[*value_index] = value;
  return true;
}

Ec2Result<Raw> sort_out(const cloud::QueryParameters& parameters) {
  Raw raw;
  for (const auto& [name, value] : parameters) {
    const auto parts = split(name, '.');
    const auto index = parts.size() == 2 ? index_in(parts[1]) : std::nullopt;
    if (single_names().contains(name)) {
      raw.single[name] = value;
    } else if (parts[0] == "InstanceType" && index) {
      raw.instance_types[*index] = value;
    } else if (parts[0] == "ProductDescription" && index) {
      raw.products[*index] = value;
    } else if (parts[0] != "Filter" || parts.size() < 3 || !take_filter(raw, parts, value)) {
      return unknown(name);
    }
  }
  const std::size_t longest = std::max(raw.instance_types.size(), raw.products.size());
  if (longest > kMaxListMembers || raw.filters.size() > kMaxFilters) {
    return problem("InvalidParameterValue", "The request has too many list members or filters");
  }
  return raw;
}

std::vector<std::string> values_of(const std::map<unsigned, std::string>& numbered) {
  std::vector<std::string> out;
  out.reserve(numbered.size());
  for (const auto& [index, value] : numbered)
    out.push_back(value);
  return out;
}

Ec2Result<std::optional<Instant>> time_in(const Raw& raw, const std::string& name) {
  const auto found = raw.single.find(name);
  if (found == raw.single.end() || found->second.empty()) return std::nullopt;
  const auto time = parse_instant(found->second);
  if (!time) return bad_value(name, found->second, "write 2026-11-21T09:00:00Z");
  return *time;
}

Ec2Result<void> read_filter(const RawFilter& filter, HistoryRequest& out) {
  using Field = PriceQuery::Filter::Field;
  static const std::map<std::string_view, Field> kFields{{"instance-type", Field::kInstanceType},
                                                         {"availability-zone", Field::kZone},
                                                         {"spot-price", Field::kPrice},
                                                         {"timestamp", Field::kTime}};
  if (filter.name.empty()) {
    return problem("MissingParameter", "The request must contain the parameter Filter.Name");
  }
  if (filter.values.empty() || filter.values.size() > kMaxFilterValues) {
    return problem("InvalidParameterValue",
                   "The filter '" + shorten(filter.name, 80) + "' needs between 1 and 200 values");
  }
  const auto values = values_of(filter.values);
  if (filter.name == "product-description") {
    const bool matches = std::any_of(values.begin(), values.end(), [](const std::string& pattern) {
      return matches_wildcard(pattern, kProduct);
    });
    if (!matches) out.products.emplace_back();  // a product that nothing is of
    return {};
  }
  const auto field = kFields.find(filter.name);
  if (field == kFields.end()) {
    return problem("InvalidParameterValue",
                   "The filter '" + shorten(filter.name, 80) + "' is invalid");
  }
  out.query.filters.push_back({.field = field->second, .patterns = values});
  return {};
}

Ec2Result<void> read_zone(const Raw& raw, HistoryRequest& out) {
  const bool by_name = raw.single.contains("AvailabilityZone");
  const bool by_id = raw.single.contains("AvailabilityZoneId");
  if (by_name && by_id) {
    return problem("InvalidParameterCombination",
                   "AvailabilityZone and AvailabilityZoneId cannot be used together");
  }
  // A recording knows a zone by one name, whichever it is.
  if (by_name) out.query.zones.push_back(raw.single.at("AvailabilityZone"));
  if (by_id) out.query.zones.push_back(raw.single.at("AvailabilityZoneId"));
  return {};
}

Ec2Result<void> read_paging(const Raw& raw, HistoryRequest& out) {
  if (const auto found = raw.single.find("MaxResults"); found != raw.single.end()) {
    const auto value = index_in(found->second);
    if (!value || *value > 1000) {
      return bad_value("MaxResults", found->second, "write a number from 1 to 1000");
    }
    out.max_results = *value;
  }
  if (const auto found = raw.single.find("NextToken"); found != raw.single.end()) {
    out.next_token = found->second;
  }
  if (const auto found = raw.single.find("DryRun"); found != raw.single.end()) {
    if (found->second != "true" && found->second != "false") {
      return bad_value("DryRun", found->second, "write true or false");
    }
    out.dry_run = found->second == "true";
  }
  return {};
}

}  // namespace

tl::unexpected<Ec2Problem> problem(std::string code, std::string message, int status) {
  return tl::unexpected<Ec2Problem>(Ec2Problem{std::move(code), std::move(message), status});
}

Ec2Result<HistoryRequest> parse_history_request(const cloud::QueryParameters& parameters) {
  TRY(raw, sort_out(parameters));
  HistoryRequest out;
  out.query.instance_types = values_of(raw.instance_types);
  out.products = values_of(raw.products);
  TRY(start, time_in(raw, "StartTime"));
  TRY(end, time_in(raw, "EndTime"));
  if (start && end && *end < *start) {
    return problem("InvalidParameterValue", "EndTime must not be before StartTime");
  }
  out.query.start = start;
  out.query.end = end;
  TRY_VOID(read_zone(raw, out));
  TRY_VOID(read_paging(raw, out));
  for (const auto& [index, filter] : raw.filters)
    TRY_VOID(read_filter(filter, out));
  return out;
}

// The product filter leaves an empty name behind when nothing recorded passes it.
bool asks_for_recorded_product(const HistoryRequest& request) {
  const auto& products = request.products;
  if (std::find(products.begin(), products.end(), "") != products.end()) return false;
  return products.empty() ||
         std::find(products.begin(), products.end(), kProduct) != products.end();
}

}  // namespace spillway::market_server
