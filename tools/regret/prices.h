#pragma once
// Recorded spot prices: CSV whose first line names the columns instance_type, az, timestamp_utc and
// usd_per_hour, in any order and beside others; one line per change.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/core/ids.h>
#include <spillway/core/money.h>
#include <spillway/core/result.h>
#include <spillway/core/time.h>

#include "trace.h"

namespace spillway::regret {

struct PricePoint {
  Instant changed_at{};
  HourlyRate price;
};

class PriceFile {
 public:
  static Result<PriceFile> parse(std::string_view text, const std::string& name);
  static Result<PriceFile> read(const std::string& path);

  // Availability and price were never recorded together, so the first tick of a trace is laid on
  // the first instant of the instance type in this file. Before a zone's first price that price
  // holds, after its last the last.
  [[nodiscard]] Result<std::vector<double>> dollars_per_tick(const InstanceType& type,
                                                             const Zone& zone, Seconds tick,
                                                             std::size_t ticks) const;

  // The type whose mean price is nearest, as a ratio, to what is usual for the instance in
  // question.
  [[nodiscard]] InstanceType type_near(HourlyRate typical) const;

 private:
  using Series = std::vector<PricePoint>;  // by time
  std::string name_;
  std::map<InstanceType, std::map<Zone, Series>> series_;
};

}  // namespace spillway::regret
