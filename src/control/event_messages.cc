#include <array>

#include <spillway/control/event_queue.h>
#include <spillway/core/text.h>
#include <nlohmann/json.hpp>

namespace spillway::control {
namespace {

using nlohmann::json;
using Words = std::vector<InstanceWord>;

constexpr const char* kSource = "aws-events";
constexpr std::size_t kMaxBytes = std::size_t{256} << 10;  // SQS allows no more
constexpr Duration kSpotNotice = std::chrono::minutes(2);

std::string text_of(const json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  const bool text = found != object.end() && found->is_string();
  return text ? found->get<std::string>() : std::string();
}

tl::unexpected<Error> strange(std::string_view what) {
  return invalid("the message is not an event of EventBridge: " + std::string(what));
}

// "Sat, 05 Jun 2027 15:00:00 GMT"
std::optional<Instant> parse_rfc_1123(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto words = split(trim(text), ' ');
  if (words.size() != 6) return std::nullopt;
  for (std::size_t month = 0; month < kMonths.size(); ++month) {
    if (kMonths.at(month) != words[2]) continue;
    const auto two = [](std::string digits) { return (digits.size() < 2 ? "0" : "") + digits; };
    const auto instant =
        parse_instant(std::string(words[3]) + "-" + two(std::to_string(month + 1)) + "-" +
                      two(std::string(words[1])) + "T" + std::string(words[4]) + "Z");
    return instant ? std::optional<Instant>(*instant) : std::nullopt;
  }
  return std::nullopt;
}

InstanceWord word(std::string instance, NoticeKind kind, Instant since, Duration budget) {
  return {.instance = std::move(instance),
          .mark = {.kind = kind, .source = kSource, .since = since, .budget = budget}};
}

Result<Words> of_instance(const json& detail, NoticeKind kind, Instant at, Duration budget) {
  std::string instance = text_of(detail, "instance-id");
  if (instance.empty()) return strange("it names no instance-id");
  // A hibernating instance gets no notice: it begins at once.
  if (text_of(detail, "instance-action") == "hibernate") budget = Duration(0);
  return Words{word(std::move(instance), kind, at, budget)};
}

Result<Words> of_state(const json& detail, Instant at) {
  const std::string state = text_of(detail, "state");
  std::string instance = text_of(detail, "instance-id");
  if (instance.empty()) return strange("it names no instance-id");
  if (state == "terminated" || state == "stopped") {
    InstanceWord gone = word(std::move(instance), NoticeKind::kInterruption, at, Duration(0));
    gone.gone = true;
    return Words{std::move(gone)};
  }
  if (state == "shutting-down" || state == "stopping") {
    return Words{word(std::move(instance), NoticeKind::kInterruption, at, Duration(0))};
  }
  return Words{};
}

Result<Words> of_health(const json& detail, Instant at) {
  const bool planned = text_of(detail, "service") == "EC2" &&
                       text_of(detail, "eventTypeCategory") == "scheduledChange";
  const auto entities = detail.is_object() ? detail.find("affectedEntities") : detail.end();
  if (!planned || entities == detail.end() || !entities->is_array()) return Words{};
  const auto start = parse_rfc_1123(text_of(detail, "startTime"));
  Words words;
  for (const json& entity : *entities) {
    std::string instance = text_of(entity, "entityValue");
    if (!instance.starts_with("i-")) continue;
    words.push_back(word(std::move(instance), NoticeKind::kMaintenance, at, kSpotNotice));
    words.back().mark.deadline = start;
  }
  return words;
}

}  // namespace

Result<std::vector<InstanceWord>> parse_event(std::string_view body) {
  if (body.size() > kMaxBytes) return strange("it is longer than 256 KiB");
  json event = json::parse(body, nullptr, false);
  if (!event.is_object()) return strange("it is not a JSON object");
  if (const std::string wrapped = text_of(event, "Message"); !wrapped.empty()) {  // by SNS
    event = json::parse(wrapped, nullptr, false);
    if (!event.is_object()) return strange("what SNS wrapped is not a JSON object");
  }
  const std::string type = text_of(event, "detail-type");
  const auto at = parse_instant(text_of(event, "time"));
  if (type.empty()) return strange("it has no detail-type");
  if (!at) return strange("it has no time");
  const json& detail = event.contains("detail") ? event["detail"] : event;
  if (type == "EC2 Spot Instance Interruption Warning" ||
      type == "EC2 Capacity Reservation Instance Interruption Warning") {
    return of_instance(detail, NoticeKind::kInterruption, *at, kSpotNotice);
  }
  if (type == "EC2 Instance Rebalance Recommendation") {
    return of_instance(detail, NoticeKind::kRebalance, *at, kSpotNotice);
  }
  if (type == "EC2 Instance State-change Notification") return of_state(detail, *at);
  if (type == "AWS Health Event") return of_health(detail, *at);
  return Words{};
}

}  // namespace spillway::control
