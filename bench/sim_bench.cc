// A month of market, a thousand training jobs and fifty inference pools: how long it takes to
// simulate, and in how much memory. The market is made up from a seed: eight spot zones with a
// price that moves some ten times a day and capacity that comes and goes, a reserved baseline, and
// capacity on demand.
//
//   bench_simulation [--days 30] [--jobs 1000] [--pools 50] [--seed 1] [--fingerprint 0]
//
// --fingerprint 1 prints a hash of every change of every object, and takes longer for it: what
// makes a simulation faster changes nothing of its history.

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

#include <spillway/core/log.h>
#include <spillway/sim/simulation.h>

namespace {

using namespace spillway;
using nlohmann::json;

constexpr int kZones = 8;
const Instant kStart = parse_instant("2024-01-01T00:00:00Z").value();

struct Size {
  int days = 30;
  int jobs = 1000;
  int pools = 50;
  std::uint64_t seed = 1;
  bool fingerprint = false;
};

std::string zone_name(int zone) {
  return "us-east-1" + std::string(1, static_cast<char>('a' + zone));
}

// An exponential time with this mean.
Duration around(Random& random, Duration mean) {
  const double draw = -std::log(1.0 - random.uniform());
  return std::max(Duration(static_cast<std::int64_t>(draw * static_cast<double>(mean.count()))),
                  Duration(std::chrono::seconds(1)));
}

void write_market(const std::filesystem::path& folder, const Size& size, Random& random) {
  const Duration length = std::chrono::hours(24 * size.days);
  std::ofstream prices(folder / "prices.csv");
  prices << "instance_type,az,timestamp_utc,usd_per_hour\n";
  for (int zone = 0; zone < kZones; ++zone) {
    double price = 8.0 + random.uniform() * 4.0;
    for (Duration at{}; at < length; at += around(random, std::chrono::minutes(144))) {
      price = std::clamp(price * (0.95 + 0.1 * random.uniform()), 6.0, 20.0);
      char line[128];
      std::snprintf(line, sizeof line, "p3.16xlarge,%s,%s,%.4f\n", zone_name(zone).c_str(),
                    format_instant(kStart + at).c_str(), price);
      prices << line;
    }
    prices << "p3.16xlarge," << zone_name(zone) << ',' << format_instant(kStart + length)
           << ",9.00\n";
    json data = json::array();
    Duration left{};
    bool there = true;
    for (Duration at{}; at < length; at += std::chrono::minutes(10)) {
      if (left <= Duration(0)) {
        there = !there || random.uniform() < 0.1;
        left = around(random, there ? std::chrono::hours(20) : std::chrono::hours(2));
      }
      left -= std::chrono::minutes(10);
      data.push_back(there ? 1 : 0);
    }
    std::ofstream trace(folder / (zone_name(zone) + "_v100_8.json"));
    trace << json{{"metadata", {{"gap_seconds", 600}}}, {"data", data}};
  }
}

json pool(const std::string& name, const char* tier, const std::string& zone, json price, int max) {
  return {{"apiVersion", "spillway.dev/v1alpha1"},
          {"kind", "CapacityPool"},
          {"metadata", {{"name", name}}},
          {"spec",
           {{"tier", tier},
            {"accelerator", {{"model", "V100"}, {"perNode", 8}}},
            {"instanceType", "p3.16xlarge"},
            {"location", {{"provider", "aws"}, {"region", "us-east-1"}, {"zone", zone}}},
            {"nodes", {{"selector", {{"pool", name}}}, {"max", max}}},
            {"price", std::move(price)}}}};
}

json workload(const char* kind, const std::string& name, int per_replica, const json& spec) {
  json object = {
      {"apiVersion", "spillway.dev/v1alpha1"},
      {"kind", kind},
      {"metadata", {{"name", name}, {"namespace", "bench"}}},
      {"spec",
       {{"accelerator", {{"models", {{{"name", "V100"}}}}, {"perReplica", per_replica}}},
        {"template", {{"spec", {{"containers", {{{"name", "main"}, {"image", "program:1"}}}}}}}}}}};
  object["spec"].merge_patch(spec);
  return object;
}

std::vector<sim::Manifest> manifests(const Size& size, Random& random) {
  std::vector<sim::Manifest> all;
  const auto add = [&](json object) {
    all.push_back({.source = "object " + std::to_string(all.size()), .object = std::move(object)});
  };
  add(pool("owned", "Reserved", zone_name(0), {{"fixed", "10.00"}, {"onDemand", "24.48"}}, 16));
  for (int zone = 0; zone < kZones; ++zone)
    add(pool("spot-" + zone_name(zone), "Spot", zone_name(zone),
             {{"feed", "aws"}, {"onDemand", "24.48"}}, 40));
  add(pool("on-demand", "OnDemand", zone_name(0), {{"fixed", "24.48"}}, 100));
  for (int i = 0; i < size.pools; ++i) {
    add(workload("InferencePool", "serve-" + std::to_string(i), 1,
                 {{"replicas", 1 + random.next() % 6},
                  {"capacity", {{"baseline", 1}, {"spotPercent", 60}}},
                  {"attribution", {{"team", "team-" + std::to_string(i % 7)}}}}));
  }
  for (int i = 0; i < size.jobs; ++i) {
    const int replicas = 1 << random.next() % 3;
    json job = workload("TrainingJob", "train-" + std::to_string(i), 4,
                        {{"replicas", replicas},
                         {"duration", std::to_string(1 + random.next() % 8) + "h"},
                         {"attribution", {{"team", "team-" + std::to_string(i % 7)}}}});
    const auto minute = random.next() % static_cast<std::uint64_t>(size.days * 24 * 60 - 720);
    job["metadata"]["annotations"] = {
        {"simulate.spillway.dev/submit-after", std::to_string(minute) + "m"}};
    if (i % 3 == 0) job["metadata"]["annotations"]["simulate.spillway.dev/deadline-after"] = "20h";
    add(std::move(job));
  }
  return all;
}

Size parse(int argc, char** argv) {
  Size size;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    const int value = std::atoi(argv[i + 1]);
    if (flag == "--days") size.days = value;
    if (flag == "--jobs") size.jobs = value;
    if (flag == "--pools") size.pools = value;
    if (flag == "--seed") size.seed = static_cast<std::uint64_t>(value);
    if (flag == "--fingerprint") size.fingerprint = value != 0;
  }
  return size;
}

}  // namespace

