// Which part of a recorded market a simulation runs over.
#include <algorithm>

#include <spillway/sim/recorded_market.h>

namespace spillway::sim {
namespace {

constexpr auto kLongest = std::chrono::hours(24 * 366);

// What all pools together have records for.
struct Reach {
  std::optional<Instant> from;      // the latest beginning
  std::optional<Instant> to;        // the earliest end
  std::optional<Duration> at_most;  // the shortest trace that has no date
};

Reach reach_of(const std::map<PoolName, PoolRecord>& pools) {
  Reach reach;
  const auto begins = [&](Instant at) { reach.from = std::max(reach.from.value_or(at), at); };
  const auto ends = [&](Instant at) { reach.to = std::min(reach.to.value_or(at), at); };
  for (const auto& [name, record] : pools) {
    if (!record.spot.empty()) {
      begins(record.spot.front().at);
      ends(record.prices_end.value_or(record.spot.back().at));
    }
    if (record.trace == nullptr) continue;
    const Duration length = record.trace->length();
    if (record.trace->start) {
      begins(*record.trace->start);
      ends(*record.trace->start + length);
    } else {
      reach.at_most = std::min(reach.at_most.value_or(length), length);
    }
  }
  return reach;
}

std::string span_text(Instant from, Instant to) {
  return format_instant(from) + " to " + format_instant(to);
}

Result<void> check_order(Instant from, Instant to) {
  if (from == to)
    return invalid("the range is empty: --to is --from (" + format_instant(from) +
                   "): write a later --to");
  if (from > to) {
    return invalid("the range runs backward: --from " + format_instant(from) + " is after --to " +
                   format_instant(to) + ": write an earlier --from or a later --to");
  }
  if (to - from > kLongest) {
    return invalid("the range " + span_text(from, to) +
                   " is longer than 366 days: write --from and --to closer together");
  }
  return {};
}

Result<void> check_prices(const std::map<PoolName, PoolRecord>& pools, Instant from) {
  for (const auto& [name, record] : pools) {
    if (record.spot.empty() || record.spot.front().at <= from) continue;
    return invalid("CapacityPool " + name.str() + " has no recorded price at " +
                   format_instant(from) + ": its first is of " +
                   format_instant(record.spot.front().at) + ": write --from " +
                   format_instant(std::chrono::ceil<std::chrono::seconds>(record.spot.front().at)) +
                   " or later");
  }
  return {};
}

}  // namespace

Result<TimeRange> choose_range(const std::map<PoolName, PoolRecord>& pools,
                               std::optional<Instant> from, std::optional<Instant> to) {
  if (from && to) {
    TRY_VOID(check_order(*from, *to));
  }
  const Reach reach = reach_of(pools);
  TimeRange range;
  if (!from && !reach.from) {
    return invalid(
        "no record of the market has a date to begin at: write --from and --to, such as --from "
        "2020-01-06T00:00:00Z --to 2020-01-13T00:00:00Z");
  }
  range.from = std::chrono::ceil<std::chrono::seconds>(from ? *from : *reach.from);
  std::optional<Instant> end = to ? to : reach.to;
  if (!to && reach.at_most)
    end = std::min(end.value_or(range.from + *reach.at_most), range.from + *reach.at_most);
  if (!end) {
    return invalid("no record of the market says when to end: write --to, such as --to " +
                   format_instant(range.from + std::chrono::hours(24 * 7)));
  }
  if (!to && *end <= range.from) {
    return invalid(
        "the records of the pools have no time in common (the last to begin does so at " +
        format_instant(range.from) + ", the first to end at " + format_instant(*end) +
        "): write --from and --to, or leave out a pool");
  }
  range.to = std::chrono::floor<std::chrono::seconds>(*end);
  if (!to) range.to = std::min(range.to, range.from + kLongest);
  TRY_VOID(check_order(range.from, range.to));
  TRY_VOID(check_prices(pools, range.from));
  return range;
}

}  // namespace spillway::sim
