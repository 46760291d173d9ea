#pragma once
// IANA time zones and the calendar of their inhabitants. The rules come from the operating system's
// time zone database (/usr/share/zoneinfo, package tzdata), which is part of the image;
// check_time_zones() says at start-up when it is not there or not whole.

#include <chrono>
#include <compare>
#include <string>
#include <string_view>

#include <spillway/core/result.h>
#include <spillway/core/strong.h>
#include <spillway/core/time.h>

namespace date {
class time_zone;
}  // namespace date

namespace spillway {

using TimeZoneName = StrongString<struct TimeZoneNameTag>;  // "Europe/Berlin"
using CalendarDate = std::chrono::year_month_day;
// What the clocks on the wall of a zone show.
using LocalTime = std::chrono::local_time<Duration>;

// "2026-12-24" and back; the error says what to write.
Result<CalendarDate> parse_date(std::string_view text);
std::string format_date(CalendarDate date);

// A value; cheap to copy. Thread-safe: zones are read once and never change in a running process.
class TimeZone {
 public:
  // UTC: needs no database.
  TimeZone() : name_("UTC") {}
  // Names of the database only: no abbreviations that are not in it, no offsets, not the zone of
  // the machine. An unknown name is an error that suggests the nearest known one.
  static Result<TimeZone> find(const TimeZoneName& name);

  [[nodiscard]] const TimeZoneName& name() const { return name_; }
  [[nodiscard]] LocalTime local(Instant instant) const;
  // When the clocks first show this time. A time that clocks skip (spring) is the end of the gap, a
  // time that they show twice (autumn) is the first of the two: with this rule an instant follows
  // from every time, and later times never give earlier instants.
  [[nodiscard]] Instant first(LocalTime local) const;
  // Hours ahead of UTC at this instant, in seconds: for people.
  [[nodiscard]] std::chrono::seconds offset(Instant instant) const;

  friend bool operator==(const TimeZone& a, const TimeZone& b) { return a.name_ == b.name_; }

 private:
  TimeZoneName name_;
  const date::time_zone* zone_ = nullptr;  // of the process-wide database; null: UTC
};

// A self-test for start-up: the database is there, and its files carry the transitions of the years
// to come (some images ship files without them, by which summer would never come). One sentence
// says what to install.
Result<void> check_time_zones();

}  // namespace spillway
