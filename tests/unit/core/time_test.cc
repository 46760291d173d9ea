#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <spillway/core/time.h>

namespace spillway {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Instant, reads_what_kubernetes_writes) {
  EXPECT_EQ(parse_instant("1970-01-01T00:00:01Z")->time_since_epoch(), seconds(1));
  EXPECT_EQ(*parse_instant("2026-11-21T09:14:01Z"), *parse_instant("2026-11-21T10:14:01+01:00"));
  EXPECT_EQ(*parse_instant("2026-11-21T09:14:01Z"), *parse_instant("2026-11-21T03:44:01-05:30"));
  EXPECT_EQ(*parse_instant("2026-11-21T09:14:01.25Z") - *parse_instant("2026-11-21T09:14:01Z"),
            milliseconds(250));
  EXPECT_EQ(*parse_instant("2026-11-21T09:14:01.123999999Z"),
            *parse_instant("2026-11-21T09:14:01.123Z"));
  EXPECT_TRUE(parse_instant("2028-02-29T00:00:00Z").has_value());
}

TEST(Instant, refuses_what_is_not_a_time_and_says_what_to_write) {
  for (const char* text : {"tomorrow", "", "2026-11-21", "2026-11-21T09:14:01",
                           "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-21T24:00:00Z",
                           "2026-11-21T09:60:00Z", "2026-11-21 09:14:01Z", "2026-11-21T09:14:01.Z",
                           "2026-11-21T09:14:01Zx", "2026-11-21T09:14:01+1:00"}) {
    const auto instant = parse_instant(text);
    ASSERT_FALSE(instant.has_value()) << text;
    EXPECT_NE(instant.error().message.find("write RFC 3339 such as \"2026-11-21T09:00:00Z\""),
              std::string::npos);
  }
}

TEST(Instant, prints_the_forms_of_kubernetes) {
  const Instant instant = *parse_instant("2026-11-21T09:14:01.250Z");
  EXPECT_EQ(format_instant(instant), "2026-11-21T09:14:01Z");
  EXPECT_EQ(format_micro_time(instant), "2026-11-21T09:14:01.250000Z");
  EXPECT_EQ(format_instant(Instant(seconds(-1))), "1969-12-31T23:59:59Z");
}

RC_GTEST_PROP(InstantProperty, reading_what_was_printed_gives_the_same_second, ()) {
  const Instant instant(seconds(*rc::gen::inRange<std::int64_t>(-10'000'000'000, 100'000'000'000)));
  RC_ASSERT(parse_instant(format_instant(instant)) == instant);
}

TEST(Duration, reads_go_style_text) {
  EXPECT_EQ(parse_duration("1h30m"), Duration(minutes(90)));
  EXPECT_EQ(parse_duration("1.5h"), Duration(minutes(90)));
  EXPECT_EQ(parse_duration("250ms"), Duration(250));
  EXPECT_EQ(parse_duration("90s"), Duration(seconds(90)));
  EXPECT_EQ(parse_duration("0"), Duration(0));
  EXPECT_EQ(parse_duration("0s"), Duration(0));
  EXPECT_EQ(parse_duration("2m5ms"), Duration(120'005));
  EXPECT_EQ(parse_duration(".5s"), Duration(500));
}

TEST(Duration, refuses_what_is_not_a_duration_and_says_what_to_write) {
  for (const char* text :
       {"", "5", "2d", "-1h", "1h ", "h", "1 h", "1e3s", "ms", "99999999999999999999h", "1h30"}) {
    const auto duration = parse_duration(text);
    ASSERT_FALSE(duration.has_value()) << text;
    EXPECT_NE(duration.error().message.find("such as \"1h30m\" or \"45s\""), std::string::npos);
  }
}

TEST(Duration, prints_the_shortest_exact_form) {
  EXPECT_EQ(format_duration(minutes(90)), "1h30m");
  EXPECT_EQ(format_duration(seconds(45)), "45s");
  EXPECT_EQ(format_duration(Duration(0)), "0s");
  EXPECT_EQ(format_duration(Duration(3'600'001)), "1h1ms");
  EXPECT_EQ(format_duration(hours(48)), "48h");
  EXPECT_EQ(format_duration(Duration(-1'500)), "-1s500ms");
}

RC_GTEST_PROP(DurationProperty, reading_what_was_printed_gives_the_same_time, ()) {
  const Duration duration(*rc::gen::inRange<std::int64_t>(0, 1'000'000'000'000));
  RC_ASSERT(parse_duration(format_duration(duration)) == duration);
}

}  // namespace
}  // namespace spillway
