#pragma once
// A price feed: something that can be asked what a node costs now. Polling is the only thing it
// does; history, age, quality and fallback are the series' (series.h), timing and errors the
// keeper's (keeper.h).

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <spillway/async/timers.h>
#include <spillway/cloud/credentials.h>
#include <spillway/cloud/http.h>
#include <spillway/core/ids.h>
#include <spillway/core/money.h>
#include <spillway/core/result.h>
#include <spillway/core/time.h>
#include <spillway/market/config.h>
#include <spillway/market/recording.h>

namespace spillway::market {

// What a price is of. `zone` is a zone name or a zone id, as the pool wrote it: AWS's letters
// differ from account to account, so neither is ever turned into the other; a feed answers under
// the name it was asked for.
struct PriceKey {
  InstanceType instance_type;
  Zone zone;
  friend auto operator<=>(const PriceKey&, const PriceKey&) = default;
  friend bool operator==(const PriceKey&, const PriceKey&) = default;
};

struct PriceObservation {
  PriceKey key;
  std::optional<HourlyRate>
      spot;  // the current spot price; nullopt = this source only knows on_demand
  std::optional<HourlyRate> on_demand;  // beside it, when the source knows
  Instant changed_at{};                 // when the price took this value, as the source recorded it
  std::optional<Instant>
      heard_at;  // nullopt = with this poll; a file was "heard" when it was written
};

// Bounded counters of what was refused, by reason.
struct RefusalCounts {
  std::array<std::uint64_t, kRefusalKinds> by_reason{};
  void add(Refusal refusal) { ++by_reason[static_cast<std::size_t>(refusal)]; }
  void add(const RefusalCounts& other);
  [[nodiscard]] std::uint64_t of(Refusal refusal) const {
    return by_reason[static_cast<std::size_t>(refusal)];
  }
  [[nodiscard]] std::uint64_t total() const;
};

struct PollResult {
  std::vector<PriceObservation> observations;  // at most one per wanted key: the newest
  RefusalCounts refused;
};

// Control thread only; one poll at a time. A feed returns what it has for the wanted keys and
// leaves out what it does not know. An Error means that nothing was learnt and the old prices stay;
// kThrottled carries retry_after.
class PriceFeed {
 public:
  virtual ~PriceFeed() = default;
  [[nodiscard]] virtual const FeedName& name() const = 0;
  virtual Task<Result<PollResult>> poll(std::vector<PriceKey> wanted) = 0;
  // For the end of the program: a poll in flight does not start another request or wait any more.
  virtual void stop() {}
};

// Bounds of one poll of an HTTP feed.
struct PollLimits {
  Duration request_timeout = std::chrono::seconds(30);
  std::size_t instance_types_per_request = 50;
  std::size_t max_pages = 100;  // per request batch; more is an error
  std::size_t max_response_bytes = std::size_t{8} << 20;
  int max_throttle_retries = 4;  // then the poll fails and the keeper backs off
  Duration throttle_base =
      std::chrono::seconds(1);  // doubled each time, with jitter, at most throttle_cap
  Duration throttle_cap = std::chrono::seconds(20);
};

std::unique_ptr<PriceFeed> make_aws_spot_feed(
    const Runtime& runtime, FeedName name, AwsSpotSource source, cloud::HttpClient& http,
    std::unique_ptr<cloud::CredentialsProvider> credentials, PollLimits limits = {});
// Of a history the newest change not after clock.now() counts. A file without a line for a wanted
// key says nothing of it.
std::unique_ptr<PriceFeed> make_file_feed(const Runtime& runtime, FeedName name, FileSource source);
std::unique_ptr<PriceFeed> make_fixed_feed(FeedName name, FixedSource source);

// The feed that a (valid) configuration describes. `http` outlives the feed.
std::unique_ptr<PriceFeed> make_feed(const Runtime& runtime, const FeedConfig& config,
                                     cloud::HttpClient& http, cloud::EnvironmentLookup environment);

}  // namespace spillway::market
