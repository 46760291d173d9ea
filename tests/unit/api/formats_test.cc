// Pattern (what the API server checks) and predicate (what C++ checks) of each form say the same.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <regex>
#include <string>

#include <spillway/core/time.h>

#include "formats.h"

namespace spillway::api {
namespace {

struct NamedFormat {
  const char* name;
  const TextFormat& format;
  std::string alphabet;  // what random texts are made of: near misses are likely
};

const std::array<NamedFormat, 15> kFormats{{
    {"label value", kLabelValue, "aZ0-_. /"},
    {"workload name", kWorkloadName, "az09-_A"},
    {"pool name", kPoolName, "az09-.A_"},
    {"resource name", kResourceName, "a0-./_A"},
    {"port name", kPortName, "az0-_A"},
    {"amount", kAmount, "0129.-e"},
    {"signed amount", kSignedAmount, "019.--"},
    {"duration", kDuration, "0159.hms-d"},
    {"absolute path", kAbsolutePath, "/aZ0._- /"},
    {"time zone", kTimeZone, "aZ0-_+/. "},
    {"weekdays", kWeekdays, "MonFri-"},
    {"time of day", kTimeOfDay, "0124:59"},
    {"condition type", kConditionType, "aZ0-_./"},
    {"condition reason", kConditionReason, "aZ0_,:-"},
    {"percentage",
     {.pattern = kPercentPattern,
      .message = "",
      .max_length = 4,
      .holds =
          [](std::string_view text) {
            std::int32_t p = 0;
            return parse_percent(text, p);
          }},
     "0123459%-"},
}};

bool matches_pattern(const TextFormat& format, const std::string& text) {
  return text.size() <= format.max_length &&
         std::regex_match(text, std::regex(std::string(format.pattern)));
}

RC_GTEST_PROP(FormatsProperty, pattern_and_predicate_agree, ()) {
  const auto longest = *rc::gen::element<std::size_t>(3, 6, 12, 70);
  for (const NamedFormat& entry : kFormats) {
    const auto length = *rc::gen::inRange<std::size_t>(0, longest);
    const auto text = *rc::gen::container<std::string>(length, rc::gen::elementOf(entry.alphabet));
    const bool holds = text.size() <= entry.format.max_length && entry.format.holds(text);
    if (holds != matches_pattern(entry.format, text))
      RC_FAIL(std::string(entry.name) + ": '" + text + "'");
  }
}

// The pattern knows no calendar: the API server has a rule for that beside it, C++ has
// parse_instant().
RC_GTEST_PROP(FormatsProperty, pattern_and_predicate_of_times_agree_but_for_the_calendar, ()) {
  const auto two = [](int above) {
    const std::string digits = std::to_string(*rc::gen::inRange(0, above));
    return digits.size() < 2 ? "0" + digits : digits;
  };
  const std::string date = "20" + two(100) + "-" + two(14) + "-" + two(33);
  std::string text = date + "T" + two(26) + ":" + two(62) + ":" + two(62);
  if (*rc::gen::arbitrary<bool>()) {
    text += "." + *rc::gen::container<std::string>(*rc::gen::inRange<std::size_t>(0, 12),
                                                   rc::gen::elementOf(std::string("059")));
  }
  text += *rc::gen::arbitrary<bool>()
              ? "Z"
              : *rc::gen::element<std::string>("+", "-") + two(26) + ":" + two(62);
  if (kInstant.holds(text) != (matches_pattern(kInstant, text) && parse_instant(text).has_value()))
    RC_FAIL(text);
}

TEST(Formats, accept_what_their_sentences_recommend) {
  EXPECT_TRUE(kAmount.holds("3.06"));
  EXPECT_TRUE(kSignedAmount.holds("-0.50"));
  EXPECT_TRUE(kDuration.holds("1h30m"));
  EXPECT_TRUE(kDuration.holds("45s"));
  EXPECT_TRUE(kPositiveDuration.holds("1h30m"));
  EXPECT_TRUE(kCheckpointInterval.holds("30m"));
  EXPECT_TRUE(kGrace.holds("30s"));
  EXPECT_TRUE(kSaveTimeout.holds("10m"));
  EXPECT_TRUE(kAbsolutePath.holds("/checkpoints"));
  EXPECT_TRUE(kInstant.holds("2026-11-21T09:00:00Z"));
  EXPECT_TRUE(kResourceName.holds("nvidia.com/gpu"));
}

TEST(Formats, refuse_a_zero_duration_only_where_it_has_no_meaning) {
  for (const char* text : {"0", "0s", "0h0m", "0.0s"}) {
    EXPECT_TRUE(kDuration.holds(text)) << text;
    EXPECT_FALSE(kPositiveDuration.holds(text)) << text;
  }
}

TEST(Formats, keep_durations_of_checkpoints_within_bounds) {
  for (const char* text : {"10s", "24h", "0.5h"})
    EXPECT_TRUE(kCheckpointInterval.holds(text)) << text;
  for (const char* text : {"9.999s", "24h1s", "0", "1d"})
    EXPECT_FALSE(kCheckpointInterval.holds(text)) << text;
  EXPECT_TRUE(kGrace.holds("0s") && kGrace.holds("1h") && !kGrace.holds("61m"));
  EXPECT_TRUE(kSaveTimeout.holds("1ms") && !kSaveTimeout.holds("0s") && !kSaveTimeout.holds("2h"));
}

TEST(Formats, take_times_only_with_a_zone_and_on_days_that_there_are) {
  EXPECT_TRUE(kInstant.holds("2028-02-29T23:59:59.123456789+14:00"));
  for (const char* text :
       {"2026-11-21T09:00:00", "2026-02-29T00:00:00Z", "2026-11-21t09:00:00z", "2026-11-21",
        "2026-12-31T23:59:60Z", "2026-11-21T09:00:00+24:00", "2026-11-21T09:00:00.1234567890Z"}) {
    EXPECT_FALSE(kInstant.holds(text)) << text;
  }
}

TEST(Formats, stand_in_cel_without_escapes) {
  for (const NamedFormat& entry : kFormats) {
    if (entry.format.pattern == kConditionType.pattern)
      continue;  // metav1's own, used as `pattern` only
    EXPECT_EQ(entry.format.pattern.find_first_of("\\'"), std::string_view::npos) << entry.name;
  }
}

}  // namespace
}  // namespace spillway::api
