#pragma once
// What a window of recorded time offers: zones with availability and price per tick, one length of
// tick for all.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "trace.h"

namespace spillway::regret {

struct ZoneSeries {
  std::string name;
  std::vector<std::uint8_t> available;  // per tick
  std::vector<double> price;            // dollars per hour, per tick
};

// Zones of one market. Series have the same length.
struct Market {
  std::string name;
  Seconds tick = 0;
  double on_demand_price = 0;  // dollars per hour
  std::vector<ZoneSeries> zones;

  [[nodiscard]] std::size_t ticks() const { return zones.front().available.size(); }
};

// A job: at most `deadline` after its start `work` must be done.
struct JobTerms {
  Seconds work = 0;
  Seconds deadline = 0;
  Seconds changeover = 0;
};

// One run: the job starts at tick `start` of the market; `history` ticks before it may have been
// watched.
struct Window {
  const Market* market = nullptr;
  std::size_t start = 0;
  std::size_t history = 0;

  [[nodiscard]] std::uint8_t available(std::size_t zone, std::size_t tick) const {
    return market->zones[zone].available[start + tick];
  }
  [[nodiscard]] double price(std::size_t zone, std::size_t tick) const {
    return market->zones[zone].price[start + tick];
  }
};

// Whole ticks until the deadline; a job cannot use a part of one.
[[nodiscard]] inline std::size_t ticks_until_deadline(const JobTerms& job, Seconds tick) {
  return static_cast<std::size_t>(job.deadline / tick);
}

}  // namespace spillway::regret