int main(int argc, char** argv) {
  log::configure(log::Format::kText, log::Level::kError);
  const Size size = parse(argc, argv);
  const auto random = make_random(size.seed);
  const auto folder =
      std::filesystem::temp_directory_path() / ("bench_simulation-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  write_market(folder, size, *random);
  sim::SimulationInput input{.manifests = manifests(size, *random),
                             .market_directory = folder.string(),
                             .from = kStart,
                             .to = kStart + std::chrono::hours(24 * size.days),
                             .seed = size.seed,
                             .fingerprint = size.fingerprint};
  const auto clock = make_system_clock();
  const auto report = sim::simulate(input, *clock);
  std::filesystem::remove_all(folder);
  if (!report) {
    std::fprintf(stderr, "bench_simulation: %s\n", report.error().message.c_str());
    return 2;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const sim::SimulationTotals& totals = report->totals;
  std::printf("%d days, %d jobs, %d pools, seed %llu\n", size.days, size.jobs, size.pools,
              static_cast<unsigned long long>(size.seed));
  std::printf("took %.1f s (%.1f s of CPU), %.0f simulated seconds a second, %ld MiB at most\n",
              static_cast<double>(report->speed.took.count()) / 1000,
              static_cast<double>(usage.ru_utime.tv_sec) +
                  static_cast<double>(usage.ru_utime.tv_usec) / 1e6,
              report->speed.simulated_seconds_per_second(), usage.ru_maxrss / 1024);
  std::printf("%llu passes, %llu writes, %lld finished, %lld interruptions, %lld misses, $%s\n",
              static_cast<unsigned long long>(report->passes),
              static_cast<unsigned long long>(report->writes),
              static_cast<long long>(totals.finished), static_cast<long long>(totals.interruptions),
              static_cast<long long>(totals.deadline_misses), totals.cost.to_string().c_str());
  if (const auto& fingerprint = report->fingerprint)
    std::printf("history %016llx\n", static_cast<unsigned long long>(*fingerprint));
  for (const std::string& violation : report->violations)
    std::printf("broken: %s\n", violation.c_str());
  return report->violations.empty() ? 0 : 1;
}
