#include "metadata.h"

#include <algorithm>
#include <array>
#include <tuple>

#include <spillway/core/text.h>
#include <nlohmann/json.hpp>

namespace spillway::agent {
namespace {

using nlohmann::json;
using Notice = std::optional<MachineNotice>;

constexpr Duration kGcpPreemption = std::chrono::seconds(30);
constexpr Duration kGcpMaintenance = std::chrono::hours(1);

tl::unexpected<Error> strange(std::string_view what, std::string_view text) {
  return fail(ErrorCode::kInternal, "the metadata service's " + std::string(what) +
                                        " is not understood: '" + shorten(text, 80) + "'");
}

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  const bool text = found != object.end() && found->is_string();
  return text ? found->get<std::string>() : std::string();
}

// "21 Jan 2019 09:00:43 GMT", with or without a weekday in front.
Result<Instant> parse_rfc_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::size_t comma = text.find(", ");
  std::string_view date = comma == std::string_view::npos ? text : text.substr(comma + 2);
  const auto words = split(date, ' ');
  if (words.size() != 5 || (words[4] != "GMT" && words[4] != "UTC")) return strange("date", text);
  const auto month = std::find(kMonths.begin(), kMonths.end(), words[1]);
  if (month == kMonths.end()) return strange("date", text);
  const auto two = [](std::string_view digits) {
    return (digits.size() < 2 ? "0" : "") + std::string(digits);
  };
  return parse_instant(std::string(words[2]) + "-" +
                       two(std::to_string(month - kMonths.begin() + 1)) + "-" + two(words[0]) +
                       "T" + std::string(words[3]) + "Z");
}

std::optional<EndKind> azure_kind(std::string_view type) {
  if (type == "Preempt") return EndKind::kInterruption;
  if (type == "Reboot" || type == "Redeploy" || type == "Terminate") return EndKind::kMaintenance;
  return std::nullopt;  // Freeze: seconds of standstill
}

bool names_machine(const json& event, std::string_view machine) {
  const auto resources = event.find("Resources");
  if (resources == event.end() || !resources->is_array()) return false;
  return std::any_of(resources->begin(), resources->end(), [&](const json& resource) {
    return resource.is_string() && resource.get<std::string>() == machine;
  });
}

}  // namespace

Result<Cloud> parse_cloud(std::string_view text) {
  if (text == "aws") return Cloud::kAws;
  if (text == "gcp") return Cloud::kGcp;
  if (text == "azure") return Cloud::kAzure;
  return invalid("'" + shorten(text, 40) + "' is not a cloud: write aws, gcp or azure");
}

Result<cloud::Url> metadata_address(Cloud cloud) {
  if (cloud == Cloud::kGcp) return cloud::parse_url("http://metadata.google.internal");
  return cloud::parse_url("http://169.254.169.254");
}

Notice graver(Notice a, Notice b) {
  if (!a) return b;
  if (!b) return a;
  const auto rank = [](const MachineNotice& notice) {
    return std::tuple(notice.kind, notice.deadline.value_or(Instant::max()));
  };
  return rank(*b) < rank(*a) ? b : a;
}

Result<Notice> parse_aws_instance_action(std::string_view text) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) return strange("instance action", text);
  TRY(time, parse_instant(text_of(document, "time")));
  return Notice(MachineNotice{.kind = EndKind::kInterruption, .deadline = time});
}

Result<Notice> parse_aws_rebalance(std::string_view text) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object() || text_of(document, "noticeTime").empty()) {
    return strange("rebalance recommendation", text);
  }
  return Notice(MachineNotice{.kind = EndKind::kRebalance});
}

Result<Notice> parse_aws_maintenance(std::string_view text) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_array()) return strange("scheduled events", text);
  Notice found;
  for (const json& event : document) {
    if (!event.is_object() || text_of(event, "State") != "active") continue;
    TRY(time, parse_rfc_date(text_of(event, "NotBefore")));
    found = graver(found, MachineNotice{.kind = EndKind::kMaintenance, .deadline = time});
  }
  return found;
}

Result<Notice> parse_gcp_preempted(std::string_view text) {
  const std::string_view word = trim(text);
  if (word == "FALSE") return Notice();
  if (word != "TRUE") return strange("word on preemption", text);
  return Notice(MachineNotice{.kind = EndKind::kInterruption, .within = kGcpPreemption});
}

Result<Notice> parse_gcp_maintenance(std::string_view text) {
  const std::string_view word = trim(text);
  if (word == "NONE" || word.starts_with("MIGRATE")) return Notice();
  if (!word.starts_with("TERMINATE")) return strange("word on maintenance", text);
  return Notice(MachineNotice{.kind = EndKind::kMaintenance, .within = kGcpMaintenance});
}

Result<Notice> parse_azure_events(std::string_view text, std::string_view machine, Instant now) {
  const json document = json::parse(text, nullptr, false);
  const auto events = document.is_object() ? document.find("Events") : document.end();
  if (!document.is_object() || events == document.end() || !events->is_array()) {
    return strange("scheduled events", text);
  }
  Notice found;
  for (const json& event : *events) {
    const auto kind = event.is_object() ? azure_kind(text_of(event, "EventType")) : std::nullopt;
    if (!kind || !names_machine(event, machine)) continue;
    MachineNotice notice{.kind = *kind};
    const std::string not_before = text_of(event, "NotBefore");
    const bool started = text_of(event, "EventStatus") == "Started" || not_before.empty();
    if (started) {
      notice.deadline = now;
    } else {
      TRY(time, parse_rfc_date(not_before));
      notice.deadline = time;
    }
    found = graver(found, notice);
  }
  return found;
}

}  // namespace spillway::agent
