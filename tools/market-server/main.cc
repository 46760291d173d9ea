// spillway-market-server: a recorded price history, replayed over the EC2 query API.

#include <CLI/CLI.hpp>
#include <boost/asio/signal_set.hpp>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iostream>

#include <spillway/core/clock.h>
#include <spillway/core/log.h>
#include <spillway/core/text.h>

#include "http_server.h"
#include "routes.h"

namespace spillway::market_server {
namespace {

constexpr int kBadInput = 2;

struct Flags {
  std::string prices, on_demand, listen = "127.0.0.1:0", at, access_key_id, secret_access_key,
                                 credentials, throttle;
  double speed = 1;
  bool admin = false;
};

void define(CLI::App& app, Flags& flags) {
  app.add_option("--prices", flags.prices,
                 "Recorded spot prices: history CSV (instance_type,az,timestamp_utc,usd_per_hour), "
                 "catalogue CSV, or the JSON of 'aws ec2 describe-spot-price-history'")
      ->required();
  app.add_option("--on-demand", flags.on_demand,
                 "On-demand prices (catalogue CSV): spot prices are cut to them, as EC2 does; the "
                 "file is served at /on-demand.csv");
  app.add_option("--listen", flags.listen, "ADDRESS:PORT; port 0 takes a free one")
      ->capture_default_str();
  app.add_option("--at", flags.at, "Market time at the start, RFC 3339 (default: the first price)");
  app.add_option("--speed", flags.speed, "Market time runs this many times as fast as real time")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e6));
  app.add_option("--access-key-id", flags.access_key_id,
                 "Accept only requests signed with this key; with --secret-access-key")
      ->envname("AWS_ACCESS_KEY_ID");
  app.add_option("--secret-access-key", flags.secret_access_key,
                 "Better given by the environment: other users can read command lines")
      ->envname("AWS_SECRET_ACCESS_KEY");
  app.add_option("--credentials", flags.credentials,
                 "AWS shared credentials file: accept requests signed with any key of it");
  app.add_option("--throttle", flags.throttle,
                 "BURST:PER_SECOND, such as 100:20: answer RequestLimitExceeded beyond");
  app.add_flag("--admin", flags.admin, "Let GET and POST /admin/time read and set the market time");
  app.footer(
      "Prints the address on standard output once it listens. Without credentials, "
      "signatures are not looked at.");
}

Result<market::Recording> read_recording(const std::string& path) {
  TRY(text, market::read_price_file(path));
  auto recording = market::parse_recording(text);
  if (!recording) return fail(recording.error().in(path));
  return std::move(*recording);
}

struct OnDemand {
  market::OnDemandCatalogue catalogue;
  std::string csv;
};

Result<OnDemand> read_on_demand(const std::string& path) {
  if (path.empty()) return OnDemand{};
  TRY(text, market::read_price_file(path));
  TRY(recording, read_recording(path));
  if (!recording.refused.empty()) {
    const market::RefusedRow& bad = recording.refused.front();
    return invalid(path + ": line " + std::to_string(bad.line) + ": " + bad.message);
  }
  market::OnDemandCatalogue catalogue(recording);
  if (catalogue.size() == 0) return invalid(path + ": there is no on-demand price in it");
  return OnDemand{std::move(catalogue), std::move(text)};
}

Result<Ec2ApiOptions> api_options(const Flags& flags) {
  Ec2ApiOptions out;
  if (flags.access_key_id.empty() != flags.secret_access_key.empty()) {
    return invalid("--access-key-id and --secret-access-key belong together: give both or neither");
  }
  if (!flags.access_key_id.empty()) {
    out.keys.emplace(flags.access_key_id, Secret(flags.secret_access_key));
  }
  if (!flags.credentials.empty()) {
    std::ifstream in(flags.credentials, std::ios::binary);
    if (!in) return invalid("there is no credentials file '" + flags.credentials + "'");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    auto profiles = cloud::parse_shared_credentials(text);
    if (!profiles) return fail(profiles.error().in(flags.credentials));
    for (auto& [profile, credentials] : *profiles) {
      out.keys.emplace(credentials.access_key_id, credentials.secret_access_key);
    }
  }
  if (!flags.throttle.empty()) {
    const auto parts = split(flags.throttle, ':');
    ThrottleLimits limits;
    const auto number = [](std::string_view part, double& value) {
      const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
      return error == std::errc() && end == part.data() + part.size() && std::isfinite(value);
    };
    if (parts.size() != 2 || !number(parts[0], limits.burst) ||
        !number(parts[1], limits.per_second) || limits.burst < 1 || limits.per_second < 0) {
      return invalid("--throttle '" + flags.throttle + "' is not BURST:PER_SECOND: write 100:20");
    }
    out.throttle = limits;
  }
  return out;
}

Result<void> run(const Flags& flags) {
  TRY(on_demand, read_on_demand(flags.on_demand));
  TRY(recording, read_recording(flags.prices));
  TRY(options, api_options(flags));
  Instant at{};
  if (!flags.at.empty()) {
    auto parsed = parse_instant(flags.at);
    if (!parsed) return fail(parsed.error().in("--at"));
    at = *parsed;
  }
  auto market = RecordedMarket::make(recording, on_demand.catalogue, at);
  if (!market) return fail(market.error().in(flags.prices));
  if (flags.at.empty()) at = market->first();

  const auto clock = make_system_clock();
  MarketTime time(*clock, at, flags.speed);
  const bool signed_only = !options.keys.empty();
  Ec2Api api(*market, time, *clock, std::move(options));
  asio::io_context io;
  TRY(server,
      listen(io, flags.listen,
             make_handler(api, time, {.admin = flags.admin, .on_demand_csv = on_demand.csv})));
  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code&, int) { server->stop(); });

  std::cout << "listening on http://" << server->address() << std::endl;
  log::info("market opened", {{"prices", market->size()},
                              {"from", format_instant(market->first())},
                              {"to", format_instant(market->last())},
                              {"at", format_instant(at)},
                              {"signatures", signed_only ? "checked" : "not looked at"}});
  io.run();
  log::info("market closed");
  return {};
}

}  // namespace
}  // namespace spillway::market_server

int main(int argc, char** argv) {
  using namespace spillway;
  log::configure(log::Format::kText, log::Level::kInfo);
  CLI::App app("Replays recorded spot prices over the EC2 query API (DescribeSpotPriceHistory).",
               "spillway-market-server");
  market_server::Flags flags;
  market_server::define(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : market_server::kBadInput;
  }
  const auto done = market_server::run(flags);
  if (done) return 0;
  std::cerr << "spillway-market-server: " << done.error().message << "\n";
  return market_server::kBadInput;
}
