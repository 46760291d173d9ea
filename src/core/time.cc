#include <spillway/core/time.h>

#include <fmt/format.h>

#include <array>
#include <optional>

namespace spillway {
namespace {

// Reads exactly `count` digits at `at` and moves past them.
std::optional<int> digits(std::string_view text, std::size_t& at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i, ++at) {
    if (text[at] < '0' || text[at] > '9') return std::nullopt;
    value = value * 10 + (text[at] - '0');
  }
  return value;
}

bool accept(std::string_view text, std::size_t& at, char c) {
  if (at >= text.size() || text[at] != c) return false;
  ++at;
  return true;
}

// ".123456789" -> 123 ms; finer digits are cut.
std::optional<int> fraction_ms(std::string_view text, std::size_t& at) {
  if (!accept(text, at, '.')) return 0;
  int value = 0;
  int seen = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++seen) {
    if (seen < 3) value = value * 10 + (text[at] - '0');
  }
  if (seen == 0) return std::nullopt;
  for (; seen < 3; ++seen)
    value *= 10;
  return value;
}

// "Z", "+02:00" -> minutes east of UTC.
std::optional<int> offset_minutes(std::string_view text, std::size_t& at) {
  if (accept(text, at, 'Z') || accept(text, at, 'z')) return 0;
  const bool west = at < text.size() && text[at] == '-';
  if (!west && !(at < text.size() && text[at] == '+')) return std::nullopt;
  ++at;
  const auto hours = digits(text, at, 2);
  if (!hours || !accept(text, at, ':')) return std::nullopt;
  const auto minutes = digits(text, at, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  return (west ? -1 : 1) * (*hours * 60 + *minutes);
}

std::optional<Instant> read_instant(std::string_view text) {
  std::size_t at = 0;
  const auto year = digits(text, at, 4);
  if (!year || !accept(text, at, '-')) return std::nullopt;
  const auto month = digits(text, at, 2);
  if (!month || !accept(text, at, '-')) return std::nullopt;
  const auto day = digits(text, at, 2);
  if (!day || (!accept(text, at, 'T') && !accept(text, at, 't'))) return std::nullopt;
  const auto hour = digits(text, at, 2);
  if (!hour || !accept(text, at, ':')) return std::nullopt;
  const auto minute = digits(text, at, 2);
  if (!minute || !accept(text, at, ':')) return std::nullopt;
  const auto second = digits(text, at, 2);
  const auto fraction = second ? fraction_ms(text, at) : std::nullopt;
  const auto offset = fraction ? offset_minutes(text, at) : std::nullopt;
  if (!offset || at != text.size() || *hour > 23 || *minute > 59 || *second > 60)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return Instant(std::chrono::sys_days(date)) + std::chrono::hours(*hour) +
         std::chrono::minutes(*minute - *offset) + std::chrono::seconds(*second) +
         std::chrono::milliseconds(*fraction);
}

struct Unit {
  std::string_view name;
  std::int64_t ms;
};
constexpr std::array<Unit, 4> kUnits{{{"ms", 1}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}}};
constexpr std::int64_t kMaxDurationMs = 1'000LL * 366 * 24 * 3'600'000;  // a thousand years

struct CivilTime {
  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<std::chrono::milliseconds> time;
};
CivilTime civil(Instant instant) {
  const auto day = std::chrono::floor<std::chrono::days>(instant);
  return {.date = std::chrono::year_month_day(day), .time = std::chrono::hh_mm_ss(instant - day)};
}

}  // namespace

Result<Instant> parse_instant(std::string_view text) {
  if (const auto instant = read_instant(text)) return *instant;
  return invalid("'" + std::string(text.substr(0, 40)) +
                 "' is not a time: write RFC 3339 such as \"2026-11-21T09:00:00Z\"");
}

std::string format_instant(Instant instant) {
  const auto [date, time] = civil(instant);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", int(date.year()),
                     unsigned(date.month()), unsigned(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count());
}

std::string format_micro_time(Instant instant) {
  std::string text = format_instant(instant);
  text.pop_back();
  return text + fmt::format(".{:03}000Z", civil(instant).time.subseconds().count());
}

Result<Duration> parse_duration(std::string_view text) {
  const auto refuse = [&] {
    return invalid(
        "'" + std::string(text.substr(0, 40)) +
        "' is not a duration: write hours, minutes and seconds such as \"1h30m\" or \"45s\"");
  };
  if (text == "0") return Duration(0);
  std::string_view rest = text;
  std::int64_t total = 0;
  if (rest.empty()) return refuse();
  while (!rest.empty()) {
    std::size_t at = 0;
    std::int64_t whole = 0;
    std::int64_t part = 0;
    std::int64_t part_scale = 1;
    bool any = false;
    for (; at < rest.size() && rest[at] >= '0' && rest[at] <= '9'; ++at, any = true) {
      whole = whole * 10 + (rest[at] - '0');
      if (whole > kMaxDurationMs) return refuse();
    }
    if (at < rest.size() && rest[at] == '.') {
      for (++at; at < rest.size() && rest[at] >= '0' && rest[at] <= '9'; ++at, any = true) {
        if (part_scale > 1'000'000) continue;
        part = part * 10 + (rest[at] - '0');
        part_scale *= 10;
      }
    }
    rest.remove_prefix(at);
    const Unit* unit = nullptr;
    for (const Unit& candidate : kUnits) {
      if (unit == nullptr && rest.substr(0, candidate.name.size()) == candidate.name)
        unit = &candidate;
    }
    if (!any || unit == nullptr || whole > kMaxDurationMs / unit->ms) return refuse();
    rest.remove_prefix(unit->name.size());
    total += whole * unit->ms + part * unit->ms / part_scale;
    if (total > kMaxDurationMs) return refuse();
  }
  return Duration(total);
}

std::string format_duration(Duration duration) {
  if (duration.count() == 0) return "0s";
  std::string text = duration.count() < 0 ? "-" : "";
  std::int64_t rest = duration.count() < 0 ? -duration.count() : duration.count();
  for (const Unit& unit : {kUnits[1], kUnits[2], kUnits[3], kUnits[0]}) {
    if (rest >= unit.ms) text += std::to_string(rest / unit.ms) + std::string(unit.name);
    rest %= unit.ms;
  }
  return text;
}

}  // namespace spillway
