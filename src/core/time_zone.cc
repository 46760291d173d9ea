#include <spillway/core/time_zone.h>

#include <date/tz.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <exception>
#include <vector>

#include <spillway/core/text.h>

namespace spillway {
namespace {

constexpr std::size_t kShownName = 60;
constexpr std::string_view kInstall =
    "install the time zone database (package tzdata, /usr/share/zoneinfo) into the image";

bool is_utc(std::string_view name) {
  return name == "UTC" || name == "Etc/UTC";
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

std::string_view last_part(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

// Letters to insert, leave out or replace; both are short.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

// The whole name counts, and the city alone ("berlin"); a wrong city is no suggestion.
std::string nearest_zone(std::string_view wanted, const date::tzdb& database) {
  const std::string text = lower(wanted);
  std::string best;
  std::size_t best_distance = 4;
  for (const date::time_zone& zone : database.zones) {
    const std::string name = lower(zone.name());
    const std::size_t whole = edit_distance(text, name);
    const std::size_t city = edit_distance(last_part(text), last_part(name)) + 1;
    const std::size_t distance = std::min(whole, city);
    if (distance < best_distance && distance * 2 < text.size()) {
      best_distance = distance;
      best = zone.name();
    }
  }
  return best;
}

// The library reports what it cannot find or read by exceptions: they end here.
Result<const date::time_zone*> locate(std::string_view name) {
  try {
    const date::tzdb& database = date::get_tzdb();
    const auto at = std::lower_bound(
        database.zones.begin(), database.zones.end(), name,
        [](const date::time_zone& zone, std::string_view wanted) { return zone.name() < wanted; });
    if (at != database.zones.end() && at->name() == name) {
      static_cast<void>(at->get_info(date::sys_seconds{}));  // reads the file
      return &*at;
    }
    if (database.zones.empty())
      return fail(ErrorCode::kNotFound, "there are no time zones: " + std::string(kInstall));
    const std::string near = nearest_zone(name, database);
    return invalid("\"" + shorten(name, kShownName) + "\" is not a time zone: write an IANA name" +
                   (near.empty() ? " such as Europe/Berlin" : "; did you mean " + near + "?"));
  } catch (const std::exception& problem) {
    return fail(ErrorCode::kNotFound, "time zone \"" + shorten(name, kShownName) +
                                          "\" cannot be read (" + shorten(problem.what(), 200) +
                                          "): " + std::string(kInstall));
  }
}

std::chrono::seconds offset_at(const date::time_zone& zone, Instant instant) {
  return zone.get_info(std::chrono::floor<std::chrono::seconds>(instant)).offset;
}

}  // namespace

Result<CalendarDate> parse_date(std::string_view text) {
  const auto number = [&](std::size_t at, std::size_t count) {
    int value = 0;
    for (std::size_t i = at; i < at + count; ++i) {
      if (text[i] < '0' || text[i] > '9') return -1;
      value = value * 10 + (text[i] - '0');
    }
    return value;
  };
  if (text.size() == 10 && text[4] == '-' && text[7] == '-') {
    const int year = number(0, 4);
    const int month = number(5, 2);
    const int day = number(8, 2);
    if (year >= 0 && month > 0 && day > 0) {
      const CalendarDate date{std::chrono::year(year),
                              std::chrono::month(static_cast<unsigned>(month)),
                              std::chrono::day(static_cast<unsigned>(day))};
      if (date.ok()) return date;
    }
  }
  return invalid("\"" + shorten(text, kShownName) +
                 "\" is not a date of the calendar: write one such as \"2026-12-24\"");
}

std::string format_date(CalendarDate date) {
  return fmt::format("{:04}-{:02}-{:02}", int(date.year()), unsigned(date.month()),
                     unsigned(date.day()));
}

Result<TimeZone> TimeZone::find(const TimeZoneName& name) {
  TimeZone zone;
  zone.name_ = name;
  if (is_utc(name.str())) return zone;
  TRY(located, locate(name.str()));
  zone.zone_ = located;
  return zone;
}

std::chrono::seconds TimeZone::offset(Instant instant) const {
  return zone_ == nullptr ? std::chrono::seconds(0) : offset_at(*zone_, instant);
}

LocalTime TimeZone::local(Instant instant) const {
  return LocalTime(instant.time_since_epoch() + offset(instant));
}

Instant TimeZone::first(LocalTime local) const {
  if (zone_ == nullptr) return Instant(local.time_since_epoch());
  const auto whole = std::chrono::floor<std::chrono::seconds>(local.time_since_epoch());
  const date::local_info info = zone_->get_info(date::local_seconds(whole));
  // In a gap `first` describes the time before it: its end is the end of the gap.
  if (info.result == date::local_info::nonexistent) return Instant(info.first.end);
  return Instant(local.time_since_epoch() - info.first.offset);
}

Result<void> check_time_zones() {
  // Summer and winter of a zone with daylight saving, in a year that only the rules of the zone
  // can know.
  const TimeZoneName name("America/New_York");
  TRY(zone, TimeZone::find(name));
  TRY(summer, parse_instant("2035-07-01T00:00:00Z"));
  TRY(winter, parse_instant("2035-01-01T00:00:00Z"));
  if (zone.offset(summer) == std::chrono::hours(-4) &&
      zone.offset(winter) == std::chrono::hours(-5)) {
    return {};
  }
  return fail(ErrorCode::kInternal,
              "the time zone files lack the changes of coming years, so that summer would never "
              "come: " +
                  std::string(kInstall) + " as Debian builds it (zic -b fat)");
}

}  // namespace spillway
