#pragma once
// A recorded price history as a market that goes on: what was known of it at a market time. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/core/ids.h>
#include <spillway/core/money.h>
#include <spillway/core/result.h>
#include <spillway/core/time.h>
#include <spillway/market/recording.h>

namespace spillway::market_server {

struct PriceRow {
  InstanceType instance_type;
  Zone zone;
  Region region;
  Instant at;
  HourlyRate price;
};

// "us-east-1a" -> "us-east-1"; empty for a zone id, whose region is not in its name.
Region region_of(const Zone& zone);

// '*' is any text, '?' any character, '\' takes the next character as it is: the wildcards of EC2
// filters.
bool matches_wildcard(std::string_view pattern, std::string_view text);

// What a request asks for. An empty list matches everything.
struct PriceQuery {
  std::vector<std::string> instance_types;
  std::vector<std::string> zones;
  Region region;  // empty = all
  std::optional<Instant> start;
  std::optional<Instant> end;
  struct Filter {
    enum class Field { kInstanceType, kZone, kPrice, kTime };
    Field field = Field::kZone;
    std::vector<std::string> patterns;
  };
  std::vector<Filter> filters;
};

class RecordedMarket {
 public:
  // A catalogue has no times: its prices are valid from `start` on. Spot prices above the on-demand
  // price of their region are cut to it, as the real market does. kInvalidArgument names the file's
  // first bad line.
  static Result<RecordedMarket> make(const market::Recording& prices,
                                     const market::OnDemandCatalogue& on_demand, Instant start);

  // For each instance type and zone: the changes from query.start on, and the last one before it,
  // never later than `market_time`; newest first. Without query.start all that is known by then.
  [[nodiscard]] std::vector<PriceRow> select(const PriceQuery& query, Instant market_time) const;

  [[nodiscard]] std::size_t size() const { return rows_.size(); }
  [[nodiscard]] Instant first() const { return first_; }
  [[nodiscard]] Instant last() const { return last_; }

 private:
  std::vector<PriceRow> rows_;  // by instance type, zone, time
  Instant first_{};
  Instant last_{};
};

// "0.918600": six digits after the point, as the recordings have.
std::string price_text(HourlyRate price);

}  // namespace spillway::market_server
