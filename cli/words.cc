#include "words.h"

#include <array>

#include <fmt/format.h>

namespace spillway::cli {

std::string grouped(std::int64_t value) {
  std::string digits = fmt::format("{}", value);
  const std::ptrdiff_t first = value < 0 ? 1 : 0;
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > first; at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

std::string dollars(Money amount) {
  const bool negative = amount < Money();
  const Money positive = negative ? Money() - amount : amount;
  const std::int64_t cents = positive.scaled(1, 10'000).micros();
  return fmt::format("{}${}.{:02}", negative && cents > 0 ? "-" : "", grouped(cents / 100),
                     cents % 100);
}

std::string dollars(std::optional<Money> amount) {
  return amount ? dollars(*amount) : "-";
}

std::string rate_text(const std::optional<HourlyRate>& rate) {
  return rate ? rate->to_string() : "";
}

std::string time_span(Duration time) {
  using std::chrono::seconds;
  const std::int64_t total = std::chrono::duration_cast<seconds>(time).count();
  struct Unit {
    std::int64_t length;
    const char* name;
  };
  constexpr std::array<Unit, 4> kUnits{{{86'400, "d"}, {3'600, "h"}, {60, "min"}, {1, "s"}}};
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    if (total < kUnits[i].length) continue;
    std::string text = fmt::format("{} {}", total / kUnits[i].length, kUnits[i].name);
    if (i + 1 == kUnits.size()) return text;
    const std::int64_t rest = total % kUnits[i].length / kUnits[i + 1].length;
    return rest == 0 ? text : text + fmt::format(" {} {}", rest, kUnits[i + 1].name);
  }
  return "0 s";
}

std::string hours_of_seconds(std::int64_t seconds) {
  const std::int64_t tenths = (seconds + 180) / 360;
  return fmt::format("{}.{}", grouped(tenths / 10), tenths % 10);
}

std::string hours(Duration time) {
  return hours_of_seconds(std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

std::string minute_text(Instant instant) {
  std::string text = format_instant(instant).substr(0, 16);
  text[10] = ' ';
  return text;
}

std::string percent(double part, double whole) {
  return whole == 0 ? "" : fmt::format("{:.1f} %", 100 * part / whole);
}

}  // namespace spillway::cli
