#include "ec2_api.h"

#include <algorithm>
#include <charconv>

#include <spillway/cloud/sigv4.h>
#include <spillway/cloud/xml.h>
#include <spillway/core/text.h>

namespace spillway::market_server {
namespace {

constexpr std::string_view kVersion = "2016-11-15";
constexpr std::string_view kNamespace = "http://ec2.amazonaws.com/doc/2016-11-15/";
constexpr std::string_view kXml = "text/xml;charset=UTF-8";
constexpr std::string_view kDeclaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

std::string element(std::string_view name, std::string_view text) {
  return "<" + std::string(name) + ">" + cloud::xml_escape(text) + "</" + std::string(name) + ">";
}

std::string item(const PriceRow& row) {
  std::string time = format_instant(row.at);
  time.insert(time.size() - 1, ".000");
  return "<item>" + element("instanceType", row.instance_type.str()) +
         element("productDescription", kProduct) + element("spotPrice", price_text(row.price)) +
         element("timestamp", time) + element("availabilityZone", row.zone.str()) + "</item>";
}

std::optional<std::string> find(const cloud::QueryParameters& parameters, std::string_view name) {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [&](const auto& p) { return p.first == name; });
  if (found == parameters.end()) return std::nullopt;
  return found->second;
}

// A token holds its request's fingerprint, the market time of the first page (so that pages fit
// together while the market goes on) and where to go on; a check value keeps made-up ones out.
struct PagePosition {
  Instant market_time;
  std::size_t offset = 0;
};

std::uint64_t fingerprint(const cloud::QueryParameters& parameters) {
  std::string text;
  for (const auto& [name, value] : parameters) {
    if (name != "NextToken" && name != "MaxResults" && name != "DryRun") {
      text += name + "=" + value + "\n";
    }
  }
  return stable_hash(text);
}

std::string check_value(std::string_view text) {
  return hex(stable_hash("page " + std::string(text)));
}

std::string make_token(std::uint64_t request, const PagePosition& position) {
  const std::string text = hex(request) + "-" +
                           std::to_string(position.market_time.time_since_epoch().count()) + "-" +
                           std::to_string(position.offset);
  return text + "-" + check_value(text);
}

Ec2Result<PagePosition> read_token(const std::string& token, std::uint64_t request) {
  const auto invalid_token = [] {
    return problem("InvalidNextToken", "The token is not valid for this request");
  };
  const auto parts = split(token, '-');
  if (parts.size() != 4 || parts[0] != hex(request)) return invalid_token();
  const std::string text = token.substr(0, token.size() - parts[3].size() - 1);
  if (check_value(text) != parts[3]) return invalid_token();
  std::int64_t time = 0;
  std::size_t offset = 0;
  std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), time);
  std::from_chars(parts[2].data(), parts[2].data() + parts[2].size(), offset);
  return PagePosition{.market_time = Instant(Duration(time)), .offset = offset};
}

int status_of(cloud::SignatureFault fault) {
  switch (fault) {
    case cloud::SignatureFault::kUnknownKey: return 401;
    case cloud::SignatureFault::kMissingAuthentication:
    case cloud::SignatureFault::kMismatch: return 403;
    case cloud::SignatureFault::kIncomplete:
    case cloud::SignatureFault::kExpired: return 400;
  }
  return 400;
}

// "AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/..." also says which region's endpoint is meant.
Region signed_region(const ServerRequest& request) {
  const auto header = cloud::find_header(request.headers, "Authorization");
  if (!header) return Region();
  const std::size_t at = header->find("Credential=");
  if (at == std::string_view::npos) return Region();
  const auto scope = split(header->substr(at), '/');
  return scope.size() < 5 ? Region() : Region(scope[2]);
}

ServerResponse error_response(const Ec2Problem& error, const std::string& request_id) {
  return {.status = error.status,
          .content_type = std::string(kXml),
          .body = std::string(kDeclaration) + "<Response><Errors><Error>" +
                  element("Code", error.code) + element("Message", error.message) +
                  "</Error></Errors>" + element("RequestID", request_id) + "</Response>"};
}

}  // namespace

bool TokenBucket::take() {
  const MonotonicTime now = clock_.monotonic();
  const double seconds = static_cast<double>((now - as_of_).count()) / 1000.0;
  tokens_ = std::min(limits_.burst, tokens_ + seconds * limits_.per_second);
  as_of_ = now;
  if (tokens_ < 1.0) return false;
  tokens_ -= 1.0;
  return true;
}

