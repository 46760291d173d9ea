// The promise of a service that survives the loss of a zone: as many replicas are ready as were
// asked for, whatever zone goes, with a notice or without a word. On a market that is made up, and
// on recorded availability where that is at hand (SPILLWAY_SHARED, by default `shared` beside the
// checkout). Prices do not move here; the serving figures of docs/ have them.

#include <spillway/sim/simulation.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include <gtest/gtest.h>

#include "market_folder.h"

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr int kReplicas = 6;
const json kThroughZoneLoss{{"spotPercent", 100}, {"survives", "ZoneLoss"}};
const json kCheapest{{"spotPercent", 100}};

struct Trace {
  std::string zone;
  std::int64_t tick_seconds = 600;
  std::vector<int> there;  // by tick
};

json pool(const std::string& name, const char* tier, const std::string& zone, const char* price,
          const char* notice) {
  return {{"apiVersion", "spillway.dev/v1alpha1"},
          {"kind", "CapacityPool"},
          {"metadata",
           {{"name", name},
            {"annotations",
             {{"simulate.spillway.dev/provisioning", "4m"},
              {"simulate.spillway.dev/notice", notice}}}}},
          {"spec",
           {{"tier", tier},
            {"accelerator", {{"model", "V100"}, {"perNode", 1}}},
            {"instanceType", "p3.2xlarge"},
            {"location",
             {{"provider", "aws"}, {"region", zone.substr(0, zone.size() - 1)}, {"zone", zone}}},
            {"nodes", {{"selector", {{"pool", name}}}, {"max", 4 * kReplicas}}},
            {"price", {{"fixed", price}, {"onDemand", "3.00"}}}}}};
}

json service(const json& capacity) {
  return {{"apiVersion", "spillway.dev/v1alpha1"},
          {"kind", "InferencePool"},
          {"metadata", {{"name", "serve"}, {"namespace", "team-a"}}},
          {"spec",
           {{"replicas", kReplicas},
            {"accelerator", {{"models", json::array({{{"name", "V100"}}})}, {"perReplica", 1}}},
            {"capacity", capacity},
            {"template",
             {{"metadata", {{"annotations", {{"simulate.spillway.dev/start-seconds", "180"}}}}},
              {"spec", {{"containers", json::array({{{"name", "main"}, {"image", "x:1"}}})}}}}}}}};
}

class ServingPromise : public testing::TestWithParam<const char*> {
 protected:
  // The shortfall of a service in the days from the beginning of the traces.
  Shortfall serve(const std::vector<Trace>& traces, const json& capacity, int days) {
    const MarketFolder folder;
    SimulationInput input{.market_directory = folder.path()};
    const auto add = [&](json object) {
      input.manifests.push_back({.source = "test", .object = std::move(object)});
    };
    // The first zone is the cheapest.
    const char* price = "1.00";
    for (const Trace& trace : traces) {
      const json document{{"metadata", {{"gap_seconds", trace.tick_seconds}}},
                          {"data", trace.there}};
      folder.write(trace.zone + "_v100_1.json", document.dump());
      add(pool("spot-" + trace.zone, "Spot", trace.zone, price, GetParam()));
      price = "1.20";
    }
    add(pool("od", "OnDemand", traces[0].zone, "3.00", GetParam()));
    add(service(capacity));
    input.from = parse_instant("2020-01-01T00:00:00Z").value();
    input.to = *input.from + std::chrono::hours(24 * days);
    const auto report = simulate(input, *make_system_clock());
    if (!report) {
      ADD_FAILURE() << report.error().message;
      return {};
    }
    EXPECT_TRUE(report->violations.empty()) << report->violations.front();
    EXPECT_TRUE(report->workloads.at(0).started) << "it never served as asked";
    return report->workloads[0].shortfall;
  }
};

bool has(const Shortfall& shortfall, ShortfallCause cause) {
  return shortfall.by_cause.contains(cause);
}

// Three zones, each without capacity for 50 minutes in five hours, never two at once.
std::vector<Trace> made_up_market(int days) {
  constexpr int kPeriod = 30;
  constexpr int kGap = 5;
  std::vector<Trace> traces;
  for (const int offset : {0, 10, 20}) {
    Trace trace{.zone = std::string("us-east-1") + static_cast<char>('a' + offset / 10),
                .there = {}};
    for (int tick = 0; tick < days * 144; ++tick)
      trace.there.push_back((tick + offset) % kPeriod < kPeriod - kGap ? 1 : 0);
    traces.push_back(std::move(trace));
  }
  return traces;
}

TEST_P(ServingPromise, IsKeptWhicheverZoneGoes) {
  const Shortfall shortfall = serve(made_up_market(3), kThroughZoneLoss, 3);
  EXPECT_EQ(shortfall.times, 0);
  EXPECT_EQ(shortfall.below, Duration(0));
  EXPECT_FALSE(shortfall.fewest) << *shortfall.fewest << " were ready";
  EXPECT_EQ(shortfall.exposed.times, 0);
  EXPECT_EQ(shortfall.uncovered, Duration(0));
}

