#pragma once
// What an administrator configures about prices. Plain structs: operator/ reads them from YAML and
// checks them with validate(). Every source becomes a PriceFeed through make_feed() (feed.h).
//
//   config                  YAML (suggested)
//   MarketConfig.feeds      market.feeds[]: a CapacityPool's spec.price.feed names one
//   .on_demand_catalogue    market.onDemandCatalogue: PATH (catalogue CSV, recording.h)
//   FeedConfig.name         name: unique
//   .poll_interval          pollInterval: 5m (1 s to 1 h)
//   .freshness              freshness: 15m (older is Stale; default: default_freshness())
//   AwsSpotSource           aws: {region, endpoint, credentialsFolder, productDescription}
//   FileSource              file: {path, region}
//   FixedSource             fixed: {prices: [{instanceType, zone, perNodeHour}]}

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <spillway/core/ids.h>
#include <spillway/core/money.h>
#include <spillway/core/result.h>
#include <spillway/core/time.h>

namespace spillway::market {

// EC2 DescribeSpotPriceHistory of one region.
struct AwsSpotSource {
  Region region;
  std::string endpoint;  // "" = https://ec2.<region>.amazonaws.com; an override may be plain http
  std::string credentials_folder;  // "" = AWS_ACCESS_KEY_ID and so on from the environment; else
                                   // credentials.h's folder
  std::string product_description = "Linux/UNIX";
  friend bool operator==(const AwsSpotSource&, const AwsSpotSource&) = default;
};

// A recorded or hand-kept file: history CSV, catalogue CSV, or the JSON of `aws ec2
// describe-spot-price-history` (recording.h), told apart by content. Read again when it changes.
// What it says was heard when it was last written.
struct FileSource {
  std::string path;
  Region region;  // "" = any; else catalogue rows of other regions are left out
  friend bool operator==(const FileSource&, const FileSource&) = default;
};

// Prices that the administrator states; they never grow stale.
struct FixedPrice {
  InstanceType instance_type;
  Zone zone;  // "" = every zone
  HourlyRate per_node;
  friend bool operator==(const FixedPrice&, const FixedPrice&) = default;
};
struct FixedSource {
  std::vector<FixedPrice> prices;
  friend bool operator==(const FixedSource&, const FixedSource&) = default;
};

// Later sources (GCP Cloud Billing catalogue, Azure Retail Prices) are further alternatives here
// and one more case in make_feed().
using FeedSource = std::variant<AwsSpotSource, FileSource, FixedSource>;

struct FeedConfig {
  FeedName name;
  Duration poll_interval = std::chrono::minutes(5);
  std::optional<Duration> freshness;
  FeedSource source;
  friend bool operator==(const FeedConfig&, const FeedConfig&) = default;
};

// Three polls for a live source (15 minutes by default), a day for a file, never for a fixed price
// (Duration::max()).
Duration default_freshness(const FeedConfig& feed);
inline Duration freshness_of(const FeedConfig& feed) {
  return feed.freshness ? *feed.freshness : default_freshness(feed);
}

struct MarketConfig {
  std::vector<FeedConfig> feeds;    // at most 32
  std::string on_demand_catalogue;  // "" = on-demand prices come from the pools and the feeds alone
  friend bool operator==(const MarketConfig&, const MarketConfig&) = default;
};

// One sentence about the first thing that is wrong, saying what to write instead.
Result<void> validate(const MarketConfig& config);

// The origin (cloud::Url::origin()) that a feed speaks to; nullopt when it speaks to none. Programs
// allow exactly these in cloud::HttpClientOptions.
std::optional<std::string> origin_of(const FeedConfig& feed);

}  // namespace spillway::market
