#include "formats.h"

#include <algorithm>

#include <spillway/core/schedule.h>
#include <spillway/core/text.h>
#include <spillway/core/time.h>

namespace spillway::api {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_letter(char c) {
  return is_lower(c) || (c >= 'A' && c <= 'Z');
}
bool is_lower_or_digit(char c) {
  return is_lower(c) || is_digit(c);
}
bool is_letter_or_digit(char c) {
  return is_letter(c) || is_digit(c);
}

// First and last character satisfy `edge`, those between satisfy `inner`; 1..max characters.
bool framed(std::string_view text, std::size_t max, bool (*edge)(char), bool (*inner)(char)) {
  if (text.empty() || text.size() > max || !edge(text.front()) || !edge(text.back())) return false;
  return std::all_of(text.begin(), text.end(), inner);
}

bool is_name_inner(char c) {
  return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.';
}
bool is_dns_inner(char c) {
  return is_lower_or_digit(c) || c == '-';
}
bool is_subdomain_inner(char c) {
  return is_dns_inner(c) || c == '.';
}

bool digits_between(std::string_view text, std::size_t min, std::size_t max) {
  return text.size() >= min && text.size() <= max &&
         std::all_of(text.begin(), text.end(), is_digit);
}

bool decimal(std::string_view text, std::size_t whole_digits, std::size_t fraction_digits) {
  const std::size_t point = text.find('.');
  if (!digits_between(text.substr(0, point), 1, whole_digits)) return false;
  return point == std::string_view::npos ||
         digits_between(text.substr(point + 1), 1, fraction_digits);
}

}  // namespace

bool is_label_value(std::string_view text) {
  return framed(text, 63, is_letter_or_digit, is_name_inner);
}

bool is_workload_name(std::string_view text) {
  return framed(text, 40, is_lower_or_digit, is_dns_inner) && is_lower(text.front());
}

bool is_pool_name(std::string_view text) {
  return framed(text, 63, is_lower_or_digit, is_subdomain_inner);
}

bool is_time_zone_text(std::string_view text) {
  const auto inner = [](char c) {
    return is_letter_or_digit(c) || c == '-' || c == '_' || c == '+';
  };
  const auto parts = split(text, '/');
  if (text.empty() || text.size() > kTimeZone.max_length || parts.size() > 3 ||
      !is_letter(text.front()))
    return false;
  return std::all_of(parts.begin(), parts.end(), [&](std::string_view part) {
    return !part.empty() && part.size() <= 32 && is_letter_or_digit(part.front()) &&
           std::all_of(part.begin(), part.end(), inner);
  });
}

bool is_weekdays_text(std::string_view text) {
  return parse_weekdays(text).has_value();
}

bool is_time_of_day_text(std::string_view text) {
  return parse_time_of_day(text).has_value();
}

bool is_date_text(std::string_view text) {
  return parse_date(text).has_value();
}

bool is_resource_name(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  return framed(text.substr(0, slash), 102, is_lower_or_digit, is_subdomain_inner) &&
         is_label_value(text.substr(slash + 1));
}

bool is_port_name(std::string_view text) {
  return framed(text, 15, is_lower_or_digit, is_dns_inner) &&
         text.find("--") == std::string_view::npos;
}

bool is_amount(std::string_view text) {
  return decimal(text, 9, 6);
}

bool is_signed_amount(std::string_view text) {
  return decimal(text.starts_with('-') ? text.substr(1) : text, 12, 6);
}

bool is_duration_text(std::string_view text) {
  if (text == "0") return true;
  if (text.empty() || text.size() > kDuration.max_length) return false;
  while (!text.empty()) {
    const std::size_t unit = text.find_first_of("hms");
    if (unit == std::string_view::npos || !decimal(text.substr(0, unit), 5, 3)) return false;
    text.remove_prefix(unit + (text.substr(unit).starts_with("ms") ? 2 : 1));
  }
  return true;
}

bool is_positive_duration_text(std::string_view text) {
  if (!is_duration_text(text)) return false;
  const auto duration = parse_duration(text);
  return duration && duration->count() > 0;
}

namespace {

bool is_duration_between(std::string_view text, Duration least, Duration most) {
  if (!is_duration_text(text)) return false;
  const auto duration = parse_duration(text);
  return duration && *duration >= least && *duration <= most;
}

}  // namespace

bool is_checkpoint_interval_text(std::string_view text) {
  return is_duration_between(text, std::chrono::seconds(10), std::chrono::hours(24));
}

bool is_up_to_an_hour_text(std::string_view text) {
  return is_duration_between(text, Duration(0), std::chrono::hours(1));
}

bool is_positive_up_to_an_hour_text(std::string_view text) {
  return is_duration_between(text, Duration(1), std::chrono::hours(1));
}

bool is_absolute_path(std::string_view text) {
  constexpr std::size_t kMostParts = 8;
  constexpr std::size_t kLongestPart = 64;
  if (!text.starts_with('/')) return false;
  const auto parts = split(text.substr(1), '/');
  return parts.size() <= kMostParts &&
         std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
           return !part.empty() && part.size() <= kLongestPart &&
                  std::all_of(part.begin(), part.end(), is_name_inner);
         });
}

bool is_instant_text(std::string_view text) {
  // Narrower than parse_instant(): upper-case T and Z, no leap second, at most nine digits of a
  // fraction.
  constexpr std::size_t kSeconds = 17;
  constexpr std::size_t kFraction = 19;
  if (text.size() > kInstant.max_length || text.find_first_of("tz") != std::string_view::npos)
    return false;
  if (!parse_instant(text) || text.substr(kSeconds, 2) == "60") return false;
  return text[kFraction] != '.' || text.find_first_of("Z+-", kFraction) <= kFraction + 10;
}

bool parse_percent(std::string_view text, std::int32_t& percent) {
  if (!text.ends_with('%') || !digits_between(text.substr(0, text.size() - 1), 1, 3)) return false;
  std::int32_t value = 0;
  for (char c : text.substr(0, text.size() - 1))
    value = value * 10 + (c - '0');
  if (value > 100 || (text.size() == 4 && value < 100)) return false;
  percent = value;
  return true;
}

bool is_condition_type(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (text.size() > kConditionType.max_length) return false;
  if (slash == std::string_view::npos)
    return framed(text, text.size(), is_letter_or_digit, is_name_inner);
  for (std::string_view label : split(text.substr(0, slash), '.')) {
    if (!framed(label, label.size(), is_lower_or_digit, is_dns_inner)) return false;
  }
  const std::string_view name = text.substr(slash + 1);
  return framed(name, name.size(), is_letter_or_digit, is_name_inner);
}

bool is_condition_reason(std::string_view text) {
  if (text.empty() || text.size() > kConditionReason.max_length || !is_letter(text.front()))
    return false;
  if (!is_letter_or_digit(text.back()) && text.back() != '_') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter_or_digit(c) || c == '_' || c == ',' || c == ':';
  });
}

}  // namespace spillway::api
