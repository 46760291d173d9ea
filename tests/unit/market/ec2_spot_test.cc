#include "ec2_spot.h"

#include <gtest/gtest.h>

namespace spillway::market {
namespace {

std::string page(const std::string& items, const std::string& token = "<nextToken/>") {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DescribeSpotPriceHistoryResponse "
         "xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId>"
         "<spotPriceHistorySet>" +
         items + "</spotPriceHistorySet>" + token + "</DescribeSpotPriceHistoryResponse>";
}
std::string item(const std::string& price, const std::string& time = "2026-09-13T12:00:00.000Z",
                 const std::string& type = "p4d.24xlarge", const std::string& extra = "") {
  return "<item><instanceType>" + type +
         "</instanceType><productDescription>Linux/UNIX"
         "</productDescription><spotPrice>" +
         price + "</spotPrice><timestamp>" + time +
         "</timestamp><availabilityZone>us-east-1a</availabilityZone>" + extra + "</item>";
}

TEST(SpotPriceQuery, asks_for_a_batch_from_now_on) {
  const auto query = spot_price_query({InstanceType("a"), InstanceType("b")}, "Linux/UNIX",
                                      parse_instant("2026-09-13T12:00:00Z").value(), "t/1");
  EXPECT_EQ(
      cloud::encode_form(query),
      "Action=DescribeSpotPriceHistory&Version=2016-11-15&InstanceType.1=a&InstanceType.2=b"
      "&ProductDescription.1=Linux%2FUNIX&ProductDescription.2=Linux%2FUNIX%20%28Amazon%20VPC%29"
      "&StartTime=2026-09-13T12%3A00%3A00Z&MaxResults=1000"
      "&NextToken=t%2F1");
}

TEST(SpotPricePage, reads_items_and_token) {
  const auto result = parse_spot_price_page(
      page(item("7.912300000", "2026-09-13T12:00:00.000Z", "p4d.24xlarge",
                "<availabilityZoneId>use1-az1</availabilityZoneId><tagSet><item/></tagSet>"),
           "<nextToken>abc=</nextToken>"));
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->items.size(), 1U);
  EXPECT_EQ(result->items[0].price, HourlyRate::parse("7.9123").value());
  EXPECT_EQ(result->items[0].zone_id, Zone("use1-az1"));
  EXPECT_EQ(result->items[0].changed_at, parse_instant("2026-09-13T12:00:00Z").value());
  EXPECT_EQ(result->next_token, "abc=");
  EXPECT_EQ(result->refused.total(), 0U);
}

TEST(SpotPricePage, ends_with_an_empty_or_absent_token) {
  EXPECT_EQ(parse_spot_price_page(page("", "<nextToken/>"))->next_token, "");
  EXPECT_EQ(parse_spot_price_page(page("", "<nextToken></nextToken>"))->next_token, "");
  EXPECT_EQ(parse_spot_price_page(page("", ""))->next_token, "");
}

TEST(SpotPricePage, refuses_bad_prices_one_by_one) {
  const auto result = parse_spot_price_page(page(
      item("1.5") + item("0") + item("-2") + item("NaN") + item("1e2") + item("1000000") +
      item("1.5", "yesterday") + item("1.5", "2026-09-13T12:00:00Z", "") + item("") + item("2.5")));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->items.size(), 2U);
  EXPECT_EQ(result->refused.of(Refusal::kZero), 1U);
  EXPECT_EQ(result->refused.of(Refusal::kNegative), 1U);
  EXPECT_EQ(result->refused.of(Refusal::kNotDecimal), 3U);
  EXPECT_EQ(result->refused.of(Refusal::kAbsurd), 1U);
  EXPECT_EQ(result->refused.of(Refusal::kBadTime), 1U);
  EXPECT_EQ(result->refused.of(Refusal::kBadRow), 1U);
}

TEST(SpotPricePage, refuses_documents_that_are_something_else) {
  for (const std::string& bad :
       {std::string(), std::string("{}"), std::string("<html><body>Bad Gateway</body></html>"),
        std::string("<DescribeSpotPriceHistoryResponse/>"),
        std::string("<DescribeSpotPriceHistoryResponse><spotPriceHistorySet><item>"),
        page("<entry/>"), page("<item><spotPrice><b/></spotPrice></item>"),
        page("", "<nextToken>" + std::string(5000, 'x') + "</nextToken>"),
        "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>" + page(item("&e;"))}) {
    const auto result = parse_spot_price_page(bad);
    ASSERT_FALSE(result) << bad.substr(0, 80);
    EXPECT_EQ(result.error().code, ErrorCode::kInternal);
  }
}

TEST(Ec2Error, maps_codes_and_bounds_the_text) {
  const auto error = [](int status, const std::string& code, const std::string& message) {
    return ec2_error({.status = status,
                      .body = "<?xml version=\"1.0\"?><Response><Errors><Error><Code>" + code +
                              "</Code><Message>" + message +
                              "</Message></Error></Errors><RequestID>x</RequestID></Response>"});
  };
  EXPECT_EQ(error(503, "RequestLimitExceeded", "slow").code, ErrorCode::kThrottled);
  EXPECT_EQ(error(401, "AuthFailure", "no").code, ErrorCode::kUnauthorized);
  EXPECT_EQ(error(403, "SignatureDoesNotMatch", "no").code, ErrorCode::kUnauthorized);
  EXPECT_EQ(error(403, "UnauthorizedOperation", "no").code, ErrorCode::kForbidden);
  EXPECT_EQ(error(400, "InvalidParameterValue", "no").code, ErrorCode::kRejected);
  EXPECT_EQ(error(500, "InternalError", "no").code, ErrorCode::kUnavailable);
  EXPECT_LT(error(400, "X", std::string(10'000, 'y')).message.size(), 300U);
  EXPECT_EQ(ec2_error({.status = 502, .body = "<html>"}).code, ErrorCode::kUnknownOutcome);
  EXPECT_EQ(error(400, "InvalidParameterValue", "bad &lt;value&gt;").message,
            "EC2 answered InvalidParameterValue: bad <value>");
}

}  // namespace
}  // namespace spillway::market
