#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include <spillway/core/money.h>

namespace spillway {
namespace {

TEST(Money, reads_plain_decimals_exactly) {
  EXPECT_EQ(Money::parse("3.06")->micros(), 3'060'000);
  EXPECT_EQ(Money::parse("0.9731")->micros(), 973'100);
  EXPECT_EQ(Money::parse("12")->micros(), 12'000'000);
  EXPECT_EQ(Money::parse("0.000001")->micros(), 1);
  EXPECT_EQ(Money::parse("007.10")->micros(), 7'100'000);
  EXPECT_EQ(Money::parse("999999999999.999999")->micros(), 999'999'999'999'999'999);
}

TEST(Money, rounds_digits_beyond_the_sixth_half_to_even) {
  EXPECT_EQ(Money::parse("0.0000005")->micros(), 0);
  EXPECT_EQ(Money::parse("0.0000015")->micros(), 2);
  EXPECT_EQ(Money::parse("0.0000025")->micros(), 2);
  EXPECT_EQ(Money::parse("0.00000250001")->micros(), 3);
  EXPECT_EQ(Money::parse("0.0000024999")->micros(), 2);
}

TEST(Money, refuses_what_is_not_an_amount_and_says_what_to_write) {
  for (const char* text :
       {"abc", "", "-1", "1e3", "+1", "1.", ".5", "1,5", "$3", "1 ", "1.2.3", "1000000000000"}) {
    const auto money = Money::parse(text);
    ASSERT_FALSE(money.has_value()) << text;
    EXPECT_EQ(money.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(money.error().message.find("write US dollars as a plain decimal such as \"3.06\""),
              std::string::npos);
  }
}

TEST(Money, prints_the_shortest_exact_decimal_with_two_digits_at_least) {
  EXPECT_EQ(Money::micros(3'060'000).to_string(), "3.06");
  EXPECT_EQ(Money::micros(973'100).to_string(), "0.9731");
  EXPECT_EQ(Money::dollars(12).to_string(), "12.00");
  EXPECT_EQ(Money::micros(-500'000).to_string(), "-0.50");
  EXPECT_EQ(Money::micros(std::numeric_limits<std::int64_t>::min()).to_string(),
            "-9223372036854.775808");
}

TEST(Money, scales_with_half_to_even_rounding_on_both_sides_of_zero) {
  EXPECT_EQ(Money::micros(5).scaled(1, 2).micros(), 2);
  EXPECT_EQ(Money::micros(7).scaled(1, 2).micros(), 4);
  EXPECT_EQ(Money::micros(-5).scaled(1, 2).micros(), -2);
  EXPECT_EQ(Money::micros(-7).scaled(1, 2).micros(), -4);
  EXPECT_EQ(Money::dollars(9'000'000).scaled(3'600'000'000, 3'600'000'000),
            Money::dollars(9'000'000));
}

TEST(MoneyDeathTest, ends_the_process_when_a_sum_leaves_the_range) {
  const Money most = Money::micros(std::numeric_limits<std::int64_t>::max());
  EXPECT_DEATH(static_cast<void>(most + Money::micros(1)), "");
  EXPECT_DEATH(static_cast<void>(Money::micros(1).scaled(1, 0)), "");
}

TEST(HourlyRate, costs_its_rate_over_an_hour_and_a_part_of_it) {
  const HourlyRate rate = *HourlyRate::parse("24.48");
  EXPECT_EQ(rate.over(std::chrono::hours(1)).to_string(), "24.48");
  EXPECT_EQ(rate.over(std::chrono::minutes(15)).to_string(), "6.12");
  EXPECT_EQ(rate.over(std::chrono::milliseconds(1)), Money::micros(7));  // 6.8 micro-dollars
  EXPECT_EQ(rate.scaled(8, 1).to_string(), "195.84");
}

RC_GTEST_PROP(MoneyProperty, reading_what_was_printed_gives_the_same_amount, ()) {
  const auto micros = *rc::gen::inRange<std::int64_t>(0, 999'999'999'999'999'999);
  RC_ASSERT(Money::parse(Money::micros(micros).to_string()) == Money::micros(micros));
}

RC_GTEST_PROP(MoneyProperty,
              shares_of_an_amount_never_differ_from_it_by_more_than_half_a_micro_each, ()) {
  const auto amount = *rc::gen::inRange<std::int64_t>(-1'000'000'000'000, 1'000'000'000'000);
  const auto parts = *rc::gen::inRange<std::int64_t>(1, 1'000);
  const std::int64_t share = Money::micros(amount).scaled(1, parts).micros();
  const std::int64_t difference = 2 * (share * parts - amount);
  RC_ASSERT(difference <= parts && difference >= -parts);
}

}  // namespace
}  // namespace spillway
