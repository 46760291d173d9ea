#pragma once
// The EC2 query API over a recorded market: one action, DescribeSpotPriceHistory, with EC2's
// errors.

#include <map>
#include <optional>
#include <string>

#include <spillway/cloud/credentials.h>
#include <spillway/core/clock.h>

#include "ec2_parameters.h"
#include "market_time.h"
#include "messages.h"
#include "recorded_market.h"

namespace spillway::market_server {

// EC2 throttles with token buckets: `burst` requests at once, then `per_second`.
struct ThrottleLimits {
  double burst = 100;
  double per_second = 20;
};

class TokenBucket {
 public:
  TokenBucket(const Clock& clock, ThrottleLimits limits)
      : clock_(clock), limits_(limits), tokens_(limits.burst), as_of_(clock.monotonic()) {}
  bool take();

 private:
  const Clock& clock_;
  ThrottleLimits limits_;
  double tokens_;
  MonotonicTime as_of_;
};

struct Ec2ApiOptions {
  std::map<std::string, Secret, std::less<>> keys;  // empty = signatures are not looked at
  std::optional<ThrottleLimits> throttle;
};

// References outlive the object. One thread.
class Ec2Api {
 public:
  Ec2Api(const RecordedMarket& market, const MarketTime& time, const Clock& clock,
         Ec2ApiOptions options);

  // GET with the parameters in the query, or POST with a form. The market is that of the region
  // which the request is signed for; an unsigned request sees all regions.
  ServerResponse answer(const ServerRequest& request);

 private:
  Ec2Result<std::string> describe(const ServerRequest& request);
  Ec2Result<void> authenticate(const ServerRequest& request) const;
  [[nodiscard]] Ec2Result<std::string> history_page(const HistoryRequest& request,
                                                    const cloud::QueryParameters& parameters) const;
  std::string next_request_id();

  const RecordedMarket& market_;
  const MarketTime& time_;
  const Clock& clock_;
  Ec2ApiOptions options_;
  std::optional<TokenBucket> bucket_;
  std::uint64_t requests_ = 0;
};

}  // namespace spillway::market_server
