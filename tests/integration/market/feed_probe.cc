// Polls the real EC2 feed once, over the real HTTP client, and prints what it learnt as one JSON
// object:
//   feed_probe ENDPOINT REGION TYPE/ZONE...      keys from AWS_ACCESS_KEY_ID and
//   AWS_SECRET_ACCESS_KEY
// {"observations":[{"type","zone","spot","changedAt"}],"refused":0}  or
// {"error":{"code","message"}}

#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include <spillway/core/text.h>
#include <spillway/market/feed.h>

namespace spillway::market {
namespace {

nlohmann::json to_json(const Result<PollResult>& result) {
  if (!result) {
    return {
        {"error", {{"code", to_string(result.error().code)}, {"message", result.error().message}}}};
  }
  auto observations = nlohmann::json::array();
  for (const PriceObservation& seen : result->observations) {
    observations.push_back({{"type", seen.key.instance_type.str()},
                            {"zone", seen.key.zone.str()},
                            {"spot", seen.spot->to_string()},
                            {"changedAt", format_instant(seen.changed_at)}});
  }
  return {{"observations", observations}, {"refused", result->refused.total()}};
}

Task<void> poll(PriceFeed& feed, std::vector<PriceKey> wanted, nlohmann::json& out) {
  out = to_json(co_await feed.poll(std::move(wanted)));
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() < 3) {
    std::cerr << "usage: feed_probe ENDPOINT REGION TYPE/ZONE...\n";
    return 2;
  }
  const FeedConfig config{
      .name = FeedName("probe"),
      .source = AwsSpotSource{.region = Region(arguments[1]), .endpoint = arguments[0]}};
  if (const auto valid = validate({.feeds = {config}}); !valid) {
    std::cerr << valid.error().message << "\n";
    return 2;
  }
  std::vector<PriceKey> wanted;
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    const auto parts = split(arguments[i], '/');
    wanted.push_back({InstanceType(parts.front()), Zone(parts.back())});
  }
  asio::io_context io;
  const auto clock = make_system_clock();
  const auto timers = make_system_timers(io.get_executor());
  const auto random = make_entropy_random();
  const Runtime runtime{io.get_executor(), *clock, *timers, *random};
  const auto http =
      cloud::make_http_client(runtime, {.allowed_origins = {origin_of(config).value()}});
  const auto feed =
      make_feed(runtime, config, *http, [](const char* name) { return std::getenv(name); });
  nlohmann::json out;
  asio::co_spawn(io, poll(*feed, std::move(wanted), out), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  io.run();
  std::cout << out.dump() << "\n";
  return 0;
}

}  // namespace
}  // namespace spillway::market

int main(int argc, char** argv) {
  return spillway::market::run(std::vector<std::string>(argv + 1, argv + argc));
}
