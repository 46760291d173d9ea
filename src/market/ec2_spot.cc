#include "ec2_spot.h"

#include <algorithm>
#include <array>

#include <spillway/cloud/xml.h>
#include <spillway/core/text.h>

namespace spillway::market {
namespace {

using cloud::XmlEvent;
using cloud::XmlReader;

constexpr std::size_t kMaxItems = 10'000;  // ten times what one page may hold
constexpr std::size_t kMaxNameBytes = 64;
constexpr std::size_t kMaxTokenBytes = 4096;
constexpr std::size_t kShownMessageBytes = 160;
constexpr std::string_view kVpcSuffix = " (Amazon VPC)";

// The texts of one <item>, before they are believed.
struct RawItem {
  std::string instance_type, product, price, timestamp, zone, zone_id;

  std::string* field(std::string_view name) {
    if (name == "instanceType") return &instance_type;
    if (name == "productDescription") return &product;
    if (name == "spotPrice") return &price;
    if (name == "timestamp") return &timestamp;
    if (name == "availabilityZone") return &zone;
    if (name == "availabilityZoneId") return &zone_id;
    return nullptr;
  }
};

// Reads the children of <item>, whose start was just read.
Result<RawItem> read_item(XmlReader& reader) {
  RawItem item;
  while (true) {
    TRY(event, reader.next());
    if (event.kind == XmlEvent::Kind::kEnd) return item;
    if (event.kind != XmlEvent::Kind::kStart) continue;
    std::string* field = item.field(event.name);
    if (field == nullptr) {
      TRY_VOID(cloud::skip_element(reader));
      continue;
    }
    TRY(text, cloud::read_text(reader));
    *field = std::string(trim(text));
  }
}

tl::expected<SpotPriceItem, Refusal> believe(const RawItem& raw) {
  const auto bad_name = [](const std::string& name) {
    return name.empty() || name.size() > kMaxNameBytes;
  };
  if (bad_name(raw.instance_type) || bad_name(raw.zone) || raw.zone_id.size() > kMaxNameBytes) {
    return tl::unexpected<Refusal>(Refusal::kBadRow);
  }
  TRY(price, parse_price(raw.price));
  const auto changed_at = parse_instant(raw.timestamp);
  if (!changed_at) return tl::unexpected<Refusal>(Refusal::kBadTime);
  return SpotPriceItem{.instance_type = InstanceType(raw.instance_type),
                       .zone = Zone(raw.zone),
                       .zone_id = Zone(raw.zone_id),
                       .product = raw.product,
                       .price = price,
                       .changed_at = *changed_at};
}

Result<void> read_set(XmlReader& reader, SpotPricePage& page) {
  std::size_t count = 0;
  while (true) {
    TRY(event, reader.next());
    if (event.kind == XmlEvent::Kind::kEnd) return {};
    if (event.kind != XmlEvent::Kind::kStart) continue;
    if (event.name != "item" || ++count > kMaxItems) {
      return fail(ErrorCode::kInternal, "the answer has too many items or an unknown one");
    }
    TRY(raw, read_item(reader));
    auto item = believe(raw);
    if (item) {
      page.items.push_back(std::move(*item));
    } else {
      page.refused.add(item.error());
    }
  }
}

struct Ec2Fault {
  std::string code;
  std::string message;
};

// <Response><Errors><Error><Code/><Message/></Error></Errors>...: the first code and message,
// wherever they stand.
Result<Ec2Fault> read_fault(std::string_view xml) {
  XmlReader reader(xml);
  Ec2Fault fault;
  while (true) {
    TRY(event, reader.next());
    if (event.kind == XmlEvent::Kind::kDone) return fault;
    if (event.kind != XmlEvent::Kind::kStart) continue;
    std::string* field = nullptr;
    if (event.name == "Code" && fault.code.empty()) field = &fault.code;
    if (event.name == "Message" && fault.message.empty()) field = &fault.message;
    if (field == nullptr) continue;
    TRY(text, cloud::read_text(reader));
    *field = std::string(trim(text));
  }
}

struct KnownCode {
  std::string_view name;
  ErrorCode code;
};
constexpr std::array<KnownCode, 13> kKnownCodes{{
    {"RequestLimitExceeded", ErrorCode::kThrottled},
    {"Throttling", ErrorCode::kThrottled},
    {"ThrottlingException", ErrorCode::kThrottled},
    {"AuthFailure", ErrorCode::kUnauthorized},
    {"SignatureDoesNotMatch", ErrorCode::kUnauthorized},
    {"InvalidClientTokenId", ErrorCode::kUnauthorized},
    {"MissingAuthenticationToken", ErrorCode::kUnauthorized},
    {"IncompleteSignature", ErrorCode::kUnauthorized},
    {"RequestExpired", ErrorCode::kUnauthorized},
    {"UnauthorizedOperation", ErrorCode::kForbidden},
    {"Unavailable", ErrorCode::kUnavailable},
    {"ServiceUnavailable", ErrorCode::kUnavailable},
    {"InternalError", ErrorCode::kUnavailable},
}};

}  // namespace

bool is_product(const std::string& description, const std::string& product) {
  return description == product || description == product + std::string(kVpcSuffix);
}

cloud::QueryParameters spot_price_query(const std::vector<InstanceType>& types,
                                        const std::string& product, Instant start,
                                        const std::string& next_token) {
  cloud::QueryParameters query{{"Action", "DescribeSpotPriceHistory"},
                               {"Version", std::string(kEc2Version)}};
  std::size_t number = 0;
  for (const InstanceType& type : types) {
    query.emplace_back("InstanceType." + std::to_string(++number), type.str());
  }
  query.emplace_back("ProductDescription.1", product);
  query.emplace_back("ProductDescription.2", product + std::string(kVpcSuffix));
  query.emplace_back("StartTime", format_instant(start));
  query.emplace_back("MaxResults", "1000");
  if (!next_token.empty()) query.emplace_back("NextToken", next_token);
  return query;
}

Result<SpotPricePage> parse_spot_price_page(std::string_view xml) {
  XmlReader reader(xml);
  TRY(root, reader.next());
  if (root.name != "DescribeSpotPriceHistoryResponse") {
    return fail(ErrorCode::kInternal, "the answer is no DescribeSpotPriceHistoryResponse");
  }
  SpotPricePage page;
  bool has_set = false;
  while (true) {
    TRY(event, reader.next());
    if (event.kind == XmlEvent::Kind::kDone) break;
    if (event.kind != XmlEvent::Kind::kStart) continue;
    if (event.name == "spotPriceHistorySet") {
      has_set = true;
      TRY_VOID(read_set(reader, page));
    } else if (event.name == "nextToken") {
      TRY(token, cloud::read_text(reader));
      page.next_token = std::string(trim(token));
    } else {
      TRY_VOID(cloud::skip_element(reader));
    }
  }
  if (!has_set || page.next_token.size() > kMaxTokenBytes) {
    return fail(ErrorCode::kInternal, "the answer has no price list, or an overlong token");
  }
  return page;
}

Error ec2_error(const cloud::HttpResponse& response) {
  Error error = cloud::http_status_error(response);
  const auto fault = read_fault(response.body);
  if (!fault || fault->code.empty()) return error;
  const auto known = std::find_if(kKnownCodes.begin(), kKnownCodes.end(),
                                  [&](const KnownCode& k) { return k.name == fault->code; });
  if (known != kKnownCodes.end()) error.code = known->code;
  error.message = "EC2 answered " + shorten(fault->code, kMaxNameBytes) + ": " +
                  shorten(fault->message, kShownMessageBytes);
  return error;
}

}  // namespace spillway::market
