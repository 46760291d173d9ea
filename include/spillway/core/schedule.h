#pragma once
// Awake and asleep: when a schedule lets something run. Pure values and pure functions of an
// instant: levels, never edges, so a missed edge, a restart or a step of the clock does no harm.
//
// Rules:
//   - Windows are times on the wall of one zone, half-open [from, to). 24:00 is the end of the day.
//   - A window that runs past midnight says so (overnight) and belongs to the day on which it
//     starts: "Mon-Fri 22:00-06:00 overnight" ends on Saturday at 06:00.
//   - Each window of each day is turned into two instants. An edge that clocks skip is the end of
//     the gap, an edge that they show twice is the first of the two (TimeZone::first). A window
//     that lies in a gap as a whole is empty on that day; skipped_windows() names it.
//   - A holiday off: nothing is awake on that calendar day, and no window that starts on it opens.
//     A holiday on: awake all of that calendar day, whatever the weekday. A holiday decides before
//     the windows.
//   - Until except_until everything is awake, whatever windows and holidays say.

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/core/result.h>
#include <spillway/core/time.h>
#include <spillway/core/time_zone.h>

namespace spillway {

// "Mon-Fri", "Sat-Mon" (over the end of the week), "Wed" (one day).
struct WeekdaySpan {
  std::chrono::weekday first = std::chrono::Monday;
  std::chrono::weekday last = std::chrono::Sunday;

  [[nodiscard]] bool contains(std::chrono::weekday day) const {
    return (day - first).count() <= (last - first).count();
  }
  friend bool operator==(const WeekdaySpan&, const WeekdaySpan&) = default;
};
Result<WeekdaySpan> parse_weekdays(std::string_view text);
std::string format_weekdays(WeekdaySpan span);

// Minutes after midnight, 00:00 to 24:00, as clocks show them.
struct TimeOfDay {
  std::chrono::minutes since_midnight{0};
  friend auto operator<=>(const TimeOfDay&, const TimeOfDay&) = default;
};
inline constexpr TimeOfDay kEndOfDay{std::chrono::hours(24)};
Result<TimeOfDay> parse_time_of_day(std::string_view text);  // "08:00"
std::string format_time_of_day(TimeOfDay time);

struct AwakeWindow {
  std::vector<WeekdaySpan> days;  // on which it starts; empty: every day
  TimeOfDay from;
  TimeOfDay to;
  bool overnight = false;  // `to` is on the following day, and earlier in the day than `from`

  [[nodiscard]] bool starts_on(std::chrono::weekday day) const;
  friend bool operator==(const AwakeWindow&, const AwakeWindow&) = default;
};
// "Mon-Fri 22:00-06:00 overnight".
std::string format_window(const AwakeWindow& window);

struct Holiday {
  CalendarDate date{};
  bool awake = false;
  friend bool operator==(const Holiday&, const Holiday&) = default;
};

// A schedule as people write it.
struct ScheduleSpec {
  TimeZoneName time_zone;
  std::vector<AwakeWindow> awake;
  std::vector<Holiday> holidays;
  std::optional<Instant> except_until;
  friend bool operator==(const ScheduleSpec&, const ScheduleSpec&) = default;
};

// A schedule that makes sense: windows neither empty nor overlapping, its zone known, each date
// there once.
class Schedule {
 public:
  static Result<Schedule> make(const ScheduleSpec& spec);

  [[nodiscard]] const TimeZone& zone() const { return zone_; }
  [[nodiscard]] const std::vector<AwakeWindow>& windows() const { return windows_; }
  [[nodiscard]] const std::vector<Holiday>& holidays() const { return holidays_; }  // by date
  [[nodiscard]] std::optional<Instant> except_until() const { return except_until_; }
  // The entry for the calendar day of this instant, if there is one.
  [[nodiscard]] const Holiday* holiday(Instant now) const;

  friend bool operator==(const Schedule&, const Schedule&) = default;

 private:
  TimeZone zone_;
  std::vector<AwakeWindow> windows_;
  std::vector<Holiday> holidays_;
  std::optional<Instant> except_until_;
};

// What is wrong with the windows or the dates alone, without a look at the zone. One sentence.
Result<void> check_windows(const std::vector<AwakeWindow>& windows);
// Only whether two of them overlap; each makes sense by itself.
Result<void> check_overlaps(const std::vector<AwakeWindow>& windows);
Result<void> check_holidays(const std::vector<Holiday>& holidays);

// Time: linear in the windows.
bool awake(const Schedule& schedule, Instant now);
// The earliest later instant at which awake() changes; nullopt when it never does. Time: linear in
// the windows, times the days until then; days without an edge are passed over.
std::optional<Instant> next_transition(const Schedule& schedule, Instant now);
// The latest instant not after `now` at which awake() changed; nullopt when that was more than a
// month ago, or never.
std::optional<Instant> last_transition(const Schedule& schedule, Instant now);

// What decides at this instant, for people and for the order among several schedules.
enum class ScheduleGround : std::uint8_t { kException, kHoliday, kWindow, kOutsideWindows };
ScheduleGround ground(const Schedule& schedule, Instant now);

struct Transition {
  Instant at{};
  bool awake = false;  // from then on
  friend bool operator==(const Transition&, const Transition&) = default;
};
// All changes in (from, until], at most `limit`.
std::vector<Transition> transitions(const Schedule& schedule, Instant from, Instant until,
                                    std::size_t limit);

// Windows that clocks skip as a whole: on this day the window does not open.
struct SkippedWindow {
  CalendarDate day{};
  std::size_t window = 0;  // index of Schedule::windows()
  friend bool operator==(const SkippedWindow&, const SkippedWindow&) = default;
};
// Those that would have started on a day from `from` to `until`; at most a thousand days.
std::vector<SkippedWindow> skipped_windows(const Schedule& schedule, Instant from, Instant until);

}  // namespace spillway