TEST_P(ServingPromise, IsMissedInTheSameMarketByAServiceThatAsksForNone) {
  const Shortfall shortfall = serve(made_up_market(3), kCheapest, 3);
  EXPECT_GT(shortfall.times, 5);
  EXPECT_EQ(shortfall.fewest, 0);
  EXPECT_TRUE(has(shortfall, ShortfallCause::kOther)) << "one zone was enough";
  EXPECT_FALSE(has(shortfall, ShortfallCause::kZonesTogether));
}

// All zones go at once, for 50 minutes in five hours.
std::vector<Trace> market_that_goes_as_a_whole(int days) {
  std::vector<Trace> traces = made_up_market(days);
  for (Trace& trace : traces)
    trace.there = traces.front().there;
  return traces;
}

TEST_P(ServingPromise, IsNotHeldAgainstTheLossOfAllZonesAtOnce) {
  const Shortfall shortfall = serve(market_that_goes_as_a_whole(1), kThroughZoneLoss, 1);
  EXPECT_TRUE(has(shortfall, ShortfallCause::kZonesTogether));
  EXPECT_FALSE(has(shortfall, ShortfallCause::kOther));
}

TEST_P(ServingPromise, OfABaselineIsKeptWhateverGoes) {
  const json half{{"baseline", kReplicas / 2}, {"spotPercent", 100}};
  const Shortfall shortfall = serve(market_that_goes_as_a_whole(1), half, 1);
  EXPECT_GT(shortfall.times, 0);
  EXPECT_EQ(shortfall.fewest, kReplicas / 2);
  EXPECT_EQ(shortfall.baseline.times, 0);
}

TEST_P(ServingPromise, IsKeptBesideABaseline) {
  json both = kThroughZoneLoss;
  both["baseline"] = kReplicas / 2;
  const Shortfall shortfall = serve(made_up_market(1), both, 1);
  EXPECT_EQ(shortfall.times, 0);
  EXPECT_EQ(shortfall.exposed.times, 0);
  EXPECT_EQ(shortfall.baseline.times, 0);
}

std::optional<Trace> recorded(const std::string& zone) {
  const char* given = std::getenv("SPILLWAY_SHARED");
  const std::filesystem::path shared = given != nullptr ? given : SPILLWAY_SOURCE_DIR "/../shared";
  std::ifstream file(shared / "data/spot-availability/1-node-2023-02" / (zone + "_v100_1.json"));
  if (!file) return std::nullopt;
  const json document = json::parse(file);
  return Trace{.zone = zone,
               .tick_seconds = document.at("metadata").at("gap_seconds").get<std::int64_t>(),
               .there = document.at("data").get<std::vector<int>>()};
}

// How often a zone went within `window` of another.
int double_losses(const std::vector<Trace>& traces, int days, Duration window) {
  std::vector<std::pair<std::int64_t, std::string>> losses;  // at which second
  for (const Trace& trace : traces) {
    for (std::size_t tick = 1; tick < trace.there.size(); ++tick) {
      const std::int64_t at = static_cast<std::int64_t>(tick) * trace.tick_seconds;
      const bool lost = trace.there[tick] == 0 && trace.there[tick - 1] > 0;
      if (lost && at < days * 86'400) losses.emplace_back(at, trace.zone);
    }
  }
  std::ranges::sort(losses);
  int found = 0;
  for (std::size_t i = 1; i < losses.size(); ++i) {
    const std::chrono::seconds apart(losses[i].first - losses[i - 1].first);
    found += apart <= window && losses[i].second != losses[i - 1].second ? 1 : 0;
  }
  return found;
}

TEST_P(ServingPromise, IsBrokenOnRecordedMarketsOnlyWhereTwoZonesGoTogether) {
  constexpr int kDays = 5;
  std::vector<Trace> traces;
  for (const char* zone : {"us-east-2a", "us-west-2a", "us-west-2c"}) {
    auto trace = recorded(zone);
    if (!trace) GTEST_SKIP() << "no recorded availability: set SPILLWAY_SHARED to its folder";
    traces.push_back(*std::move(trace));
  }
  // What takes over is launched, is there after 4 minutes, and is ready 3 minutes later.
  const int together = double_losses(traces, kDays, std::chrono::minutes(10));
  const Shortfall shortfall = serve(traces, kThroughZoneLoss, kDays);
  EXPECT_LE(shortfall.times, together);
  EXPECT_LE(shortfall.below, together * std::chrono::minutes(10));
  EXPECT_FALSE(has(shortfall, ShortfallCause::kOther));
  EXPECT_EQ(shortfall.exposed.times, 0);
  EXPECT_EQ(shortfall.uncovered, Duration(0));
}

std::string name_of(const testing::TestParamInfo<const char*>& info) {
  return std::string(info.param) == "0s" ? "WithoutNotice" : "WithNotice";
}

INSTANTIATE_TEST_SUITE_P(Notices, ServingPromise, testing::Values("2m", "0s"), name_of);

}  // namespace
}  // namespace spillway::sim
