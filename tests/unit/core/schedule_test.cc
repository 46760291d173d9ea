#include <gtest/gtest.h>

#include <spillway/core/schedule.h>

namespace spillway {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

Instant at(std::string_view text) {
  return *parse_instant(text);
}

AwakeWindow window(const char* days, const char* from, const char* to, bool overnight = false) {
  AwakeWindow made{
      .from = *parse_time_of_day(from), .to = *parse_time_of_day(to), .overnight = overnight};
  if (std::string_view(days) != "") made.days = {*parse_weekdays(days)};
  return made;
}

ScheduleSpec spec(const char* zone, std::vector<AwakeWindow> windows) {
  return {.time_zone = TimeZoneName(zone), .awake = std::move(windows)};
}
Schedule schedule(const char* zone, std::vector<AwakeWindow> windows) {
  const auto made = Schedule::make(spec(zone, std::move(windows)));
  EXPECT_TRUE(made.has_value()) << made.error().message;
  return *made;
}
std::string problem(const ScheduleSpec& given) {
  const auto made = Schedule::make(given);
  return made ? "" : made.error().message;
}
std::string problem(std::vector<AwakeWindow> windows) {
  return problem(spec("UTC", std::move(windows)));
}

std::string next(const Schedule& given, std::string_view now) {
  const auto found = next_transition(given, at(now));
  return found ? format_instant(*found) : "never";
}

TEST(Schedule, windows_are_half_open_in_the_time_of_their_zone) {
  const Schedule office = schedule("Europe/Berlin", {window("Mon-Fri", "08:00", "18:00")});
  EXPECT_FALSE(awake(office, at("2026-01-05T06:59:59.999Z")));  // a Monday, CET
  EXPECT_TRUE(awake(office, at("2026-01-05T07:00:00Z")));
  EXPECT_TRUE(awake(office, at("2026-01-05T16:59:59.999Z")));
  EXPECT_FALSE(awake(office, at("2026-01-05T17:00:00Z")));
  EXPECT_FALSE(awake(office, at("2026-01-10T10:00:00Z")));  // Saturday
  EXPECT_TRUE(awake(office, at("2026-07-06T06:00:00Z")));   // CEST
}

TEST(Schedule, tells_the_next_change) {
  const Schedule office = schedule("Europe/Berlin", {window("Mon-Fri", "08:00", "18:00")});
  EXPECT_EQ(next(office, "2026-01-05T06:00:00Z"), "2026-01-05T07:00:00Z");
  EXPECT_EQ(next(office, "2026-01-05T07:00:00Z"), "2026-01-05T17:00:00Z");
  EXPECT_EQ(next(office, "2026-01-09T17:00:00Z"), "2026-01-12T07:00:00Z");  // over the weekend
  EXPECT_EQ(next(office, "2026-03-27T17:00:00Z"), "2026-03-30T06:00:00Z");  // into summer time
}

TEST(Schedule, without_a_change_there_is_no_next_one) {
  EXPECT_EQ(next(schedule("UTC", {}), "2026-01-05T06:00:00Z"), "never");
  const Schedule always = schedule("Europe/Berlin", {window("", "00:00", "24:00")});
  EXPECT_EQ(next(always, "2026-03-28T06:00:00Z"), "never");  // the clocks change next night
  EXPECT_TRUE(awake(always, at("2026-03-29T01:00:00Z")));
}

TEST(Schedule, spans_of_weekdays_run_over_the_end_of_the_week) {
  const Schedule long_weekend = schedule("UTC", {window("Sat-Mon", "10:00", "12:00")});
  for (const char* day : {"2026-01-03", "2026-01-04", "2026-01-05"})
    EXPECT_TRUE(awake(long_weekend, at(std::string(day) + "T11:00:00Z"))) << day;
  EXPECT_FALSE(awake(long_weekend, at("2026-01-06T11:00:00Z")));
  EXPECT_FALSE(awake(long_weekend, at("2026-01-02T11:00:00Z")));
}

TEST(Schedule, an_overnight_window_belongs_to_the_day_on_which_it_starts) {
  const Schedule nights = schedule("UTC", {window("Mon-Fri", "22:00", "06:00", true)});
  EXPECT_FALSE(awake(nights, at("2026-01-05T03:00:00Z")));  // Monday morning is Sunday's night
  EXPECT_TRUE(awake(nights, at("2026-01-05T22:00:00Z")));
  EXPECT_TRUE(awake(nights, at("2026-01-10T05:59:00Z")));  // Saturday morning is Friday's night
  EXPECT_FALSE(awake(nights, at("2026-01-10T06:00:00Z")));
  EXPECT_FALSE(awake(nights, at("2026-01-10T23:00:00Z")));
  EXPECT_EQ(next(nights, "2026-01-10T06:00:00Z"), "2026-01-12T22:00:00Z");
}

TEST(Schedule, windows_that_meet_at_midnight_are_one_time_awake) {
  const Schedule split = schedule(
      "Europe/Berlin", {window("Mon-Fri", "23:30", "24:00"), window("Tue-Sat", "00:00", "09:30")});
  EXPECT_EQ(next(split, "2026-01-05T22:30:00Z"), "2026-01-06T08:30:00Z");
}

TEST(Schedule, an_edge_that_clocks_skip_is_the_end_of_the_gap) {
  const Schedule early = schedule("America/New_York", {window("", "02:30", "18:00")});
  EXPECT_FALSE(awake(early, at("2026-03-08T06:59:00Z")));
  EXPECT_TRUE(awake(early, at("2026-03-08T07:00:00Z")));
  const Schedule late = schedule("America/New_York", {window("", "00:00", "02:30")});
  EXPECT_EQ(next(late, "2026-03-08T05:00:00Z"), "2026-03-08T07:00:00Z");
}

TEST(Schedule, an_edge_that_clocks_show_twice_is_the_first_of_the_two) {
  const Schedule early = schedule("America/New_York", {window("", "01:30", "18:00")});
  EXPECT_EQ(next(early, "2026-11-01T05:00:00Z"), "2026-11-01T05:30:00Z");
  EXPECT_EQ(next(early, "2026-11-01T05:30:00Z"), "2026-11-01T23:00:00Z");  // no flapping at 01:00
  const Schedule late = schedule("America/New_York", {window("", "00:00", "01:30")});
  EXPECT_EQ(next(late, "2026-11-01T04:00:00Z"), "2026-11-01T05:30:00Z");
  EXPECT_EQ(next(late, "2026-11-01T05:30:00Z"), "2026-11-02T05:00:00Z");
}

TEST(Schedule, a_window_wholly_in_a_gap_is_empty_that_day_and_named) {
  const Schedule tiny = schedule("America/New_York", {window("Sun", "02:15", "02:45")});
  EXPECT_EQ(next(tiny, "2026-03-07T12:00:00Z"), "2026-03-15T06:15:00Z");
  const auto skipped =
      skipped_windows(tiny, at("2026-03-01T12:00:00Z"), at("2026-12-01T12:00:00Z"));
  ASSERT_EQ(skipped.size(), 1U);
  EXPECT_EQ(format_date(skipped[0].day), "2026-03-08");
  EXPECT_EQ(skipped[0].window, 0U);
}

TEST(Schedule, midnights_that_clocks_skip_or_show_twice_leave_no_hole) {
  // Chile changes at midnight: 2026-09-06 00:00 -> 01:00, 2026-04-05 00:00 -> 2026-04-04 23:00.
  const Schedule always = schedule("America/Santiago", {window("", "00:00", "24:00")});
  EXPECT_EQ(next(always, "2026-04-01T00:00:00Z"), "never");
  EXPECT_EQ(next(always, "2026-09-01T00:00:00Z"), "never");
  const Schedule nights = schedule("America/Santiago", {window("Sat", "20:00", "24:00")});
  EXPECT_EQ(next(nights, "2026-04-05T00:00:00Z"), "2026-04-05T04:00:00Z");
  EXPECT_EQ(next(nights, "2026-09-06T00:30:00Z"), "2026-09-06T04:00:00Z");
}

TEST(Schedule, a_holiday_off_takes_its_calendar_day_and_its_own_windows) {
  ScheduleSpec given =
      spec("UTC", {window("Mon-Fri", "08:00", "18:00"), window("Mon-Fri", "22:00", "06:00", true)});
  given.holidays = {{.date = *parse_date("2026-12-24"), .awake = false}};  // a Thursday
  const Schedule made = *Schedule::make(given);
  EXPECT_TRUE(awake(made, at("2026-12-23T23:00:00Z")));
  EXPECT_FALSE(awake(made, at("2026-12-24T03:00:00Z")));  // the day is off from its midnight on
  EXPECT_FALSE(awake(made, at("2026-12-24T10:00:00Z")));
  EXPECT_FALSE(awake(made, at("2026-12-24T23:00:00Z")));
  EXPECT_FALSE(awake(made, at("2026-12-25T03:00:00Z")));  // of a window that did not open
  EXPECT_EQ(next(made, "2026-12-23T23:00:00Z"), "2026-12-24T00:00:00Z");
  EXPECT_EQ(next(made, "2026-12-24T00:00:00Z"), "2026-12-25T08:00:00Z");
}

TEST(Schedule, a_holiday_on_is_awake_all_day_in_its_zone) {
  ScheduleSpec given = spec("Asia/Tokyo", {window("Mon-Fri", "08:00", "18:00")});
  given.holidays = {{.date = *parse_date("2026-01-10"), .awake = true}};  // a Saturday
  const Schedule made = *Schedule::make(given);
  EXPECT_EQ(next(made, "2026-01-09T12:00:00Z"), "2026-01-09T15:00:00Z");
  EXPECT_EQ(next(made, "2026-01-09T15:00:00Z"), "2026-01-10T15:00:00Z");
  EXPECT_EQ(ground(made, at("2026-01-10T00:00:00Z")), ScheduleGround::kHoliday);
}

TEST(Schedule, a_month_of_holidays_is_searched_to_its_end) {
  ScheduleSpec given = spec("UTC", {window("Mon", "08:00", "18:00")});
  for (auto day = std::chrono::local_days(*parse_date("2026-06-01"));
       day < std::chrono::local_days(*parse_date("2026-09-01")); day += std::chrono::days(1)) {
    given.holidays.push_back({.date = CalendarDate(day)});
  }
  EXPECT_EQ(next(*Schedule::make(given), "2026-06-01T00:00:00Z"), "2026-09-07T08:00:00Z");
}

TEST(Schedule, a_distant_holiday_is_the_next_change_of_what_never_changes_otherwise) {
  ScheduleSpec given = spec("UTC", {window("", "00:00", "24:00")});
  given.holidays = {{.date = *parse_date("2036-12-24")}};
  const Schedule made = *Schedule::make(given);
  EXPECT_EQ(next(made, "2026-06-01T00:00:00Z"), "2036-12-24T00:00:00Z");
  EXPECT_EQ(next(made, "2036-12-24T00:00:00Z"), "2036-12-25T00:00:00Z");
  EXPECT_EQ(next(made, "2036-12-25T00:00:00Z"), "never");
}

TEST(Schedule, until_the_exception_ends_everything_is_awake) {
  ScheduleSpec given = spec("UTC", {window("Mon-Fri", "08:00", "18:00")});
  given.holidays = {{.date = *parse_date("2026-01-06")}};
  given.except_until = at("2026-01-07T12:00:00Z");
  const Schedule made = *Schedule::make(given);
  EXPECT_TRUE(awake(made, at("2026-01-06T03:00:00Z")));
  EXPECT_EQ(ground(made, at("2026-01-06T03:00:00Z")), ScheduleGround::kException);
  EXPECT_EQ(next(made, "2026-01-05T00:00:00Z"), "2026-01-07T18:00:00Z");  // ends within a window
  given.except_until = at("2026-01-07T20:00:00Z");
  EXPECT_EQ(next(*Schedule::make(given), "2026-01-05T00:00:00Z"), "2026-01-07T20:00:00Z");
}

TEST(Schedule, tells_the_last_change) {
  const Schedule office = schedule("UTC", {window("Mon-Fri", "08:00", "18:00")});
  EXPECT_EQ(last_transition(office, at("2026-01-05T08:00:00Z")), at("2026-01-05T08:00:00Z"));
  EXPECT_EQ(last_transition(office, at("2026-01-05T07:59:59Z")), at("2026-01-02T18:00:00Z"));
  EXPECT_EQ(last_transition(schedule("UTC", {}), at("2026-01-05T07:59:59Z")), std::nullopt);
}

TEST(Schedule, lists_what_is_to_come) {
  const Schedule office = schedule("UTC", {window("Mon-Fri", "08:00", "18:00")});
  const auto list = transitions(office, at("2026-01-09T12:00:00Z"), at("2026-01-12T18:00:00Z"), 10);
  EXPECT_EQ(list, (std::vector<Transition>{{at("2026-01-09T18:00:00Z"), false},
                                           {at("2026-01-12T08:00:00Z"), true},
                                           {at("2026-01-12T18:00:00Z"), false}}));
  EXPECT_EQ(transitions(office, at("2026-01-09T12:00:00Z"), at("2027-01-09T12:00:00Z"), 5).size(),
            5U);
}

TEST(Schedule, refuses_a_window_that_ends_before_it_begins_and_says_how_to_write_a_night) {
  EXPECT_EQ(problem({window("", "22:00", "06:00")}),
            "awake[0]: to 06:00 is before from 22:00: write overnight: true if the window ends on "
            "the following day");
  EXPECT_EQ(problem({window("", "18:00", "00:00")}),
            "awake[0]: to 00:00 is before from 18:00: write 24:00 for the end of the day");
  EXPECT_EQ(problem({window("", "08:00", "18:00", true)}),
            "awake[0]: overnight says that 18:00 is on the following day, more than a day after "
            "08:00: leave overnight out, or write two windows");
}

TEST(Schedule, refuses_an_empty_window) {
  EXPECT_EQ(problem({window("", "08:00", "18:00"), window("", "19:00", "19:00")}),
            "awake[1]: from and to are both 19:00, an empty window: write from 00:00 to 24:00 for "
            "a whole day");
  EXPECT_NE(problem({window("", "19:00", "19:00", true)}), "");
}

TEST(Schedule, refuses_windows_that_overlap_and_says_where) {
  EXPECT_EQ(problem({window("Mon-Fri", "08:00", "18:00"), window("Fri", "10:00", "16:00")}),
            "awake[0] (Mon-Fri 08:00-18:00) and awake[1] (Fri 10:00-16:00) overlap on Fri "
            "10:00-16:00, so that one of them says less than it seems: write windows that do not "
            "overlap");
  // Over midnight, and over the end of the week.
  EXPECT_NE(problem({window("Sat", "22:00", "06:00", true), window("Sun", "05:00", "07:00")})
                .find("overlap on Sun 05:00-06:00"),
            std::string::npos);
  EXPECT_NE(problem({window("Mon", "00:00", "02:00"), window("Sun", "20:00", "01:00", true)})
                .find("overlap on Mon 00:00-01:00"),
            std::string::npos);
  EXPECT_EQ(problem({window("Mon", "08:00", "12:00"), window("Mon", "12:00", "18:00")}), "");
}

TEST(Schedule, refuses_a_date_that_is_there_twice) {
  ScheduleSpec given = spec("UTC", {});
  given.holidays = {{.date = *parse_date("2026-12-24"), .awake = false},
                    {.date = *parse_date("2026-12-24"), .awake = true}};
  EXPECT_EQ(problem(given),
            "holidays: 2026-12-24 is there twice, once awake and once asleep: write each date "
            "once");
}

TEST(Schedule, refuses_an_unknown_zone) {
  EXPECT_NE(problem(spec("Europe/Berlim", {})).find("did you mean Europe/Berlin?"),
            std::string::npos);
}

TEST(Schedule, reads_weekdays_and_times_of_day) {
  EXPECT_EQ(format_weekdays(*parse_weekdays("Sat-Mon")), "Sat-Mon");
  EXPECT_EQ(format_weekdays(*parse_weekdays("Sun-Sun")), "Sun");
  EXPECT_EQ(format_time_of_day(*parse_time_of_day("24:00")), "24:00");
  for (const char* text : {"Mon-Thur", "", "mon", "Mon-", "Mon-Tue-Wed", "1-5", "Monday"}) {
    ASSERT_FALSE(parse_weekdays(text).has_value()) << text;
    EXPECT_NE(parse_weekdays(text).error().message.find("such as Mon-Fri"), std::string::npos);
  }
  for (const char* text : {"8:00", "24:01", "12:60", "1200", "", "12:0", "-1:00", "12:00:00"}) {
    ASSERT_FALSE(parse_time_of_day(text).has_value()) << text;
    EXPECT_NE(parse_time_of_day(text).error().message.find("such as \"08:00\""), std::string::npos);
  }
}

}  // namespace
}  // namespace spillway
