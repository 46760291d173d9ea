// Schedules against an oracle of their own: the C library's clock on the wall, walked minute by
// minute. A window of a day is open from when the clock has shown its beginning until it has shown
// its end.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <cstdlib>
#include <ctime>

#include <spillway/core/schedule.h>

namespace spillway {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::local_days;
using std::chrono::minutes;
using std::chrono::weekday;

// Gaps and overlaps of an hour and of half an hour, at midnight and at night, north and south, two
// changes a year and four (Morocco), and zones that change no more.
constexpr std::array<const char*, 12> kZones{
    "Europe/Berlin",    "America/New_York",  "America/Santiago", "Australia/Lord_Howe",
    "Asia/Beirut",      "Africa/Casablanca", "America/Havana",   "Africa/Cairo",
    "Pacific/Auckland", "America/Asuncion",  "America/Nuuk",     "Asia/Kolkata"};

class WallClock {
 public:
  explicit WallClock(const char* zone) {
    ::setenv("TZ", zone, 1);
    ::tzset();
  }
  ~WallClock() {
    ::unsetenv("TZ");
    ::tzset();
  }
  WallClock(const WallClock&) = delete;
  WallClock& operator=(const WallClock&) = delete;

  [[nodiscard]] minutes show(Instant at) const {  // since the epoch of the wall
    const std::time_t seconds = std::chrono::system_clock::to_time_t(
        std::chrono::time_point_cast<std::chrono::system_clock::duration>(at));
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    const CalendarDate date{std::chrono::year(parts.tm_year + 1900),
                            std::chrono::month(static_cast<unsigned>(parts.tm_mon + 1)),
                            std::chrono::day(static_cast<unsigned>(parts.tm_mday))};
    return local_days(date).time_since_epoch() + hours(parts.tm_hour) + minutes(parts.tm_min);
  }
};

constexpr minutes kRunUp = days(3);
constexpr minutes kLength = hours(54);

// The latest time that the clock has shown, at every minute of [from - kRunUp, from + kLength).
std::vector<minutes> walk(const WallClock& clock, Instant from) {
  std::vector<minutes> shown;
  minutes highest = clock.show(from - kRunUp);
  for (Instant at = from - kRunUp; at < from + kLength; at += minutes(1)) {
    highest = std::max(highest, clock.show(at));
    shown.push_back(highest);
  }
  return shown;
}

bool open_by_the_clock(const Schedule& schedule, minutes start, minutes highest) {
  const auto today = local_days(std::chrono::floor<days>(highest));
  for (const local_days day : {today, today - days(1)}) {
    for (const AwakeWindow& window : schedule.windows()) {
      if (!window.starts_on(weekday(day))) continue;
      const minutes midnight = day.time_since_epoch();
      const minutes begin = midnight + window.from.since_midnight;
      const minutes end =
          midnight + window.to.since_midnight + (window.overnight ? days(1) : days(0));
      if (begin >= start && highest >= begin && highest < end) return true;
    }
  }
  return false;
}

// The changes in the minutes after `from`, and the state before them.
std::pair<bool, std::vector<Transition>> by_the_clock(const Schedule& schedule, Instant from,
                                                      const std::vector<minutes>& shown) {
  const auto first = static_cast<std::size_t>(kRunUp.count());
  const bool before = open_by_the_clock(schedule, shown.front(), shown[first]);
  std::vector<Transition> changes;
  bool state = before;
  for (std::size_t i = first + 1; i < shown.size(); ++i) {
    const bool now = open_by_the_clock(schedule, shown.front(), shown[i]);
    if (now != state) changes.push_back({.at = from + minutes(i - first), .awake = now});
    state = now;
  }
  return {before, changes};
}

std::vector<Instant> changes_of_clocks(const TimeZone& zone, Instant from, Instant until) {
  std::vector<Instant> found;
  for (Instant at = from; at < until; at += hours(1)) {
    if (zone.offset(at) != zone.offset(at + hours(1))) found.push_back(at);
  }
  return found;
}

AwakeWindow window(int from, int to, std::vector<WeekdaySpan> on = {}) {
  return {
      .days = std::move(on), .from = {minutes(from)}, .to = {minutes(to)}, .overnight = to < from};
}

Schedule made(const char* zone, std::vector<AwakeWindow> windows) {
  const auto schedule =
      Schedule::make({.time_zone = TimeZoneName(zone), .awake = std::move(windows)});
  EXPECT_TRUE(schedule.has_value()) << schedule.error().message;
  return *schedule;
}

// Edges every quarter of an hour around the hours at which clocks change, and nights over them.
std::vector<Schedule> schedules_of(const char* zone) {
  std::vector<Schedule> list;
  for (const int edge : {0, 15, 30, 60, 90, 105, 120, 135, 150, 165, 180, 240, 1380, 1410, 1439}) {
    if (edge != 0) list.push_back(made(zone, {window(0, edge)}));
    list.push_back(made(zone, {window(edge, 1440)}));
    list.push_back(made(zone, {window(edge == 0 ? 1200 : edge, edge == 0 ? 30 : edge - 10)}));
  }
  list.push_back(made(zone, {window(135, 165)}));  // within many gaps
  list.push_back(made(zone, {window(5, 25), window(1410, 1430)}));
  return list;
}

TEST(ScheduleOverChangesOfClocks, agrees_with_the_walked_clock_in_twelve_zones_for_four_years) {
  std::size_t changes = 0;
  for (const char* name : kZones) {
    const TimeZone zone = *TimeZone::find(TimeZoneName(name));
    const WallClock clock(name);
    for (const Instant change : changes_of_clocks(zone, *parse_instant("2024-01-01T00:00:00Z"),
                                                  *parse_instant("2028-01-01T00:00:00Z"))) {
      ++changes;
      const Instant from = change - hours(27);
      const std::vector<minutes> shown = walk(clock, from);
      for (const Schedule& schedule : schedules_of(name)) {
        const auto [before, expected] = by_the_clock(schedule, from, shown);
        const std::string what = std::string(name) + " " + format_instant(change) + " " +
                                 format_window(schedule.windows().front());
        ASSERT_EQ(awake(schedule, from), before) << what;
        ASSERT_EQ(transitions(schedule, from, from + kLength - minutes(1), 20), expected) << what;
        for (const Transition& edge : expected) {
          ASSERT_EQ(awake(schedule, edge.at), edge.awake) << what;
          ASSERT_EQ(awake(schedule, edge.at - Duration(1)), !edge.awake) << what;
        }
      }
    }
  }
  EXPECT_GE(changes, 70U);  // the database may learn of fewer
}

rc::Gen<Schedule> any_schedule() {
  return rc::gen::exec([] {
    const char* zone = *rc::gen::elementOf(kZones);
    ScheduleSpec spec{.time_zone = TimeZoneName(zone)};
    const int count = *rc::gen::inRange(0, 4);
    for (int i = 0; i < count; ++i) {
      const int from = *rc::gen::inRange(0, 96) * 15;
      const int to = *rc::gen::inRange(0, 97) * 15;
      const auto day = [] { return weekday(static_cast<unsigned>(*rc::gen::inRange(0, 7))); };
      AwakeWindow candidate = window(from, to, {{.first = day(), .last = day()}});
      spec.awake.push_back(candidate);
      if (!check_windows(spec.awake)) spec.awake.pop_back();
    }
    const int holidays = *rc::gen::inRange(0, 4);
    for (int i = 0; i < holidays; ++i) {
      const auto date = local_days(*parse_date("2026-03-20")) + days(*rc::gen::inRange(0, 40));
      spec.holidays.push_back({.date = CalendarDate(date), .awake = *rc::gen::arbitrary<bool>()});
      if (!check_holidays(spec.holidays)) spec.holidays.pop_back();
    }
    if (*rc::gen::inRange(0, 4) == 0) {
      spec.except_until =
          *parse_instant("2026-03-20T00:00:00Z") + minutes(*rc::gen::inRange(0, 40'000));
    }
    return *Schedule::make(spec);
  });
}

rc::Gen<Instant> any_instant() {
  return rc::gen::map(
      rc::gen::inRange<std::int64_t>(0, 40LL * 24 * 60 * 60 * 1000),
      [](std::int64_t ms) { return *parse_instant("2026-03-15T00:00:00Z") + Duration(ms); });
}

}  // namespace

template <class T>
void show_windows(const T& schedule) {
  for (const AwakeWindow& window : schedule.windows())
    RC_LOG() << schedule.zone().name() << " " << format_window(window) << std::endl;
}

namespace {

RC_GTEST_PROP(ScheduleProperty, nothing_changes_before_the_next_transition_and_then_it_does, ()) {
  const Schedule schedule = *any_schedule();
  const Instant now = *any_instant();
  show_windows(schedule);
  const bool state = awake(schedule, now);
  const auto next = next_transition(schedule, now);
  const Instant horizon = now + days(21);
  const Instant end = next ? std::min(*next, horizon) : horizon;
  for (Instant at = now; at < end; at += minutes(5))
    RC_ASSERT(awake(schedule, at) == state);
  if (!next) return;
  RC_ASSERT(*next > now);
  RC_ASSERT(awake(schedule, *next - Duration(1)) == state);
  RC_ASSERT(awake(schedule, *next) != state);
}

RC_GTEST_PROP(ScheduleProperty, in_utc_a_week_later_is_the_same, ()) {
  const Schedule drawn = *any_schedule();
  const Instant now = *any_instant();
  const Schedule utc =
      *Schedule::make({.time_zone = TimeZoneName("UTC"), .awake = drawn.windows()});
  RC_ASSERT(awake(utc, now) == awake(utc, now + days(7)));
  const auto next = next_transition(utc, now);
  const auto later = next_transition(utc, now + days(7));
  RC_ASSERT(next.has_value() == later.has_value());
  if (next) RC_ASSERT(*next + days(7) == *later);
}

RC_GTEST_PROP(ScheduleProperty, the_order_of_windows_and_holidays_does_not_matter, ()) {
  const Schedule schedule = *any_schedule();
  const Instant now = *any_instant();
  ScheduleSpec turned{.time_zone = schedule.zone().name(),
                      .awake = {schedule.windows().rbegin(), schedule.windows().rend()},
                      .holidays = {schedule.holidays().rbegin(), schedule.holidays().rend()},
                      .except_until = schedule.except_until()};
  const Schedule other = *Schedule::make(turned);
  RC_ASSERT(awake(schedule, now) == awake(other, now));
  RC_ASSERT(next_transition(schedule, now) == next_transition(other, now));
}

}  // namespace
}  // namespace spillway