Ec2Api::Ec2Api(const RecordedMarket& market, const MarketTime& time, const Clock& clock,
               Ec2ApiOptions options)
    : market_(market), time_(time), clock_(clock), options_(std::move(options)) {
  if (options_.throttle) bucket_.emplace(clock_, *options_.throttle);
}

ServerResponse Ec2Api::answer(const ServerRequest& request) {
  const std::string request_id = next_request_id();
  const auto set = describe(request);
  if (!set) return error_response(set.error(), request_id);
  return {.content_type = std::string(kXml),
          .body = std::string(kDeclaration) + "<DescribeSpotPriceHistoryResponse xmlns=\"" +
                  std::string(kNamespace) + "\">" + element("requestId", request_id) + *set +
                  "</DescribeSpotPriceHistoryResponse>"};
}

Ec2Result<std::string> Ec2Api::describe(const ServerRequest& request) {
  if (request.method != "GET" && request.method != "POST") {
    return problem("InvalidRequest", "Use GET with a query or POST with a form", 405);
  }
  const auto parameters =
      cloud::decode_form(request.method == "POST" ? request.body : request.query);
  if (!parameters) return problem("MalformedQueryString", parameters.error().message);
  const auto action = find(*parameters, "Action");
  if (!action) {
    return problem("MissingAction", "The request must contain the parameter Action");
  }
  TRY_VOID(authenticate(request));
  if (bucket_ && !bucket_->take()) {
    return problem("RequestLimitExceeded", "Request limit exceeded.", 503);
  }
  const auto version = find(*parameters, "Version");
  if (!version) {
    return problem("MissingParameter", "The request must contain the parameter Version");
  }
  if (*version != kVersion) {
    return problem("NoSuchVersion", "The requested version (" + shorten(*version, 40) +
                                        ") of service AmazonEC2 does not exist");
  }
  if (*action != "DescribeSpotPriceHistory") {
    return problem("InvalidAction",
                   "The action " + shorten(*action, 80) + " is not valid for this web service.");
  }
  TRY(history, parse_history_request(*parameters));
  if (history.dry_run) {
    return problem("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412);
  }
  history.query.region = signed_region(request);
  return history_page(history, *parameters);
}

Ec2Result<void> Ec2Api::authenticate(const ServerRequest& request) const {
  if (options_.keys.empty()) return {};
  const cloud::RequestToSign received{.method = request.method,
                                      .path = request.path,
                                      .query = request.query,
                                      .headers = request.headers,
                                      .payload_hash = cloud::sha256_hex(request.body)};
  const auto lookup = [this](std::string_view id) -> const Secret* {
    const auto found = options_.keys.find(id);
    return found == options_.keys.end() ? nullptr : &found->second;
  };
  const auto verified = cloud::verify(received, cloud::ServiceName("ec2"),
                                      cloud::PathStyle::kNormalised, lookup, clock_.now());
  if (verified) return {};
  const cloud::VerifyFailure& failure = verified.error();
  return problem(std::string(to_string(failure.fault)), failure.message, status_of(failure.fault));
}

Ec2Result<std::string> Ec2Api::history_page(const HistoryRequest& request,
                                            const cloud::QueryParameters& parameters) const {
  const std::uint64_t mark = fingerprint(parameters);
  PagePosition position{.market_time = time_.now()};
  if (!request.next_token.empty()) {
    TRY(continued, read_token(request.next_token, mark));
    position = continued;
  }
  std::vector<PriceRow> rows;
  if (asks_for_recorded_product(request))
    rows = market_.select(request.query, position.market_time);
  const std::size_t from = std::min(position.offset, rows.size());
  const std::size_t to = std::min(from + request.max_results, rows.size());
  std::string out = "<spotPriceHistorySet>";
  for (std::size_t i = from; i < to; ++i)
    out += item(rows[i]);
  out += "</spotPriceHistorySet>";
  const bool more = to < rows.size();
  position.offset = to;
  return out + element("nextToken", more ? make_token(mark, position) : "");
}

std::string Ec2Api::next_request_id() {
  return "00000000-0000-4000-8000-" + hex(++requests_).substr(4);
}

}  // namespace spillway::market_server
