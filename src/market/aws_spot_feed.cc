// EC2 DescribeSpotPriceHistory as a price feed: batches of instance types, pages, throttling.

#include <algorithm>
#include <map>
#include <set>

#include <spillway/cloud/sigv4.h>
#include <spillway/core/check.h>
#include <spillway/market/feed.h>

#include "ec2_spot.h"

namespace spillway::market {
namespace {

using Newest = std::map<PriceKey, PriceObservation>;

std::vector<InstanceType> types_of(const std::vector<PriceKey>& wanted) {
  std::set<InstanceType> types;
  for (const PriceKey& key : wanted)
    types.insert(key.instance_type);
  return {types.begin(), types.end()};
}

// A wanted zone may be a name or an id; the price is kept under what was asked for.
void keep_newest(const SpotPriceItem& item, const std::set<PriceKey>& wanted, Newest& newest) {
  for (const Zone* zone : {&item.zone, &item.zone_id}) {
    const PriceKey key{item.instance_type, *zone};
    if (zone->empty() || !wanted.contains(key)) continue;
    PriceObservation& known = newest[key];
    if (known.spot && known.changed_at >= item.changed_at) continue;
    known = {.key = key, .spot = item.price, .changed_at = item.changed_at};
  }
}

class AwsSpotFeed final : public PriceFeed {
 public:
  AwsSpotFeed(const Runtime& runtime, FeedName name, AwsSpotSource source, cloud::HttpClient& http,
              std::unique_ptr<cloud::CredentialsProvider> credentials, PollLimits limits)
      : runtime_(runtime),
        name_(std::move(name)),
        source_(std::move(source)),
        http_(http),
        credentials_(std::move(credentials)),
        limits_(limits),
        wait_(runtime.timers.make()) {
    const FeedConfig config{.name = name_, .source = source_};
    auto url = cloud::parse_url(source_.endpoint.empty() ? origin_of(config).value_or("")
                                                         : source_.endpoint);
    SPILLWAY_CHECK(url.has_value());  // validate() has seen it
    url_ = std::move(*url);
  }

  [[nodiscard]] const FeedName& name() const override { return name_; }

  void stop() override {
    stopping_ = true;
    wait_->cancel();
  }

  Task<Result<PollResult>> poll(std::vector<PriceKey> wanted) override {
    PollResult out;
    const std::set<PriceKey> keys(wanted.begin(), wanted.end());
    const std::vector<InstanceType> types = types_of(wanted);
    Newest newest;
    for (std::size_t from = 0; from < types.size(); from += limits_.instance_types_per_request) {
      const std::size_t to = std::min(types.size(), from + limits_.instance_types_per_request);
      const auto at = [&](std::size_t i) { return types.begin() + static_cast<std::ptrdiff_t>(i); };
      std::vector<InstanceType> batch(at(from), at(to));
      TRY_CO(pages, co_await read_pages(std::move(batch)));
      for (const SpotPricePage& page : pages) {
        out.refused.add(page.refused);
        for (const SpotPriceItem& item : page.items) {
          if (is_product(item.product, source_.product_description)) {
            keep_newest(item, keys, newest);
          } else {
            out.refused.add(Refusal::kOtherProduct);
          }
        }
      }
    }
    for (auto& [key, observation] : newest)
      out.observations.push_back(std::move(observation));
    co_return out;
  }

 private:
  Task<Result<std::vector<SpotPricePage>>> read_pages(std::vector<InstanceType> types) {
    // One StartTime for all pages: a token continues the query it was made for.
    const Instant start = runtime_.clock.now();
    std::vector<SpotPricePage> pages;
    std::set<std::string> seen;
    std::string token;
    do {
      if (pages.size() == limits_.max_pages) {
        co_return fail(ErrorCode::kInternal, "the price history has more than " +
                                                 std::to_string(limits_.max_pages) + " pages");
      }
      const std::string form =
          cloud::encode_form(spot_price_query(types, source_.product_description, start, token));
      TRY_CO(response, co_await send_unless_throttled(form));
      TRY_CO(page, parse_spot_price_page(response.body));
      token = page.next_token;
      if (!token.empty() && !seen.insert(token).second) {
        co_return fail(ErrorCode::kInternal, "the price history repeats a page");
      }
      pages.push_back(std::move(page));
    } while (!token.empty());
    co_return pages;
  }

  Task<Result<cloud::HttpResponse>> send_unless_throttled(std::string form) {
    for (int attempt = 0;; ++attempt) {
      if (stopping_) co_return fail(ErrorCode::kCancelled, "the feed is stopping");
      auto response = co_await send_signed(form);
      if (response || response.error().code != ErrorCode::kThrottled ||
          attempt == limits_.max_throttle_retries) {
        co_return response;
      }
      const Duration pause = throttle_pause(attempt, response.error().retry_after);
      co_await wait_->wait_until(runtime_.clock.monotonic() + pause);
    }
  }

  // EC2's buckets refill steadily, so doubling pauses with full jitter in the upper half.
  Duration throttle_pause(int attempt, std::optional<Duration> retry_after) {
    const Duration doubled = limits_.throttle_base * (std::int64_t{1} << std::min(attempt, 20));
    const Duration longest = std::min(doubled, limits_.throttle_cap);
    const double share = 0.5 + 0.5 * runtime_.random.uniform();
    const Duration pause(static_cast<std::int64_t>(static_cast<double>(longest.count()) * share));
    return std::max(pause, std::min(retry_after.value_or(Duration::zero()), limits_.throttle_cap));
  }

  Task<Result<cloud::HttpResponse>> send_signed(std::string form) {
    cloud::HttpRequest request{
        .method = "POST",
        .url = url_,
        .headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}},
        .body = std::move(form),
        .max_response_bytes = limits_.max_response_bytes};
    TRY_CO(credentials, co_await credentials_->get());
    const cloud::SigningScope scope{.region = source_.region, .service = cloud::ServiceName("ec2")};
    TRY_VOID_CO(cloud::sign(request, credentials, scope, runtime_.clock.now()));
    TRY_CO(response, co_await http_.send(std::move(request), limits_.request_timeout));
    if (response.status != 200) co_return fail(ec2_error(response));
    co_return std::move(response);
  }

  Runtime runtime_;
  FeedName name_;
  AwsSpotSource source_;
  cloud::HttpClient& http_;
  std::unique_ptr<cloud::CredentialsProvider> credentials_;
  PollLimits limits_;
  std::unique_ptr<Timer> wait_;
  cloud::Url url_;
  bool stopping_ = false;
};

}  // namespace

std::unique_ptr<PriceFeed> make_aws_spot_feed(
    const Runtime& runtime, FeedName name, AwsSpotSource source, cloud::HttpClient& http,
    std::unique_ptr<cloud::CredentialsProvider> credentials, PollLimits limits) {
  return std::make_unique<AwsSpotFeed>(runtime, std::move(name), std::move(source), http,
                                       std::move(credentials), limits);
}

}  // namespace spillway::market
