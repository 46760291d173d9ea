#pragma once
// Files of prices, read into values. Three formats, told apart by their first line:
//
//   history CSV    instance_type,az,timestamp_utc,usd_per_hour
//                  one price change a line, any order
//   catalogue CSV  InstanceType,...,Price,SpotPrice,Region,AvailabilityZone
//                  one instant; Price is on demand; either price may be empty (not offered)
//   history JSON   the answer of `aws ec2 describe-spot-price-history`: {"SpotPriceHistory": [{
//                  "AvailabilityZone", "InstanceType", "ProductDescription", "SpotPrice",
//                  "Timestamp"}]}
//
// Columns may come in any order and further columns are ignored. No quoting, no comments. A bad
// line never spoils the others: it is left out and reported. Whether that is fatal is up to the
// caller.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/core/ids.h>
#include <spillway/core/money.h>
#include <spillway/core/result.h>
#include <spillway/core/time.h>

namespace spillway::market {

// Why a price was not taken. A price that is refused never places anything.
enum class Refusal { kNotDecimal, kZero, kNegative, kAbsurd, kBadTime, kBadRow, kOtherProduct };
inline constexpr std::size_t kRefusalKinds = 7;
std::string_view to_string(Refusal refusal);

// Above this no node was ever sold by the hour; a decimal point was lost.
inline constexpr HourlyRate kAbsurdRate = HourlyRate(Money::dollars(10'000));

// A price as a peer or a file wrote it: a plain decimal above zero and up to kAbsurdRate.
tl::expected<HourlyRate, Refusal> parse_price(std::string_view text);

struct RecordedPrice {
  InstanceType instance_type;
  Zone zone;
  Region region;                        // "" when the format does not say (history)
  std::optional<Instant> changed_at;    // nullopt in a catalogue
  std::optional<HourlyRate> spot;       // nullopt = not offered as spot
  std::optional<HourlyRate> on_demand;  // catalogue only
};

struct RefusedRow {
  std::size_t line = 0;  // from 1; for JSON the element's number
  Refusal refusal = Refusal::kBadRow;
  std::string message;  // one sentence: what is wrong and what to write instead
};

struct Recording {
  std::vector<RecordedPrice> prices;  // in the order of the file
  std::vector<RefusedRow> refused;
};

// At most 64 MiB and a million rows. kInvalidArgument when the format is not recognised.
Result<Recording> parse_recording(std::string_view text);
// Reads a regular file of at most 64 MiB.
Result<std::string> read_price_file(const std::string& path);

// On-demand prices by instance type and region, from a catalogue. When a catalogue names several
// prices for one key the highest counts, because it is used as an upper bound.
class OnDemandCatalogue {
 public:
  OnDemandCatalogue() = default;
  explicit OnDemandCatalogue(const Recording& catalogue);
  // nullopt = unknown. A region that is not listed is unknown, not "the same as elsewhere"; an
  // empty region matches the instance type when all its regions agree.
  [[nodiscard]] std::optional<HourlyRate> find(const InstanceType& type,
                                               const Region& region) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    InstanceType type;
    Region region;
    HourlyRate rate;
  };
  std::vector<Entry> entries_;  // sorted by type, region
};

}  // namespace spillway::market
