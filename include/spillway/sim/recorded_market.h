#pragma once
// A folder of recorded market data, read whole: prices and availability, and what of it belongs to
// which pool.
//
//   *.csv              prices: a history (instance_type,az,timestamp_utc,usd_per_hour) or a
//                      catalogue (InstanceType,...,Price,SpotPrice,Region,AvailabilityZone), told
//                      apart by their first line (market/recording.h)
//   *.json             a price history as `aws ec2 describe-spot-price-history` prints it, or an
//                      availability trace (recorded_trace.h); other JSON is left out and noted
//   availability.csv   file,zone,instance_type[,starts_at]: which trace is whose, where its name
//                      does not say it, and when it began
//
// Folders below it are read too, in the order of their names. Several files of prices are one. A
// trace that availability.csv does not name belongs to the Spot pools of its zone, model and
// accelerators by node, as its name says: us-west-2a_v100_8.json.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <spillway/api/capacity_pool.h>
#include <spillway/core/result.h>
#include <spillway/core/time.h>
#include <spillway/market/feed.h>
#include <spillway/market/recording.h>
#include <spillway/sim/recorded_trace.h>

namespace spillway::sim {

// From `at` on, until the next one.
struct PriceChange {
  Instant at{};
  HourlyRate per_node;
  friend bool operator==(const PriceChange&, const PriceChange&) = default;
};

// What the market knows of one pool. The trace is the market's and lives as long as it.
struct PoolRecord {
  // Of a Spot pool that names a feed, by time, equal neighbours folded; empty when `constant`.
  std::vector<PriceChange> spot;
  // A price without a time: fixed, from a catalogue, or on demand.
  std::optional<HourlyRate> constant;
  std::optional<HourlyRate> on_demand;   // nullopt: known to nobody
  std::optional<Instant> prices_end;     // the last change that the recording of `spot` has at all
  const RecordedTrace* trace = nullptr;  // nullptr: nobody recorded it, always available
};

struct TimeRange {
  Instant from{};
  Instant to{};
  friend bool operator==(const TimeRange&, const TimeRange&) = default;
};

class RecordedMarket {
 public:
  // `path` is a folder, or a single file. At most 1,000 files, 64 MiB each. kInvalidArgument with
  // the file and line of the first thing that is wrong.
  static Result<RecordedMarket> read(const std::string& path);

  // kInvalidArgument when nobody recorded a price: which pool, and which row is missing.
  [[nodiscard]] Result<PoolRecord> record_of(const api::CapacityPool& pool) const;

  // Sentences about what was left out, in the order of the files.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Join {
    std::string file;
    std::string instance_type;
    Zone zone;
    std::optional<Instant> starts_at;
  };
  Result<void> take_file(const std::string& path, const std::string& name);
  Result<void> take_prices(const std::string& text, const std::string& name);
  Result<void> take_json(const std::string& text, const std::string& name);
  Result<void> take_joins(const std::string& text, const std::string& name);
  Result<void> apply_joins();
  [[nodiscard]] const RecordedTrace* trace_of(const api::CapacityPool& pool) const;

  struct Series {
    std::map<Instant, HourlyRate> changes;
    Instant recorded_until{};
  };
  std::string path_;
  std::map<market::PriceKey, Series> history_;
  std::map<market::PriceKey, HourlyRate> snapshot_;  // spot prices of catalogues
  market::Recording catalogue_rows_;
  market::OnDemandCatalogue catalogue_;
  std::map<std::string, RecordedTrace> traces_;  // by file, below the folder
  std::map<std::string, Join> joins_;            // by the same
  std::vector<std::string> notes_;
};

// The range that was asked for, or as much as every pool has prices and availability for.
// kInvalidArgument, one sentence: empty or backward, longer than 366 days, before the first price
// of a pool (named), or no time in the records to go by.
Result<TimeRange> choose_range(const std::map<PoolName, PoolRecord>& pools,
                               std::optional<Instant> from, std::optional<Instant> to);

}  // namespace spillway::sim
