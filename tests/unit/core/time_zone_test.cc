#include <gtest/gtest.h>

#include <spillway/core/time_zone.h>

namespace spillway {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

TimeZone zone(const char* name) {
  return *TimeZone::find(TimeZoneName(name));
}
Instant at(std::string_view text) {
  return *parse_instant(text);
}
LocalTime wall(int year, unsigned month, unsigned day, minutes of_day) {
  return LocalTime(std::chrono::local_days(CalendarDate(
             std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)))) +
         of_day;
}

std::string problem(const char* name) {
  const auto found = TimeZone::find(TimeZoneName(name));
  return found ? "" : found.error().message;
}

TEST(TimeZone, knows_every_kind_of_name_in_the_database) {
  for (const char* name : {"UTC", "Etc/UTC", "Europe/Berlin", "America/Port-au-Prince", "Etc/GMT+1",
                           "America/Argentina/Buenos_Aires", "CET"}) {
    EXPECT_EQ(problem(name), "") << name;
  }
}

TEST(TimeZone, suggests_the_nearest_name_for_one_that_it_does_not_know) {
  EXPECT_EQ(problem("Europe/Berlim"),
            "\"Europe/Berlim\" is not a time zone: write an IANA name; did you mean "
            "Europe/Berlin?");
  EXPECT_NE(problem("europe/berlin").find("did you mean Europe/Berlin?"), std::string::npos);
  EXPECT_NE(problem("Berlin").find("did you mean Europe/Berlin?"), std::string::npos);
  EXPECT_NE(problem("America/NewYork").find("did you mean America/New_York?"), std::string::npos);
  EXPECT_EQ(problem("Mars/Olympus_Mons"),
            "\"Mars/Olympus_Mons\" is not a time zone: write an IANA name such as Europe/Berlin");
}

TEST(TimeZone, takes_neither_offsets_nor_the_zone_of_the_machine_nor_files_beside_the_database) {
  for (const char* name : {"", "Local", "+02:00", "CEST", "../../etc/passwd", "zone.tab",
                           "posix/Europe/Berlin", "right/Europe/Berlin", "Europe"}) {
    EXPECT_NE(problem(name).find("write an IANA name"), std::string::npos) << name;
  }
}

TEST(TimeZone, shows_the_time_on_the_wall) {
  EXPECT_EQ(zone("Europe/Berlin").local(at("2026-01-05T07:00:00Z")), wall(2026, 1, 5, hours(8)));
  EXPECT_EQ(zone("Europe/Berlin").local(at("2026-07-05T06:00:00Z")), wall(2026, 7, 5, hours(8)));
  EXPECT_EQ(zone("Asia/Kolkata").local(at("2026-01-05T02:30:00Z")), wall(2026, 1, 5, hours(8)));
  EXPECT_EQ(TimeZone().local(at("2026-01-05T08:00:00Z")), wall(2026, 1, 5, hours(8)));
}

TEST(TimeZone, a_time_that_clocks_skip_is_the_end_of_the_gap) {
  // 2026-03-08 02:00 EST -> 03:00 EDT.
  const TimeZone new_york = zone("America/New_York");
  EXPECT_EQ(new_york.first(wall(2026, 3, 8, hours(2) + minutes(30))), at("2026-03-08T07:00:00Z"));
  EXPECT_EQ(new_york.first(wall(2026, 3, 8, hours(2))), at("2026-03-08T07:00:00Z"));
  EXPECT_EQ(new_york.first(wall(2026, 3, 8, hours(3))), at("2026-03-08T07:00:00Z"));
  EXPECT_EQ(new_york.first(wall(2026, 3, 8, hours(1) + minutes(59))), at("2026-03-08T06:59:00Z"));
}

TEST(TimeZone, a_time_that_clocks_show_twice_is_the_first_of_the_two) {
  // 2026-11-01 02:00 EDT -> 01:00 EST.
  const TimeZone new_york = zone("America/New_York");
  EXPECT_EQ(new_york.first(wall(2026, 11, 1, hours(1) + minutes(30))), at("2026-11-01T05:30:00Z"));
  EXPECT_EQ(new_york.first(wall(2026, 11, 1, hours(2))), at("2026-11-01T07:00:00Z"));
}

TEST(TimeZone, a_whole_day_can_be_skipped) {
  // Samoa went over the date line: there was no 30 December 2011.
  const TimeZone apia = zone("Pacific/Apia");
  EXPECT_EQ(apia.first(wall(2011, 12, 30, hours(8))), at("2011-12-30T10:00:00Z"));
  EXPECT_EQ(apia.first(wall(2011, 12, 31, hours(0))), at("2011-12-30T10:00:00Z"));
}

TEST(TimeZone, the_database_of_this_machine_passes_its_test) {
  const auto checked = check_time_zones();
  EXPECT_TRUE(checked.has_value()) << checked.error().message;
}

TEST(CalendarDate, reads_and_prints_dates) {
  EXPECT_EQ(format_date(*parse_date("2028-02-29")), "2028-02-29");
  for (const char* text : {"2026-02-29", "2026-13-01", "2026-1-1", "26-01-01", "", "2026-00-10",
                           "2026-01-01T00:00:00Z", "2026/01/01"}) {
    const auto date = parse_date(text);
    ASSERT_FALSE(date.has_value()) << text;
    EXPECT_NE(date.error().message.find("write one such as \"2026-12-24\""), std::string::npos);
  }
}

}  // namespace
}  // namespace spillway
