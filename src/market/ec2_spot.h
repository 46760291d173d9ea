#pragma once
// The EC2 query protocol as far as DescribeSpotPriceHistory needs it: a form in, XML out. Pure
// text.

#include <string>
#include <string_view>
#include <vector>

#include <spillway/cloud/http.h>
#include <spillway/cloud/url.h>
#include <spillway/market/feed.h>

namespace spillway::market {

inline constexpr std::string_view kEc2Version = "2016-11-15";

struct SpotPriceItem {
  InstanceType instance_type;
  Zone zone;     // "us-east-1a"
  Zone zone_id;  // "use1-az1"; empty when the server does not say
  std::string product;
  HourlyRate price;
  Instant changed_at;
};

struct SpotPricePage {
  std::vector<SpotPriceItem> items;
  RefusalCounts refused;
  std::string next_token;  // empty = the last page
};

// `start` = now asks for the prices that are valid now: the last change before it is answered too.
cloud::QueryParameters spot_price_query(const std::vector<InstanceType>& types,
                                        const std::string& product, Instant start,
                                        const std::string& next_token);

// A product and the same "(Amazon VPC)" are one market: which of the two EC2 says depends on the
// age of an account.
bool is_product(const std::string& description, const std::string& product);

// kInternal when the body is not the expected document. A bad price, time or item is left out and
// counted.
Result<SpotPricePage> parse_spot_price_page(std::string_view xml);

// The Error of an answer that is not 200: by EC2's code where there is one, else by the HTTP
// status. The message holds the code and a bounded part of EC2's sentence.
Error ec2_error(const cloud::HttpResponse& response);

}  // namespace spillway::market
