#pragma once
// Field tables of schedules: of an InferencePool, and within the off-hours of a CostPolicy.

#include <spillway/core/schedule.h>

#include "field.h"

namespace spillway::api {

inline constexpr std::size_t kMaxWindows = 16;
inline constexpr std::size_t kMaxHolidays = 366;

template <>
struct Described<AwakeWindow> {
  static constexpr auto fields = std::tuple(
      field("days", &AwakeWindow::days,
            "Weekdays on which the window starts: single ones such as Wed, or spans such as "
            "Mon-Fri and Sat-Mon. Absent: every day.",
            {.max_items = 7, .format = &kWeekdays}),
      field("from", &AwakeWindow::from, "When it starts, on the clocks of the time zone.",
            {.required = true, .format = &kTimeOfDay}),
      field("to", &AwakeWindow::to,
            "When it ends; at this time it is over already. 24:00 is the end of the day.",
            {.required = true, .format = &kTimeOfDay}),
      field("overnight", &AwakeWindow::overnight,
            "The window runs past midnight and ends on the following day. It belongs to the day on "
            "which it starts: Mon-Fri 22:00 to 06:00 ends on Saturday at 06:00.",
            {.defaulted = true}));
  static constexpr std::array rules{
      Rule<AwakeWindow>{"self.from != self.to",
                        "from and to are the same, an empty window: write from 00:00 to 24:00 for "
                        "a whole day",
                        [](const AwakeWindow& w) { return w.from != w.to; }},
      Rule<AwakeWindow>{"self.from != '24:00'",
                        "from 24:00 is 00:00 of the next day: write 00:00 and the day after",
                        [](const AwakeWindow& w) { return w.from != kEndOfDay; }},
      Rule<AwakeWindow>{"self.overnight || self.from <= self.to",
                        "to is before from: write overnight: true if the window ends on the "
                        "following day, or 24:00 for the end of the day",
                        [](const AwakeWindow& w) { return w.overnight || w.from <= w.to; }},
      Rule<AwakeWindow>{"!self.overnight || self.to <= self.from",
                        "overnight says that to is on the following day, and here that is more "
                        "than a day after from: leave overnight out, or write two windows",
                        [](const AwakeWindow& w) { return !w.overnight || w.to <= w.from; }}};
};

template <>
struct Described<Holiday> {
  static constexpr auto fields = std::tuple(
      field("date", &Holiday::date, "Calendar day in the time zone.",
            {.required = true, .format = &kDate}),
      field("awake", &Holiday::awake,
            "false: a day off, on which no window starts and nothing is awake. true: awake all "
            "day, whatever the weekday.",
            {.defaulted = true}));
  static constexpr std::array<Rule<Holiday>, 0> rules{};
};

// What relates the parts: T has time_zone and awake.
template <class T>
inline constexpr Rule<T> zone_is_known{
    "timestamp('2026-01-01T00:00:00Z').getFullYear(self.timeZone) > 0",
    "write an IANA name such as Europe/Berlin",
    [](const T& of) { return TimeZone::find(of.time_zone).has_value(); },
    [](const T& of) { return TimeZone::find(of.time_zone).error().message; }};
// Which days two windows share is beyond what the API server can afford to ask.
template <class T>
inline constexpr Rule<T> windows_do_not_overlap{
    "", "write windows that do not overlap",
    [](const T& of) { return check_overlaps(of.awake).has_value(); },
    [](const T& of) { return check_overlaps(of.awake).error().message; }};

inline constexpr std::string_view kTimeZoneDoc =
    "IANA time zone such as Europe/Berlin: all windows and dates are in its time, daylight saving "
    "included.";
inline constexpr std::string_view kAwakeDoc =
    "Windows in which things run; outside of them they sleep. They must not overlap.";
inline constexpr std::string_view kHolidaysDoc =
    "Days on which the weekday does not decide. A holiday goes before the windows.";
inline constexpr std::string_view kExceptUntilDoc =
    "Until then nothing sleeps by this schedule, whatever windows and holidays say.";

template <>
struct Described<ScheduleSpec> {
  static constexpr auto fields = std::tuple(
      field("timeZone", &ScheduleSpec::time_zone, kTimeZoneDoc,
            {.required = true, .format = &kTimeZone}),
      field("awake", &ScheduleSpec::awake, kAwakeDoc,
            {.required = true, .min_items = 1, .max_items = kMaxWindows}),
      field("holidays", &ScheduleSpec::holidays, kHolidaysDoc,
            {.max_items = kMaxHolidays, .list_key = "date"}),
      field("exceptUntil", &ScheduleSpec::except_until, kExceptUntilDoc, {.format = &kInstant}));
  static constexpr std::array rules{zone_is_known<ScheduleSpec>,
                                    windows_do_not_overlap<ScheduleSpec>};
};

}  // namespace spillway::api
