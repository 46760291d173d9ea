#include <spillway/market/config.h>

#include <set>

#include <spillway/cloud/url.h>
#include <spillway/market/recording.h>

namespace spillway::market {
namespace {

constexpr std::size_t kMaxFeeds = 32;
constexpr Duration kShortestPoll = std::chrono::seconds(1);  // EC2 refills 20 requests a second
constexpr Duration kLongestPoll = std::chrono::hours(1);
constexpr int kPollsUntilStale = 3;
constexpr Duration kFileFreshness = std::chrono::hours(24);

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

std::string endpoint_of(const AwsSpotSource& source) {
  if (!source.endpoint.empty()) return source.endpoint;
  return "https://ec2." + source.region.str() + ".amazonaws.com";
}

Result<void> check(const AwsSpotSource& source) {
  if (source.region.empty()) return invalid("'region' is missing: write one such as us-east-1");
  if (source.product_description.empty()) {
    return invalid("'productDescription' is empty: leave it out, or write Linux/UNIX");
  }
  TRY(url, cloud::parse_url(endpoint_of(source)));
  if (!url.query.empty()) {
    return invalid("'endpoint' must not have a query: leave out '?' and the rest");
  }
  return {};
}

Result<void> check(const FileSource& source) {
  if (source.path.empty()) return invalid("'path' is missing: write the path of a price file");
  return {};
}

Result<void> check(const FixedSource& source) {
  for (const FixedPrice& price : source.prices) {
    if (price.instance_type.empty()) return invalid("a fixed price needs an 'instanceType'");
    if (price.per_node <= HourlyRate() || price.per_node > kAbsurdRate) {
      return invalid("the fixed price of " + price.instance_type.str() +
                     " has to be above 0 and at most " + kAbsurdRate.to_string() +
                     " dollars per hour");
    }
  }
  if (source.prices.empty()) return invalid("a fixed source needs at least one price");
  return {};
}

Result<void> check(const FeedConfig& feed) {
  if (feed.poll_interval < kShortestPoll || feed.poll_interval > kLongestPoll) {
    return invalid("'pollInterval' has to be from 1s to 1h");
  }
  if (feed.freshness && *feed.freshness < feed.poll_interval) {
    return invalid(
        "'freshness' is shorter than 'pollInterval', so that every price would be stale between "
        "polls: write at least three times the interval");
  }
  return std::visit([](const auto& source) { return check(source); }, feed.source);
}

}  // namespace

Duration default_freshness(const FeedConfig& feed) {
  return std::visit(
      Overloaded{[&](const AwsSpotSource&) { return feed.poll_interval * kPollsUntilStale; },
                 [](const FileSource&) { return kFileFreshness; },
                 [](const FixedSource&) { return Duration::max(); }},
      feed.source);
}

Result<void> validate(const MarketConfig& config) {
  if (config.feeds.size() > kMaxFeeds) {
    return invalid("there may be at most 32 price feeds: one serves a whole region");
  }
  std::set<FeedName> names;
  for (const FeedConfig& feed : config.feeds) {
    if (feed.name.empty()) return invalid("a price feed has no 'name'");
    if (!names.insert(feed.name).second) {
      return invalid("there are two price feeds named '" + feed.name.str() +
                     "': give each a name of its own");
    }
    if (const auto checked = check(feed); !checked) {
      return fail(checked.error().in("price feed '" + feed.name.str() + "'"));
    }
  }
  return {};
}

std::optional<std::string> origin_of(const FeedConfig& feed) {
  const auto* aws = std::get_if<AwsSpotSource>(&feed.source);
  if (aws == nullptr) return std::nullopt;
  const auto url = cloud::parse_url(endpoint_of(*aws));
  if (!url) return std::nullopt;
  return url->origin();
}

}  // namespace spillway::market
