#include <spillway/market/series.h>

#include <gtest/gtest.h>

namespace spillway::market {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const Instant kStart = parse_instant("2026-01-01T00:00:00Z").value();
constexpr Duration kFreshness = minutes(15);

HourlyRate rate(std::string_view text) {
  return HourlyRate::parse(text).value();
}
Instant at(Duration since_start) {
  return kStart + since_start;
}

class Series : public ::testing::Test {
 protected:
  NodePrice price(Duration when, std::optional<HourlyRate> cap = rate("3")) const {
    return series_.price_at(at(when), kFreshness, cap, "feed x");
  }
  // A price heard when it changed.
  bool hear(std::string_view text, Duration when) {
    return series_.observe(rate(text), at(when), at(when));
  }
  PriceSeries series_;
};

TEST_F(Series, is_live_until_the_freshness_limit) {
  hear("1", hours(0));
  for (const Duration age : {Duration(0), Duration(minutes(15))}) {
    EXPECT_EQ(price(age).quality, PriceQuality::kLive);
    EXPECT_EQ(price(age).likely, rate("1"));
    EXPECT_EQ(price(age).upper, rate("1"));
  }
  EXPECT_EQ(price(minutes(15) + Duration(1)).quality, PriceQuality::kStale);
  EXPECT_GT(price(minutes(15) + Duration(1)).upper, rate("1"));
}

TEST_F(Series, hearing_the_same_price_again_makes_it_fresh_but_is_no_change) {
  EXPECT_TRUE(hear("1", hours(0)));
  EXPECT_FALSE(series_.observe(rate("1"), at(hours(0)), at(hours(2))));
  EXPECT_EQ(price(hours(2)).quality, PriceQuality::kLive);
  EXPECT_EQ(price(hours(2)).observed_at, at(hours(2)));
  EXPECT_EQ(series_.changes().size(), 1U);
}

TEST_F(Series, an_old_change_heard_now_is_fresh) {
  series_.observe(rate("1"), at(-hours(24 * 365)), at(hours(0)));
  EXPECT_EQ(price(hours(0)).quality, PriceQuality::kLive);
}

TEST_F(Series, widens_monotonically_and_reaches_the_cap_after_a_day_of_silence) {
  hear("1", hours(0));
  HourlyRate previous;
  for (Duration age{}; age <= hours(30); age += minutes(1)) {
    const NodePrice now = price(age);
    EXPECT_GE(now.upper, previous);
    EXPECT_LE(now.upper, rate("3"));
    EXPECT_EQ(now.likely, rate("1"));
    previous = now.upper;
  }
  EXPECT_EQ(price(kFreshness + hours(12)).upper, rate("2"));  // half of the way after half a day
  EXPECT_EQ(price(kFreshness + hours(24)).upper, rate("3"));
}

TEST_F(Series, widens_by_what_the_series_itself_has_shown) {
  hear("1.0", hours(0));
  hear("1.6", hours(1));  // + 0.6 within an hour
  hear("1.0", hours(2));
  EXPECT_EQ(price(hours(2) + kFreshness + minutes(5)).upper, rate("1.6"));  // a jump takes no time
  PriceSeries calm;
  calm.observe(rate("1"), kStart, at(hours(2)));
  EXPECT_LT(calm.price_at(at(hours(2) + kFreshness + minutes(5)), kFreshness, rate("3"), "").upper,
            rate("1.01"));
}

TEST_F(Series, moves_its_bound_in_steps_of_five_minutes) {
  hear("1", hours(0));
  EXPECT_EQ(price(kFreshness + Duration(1)).upper, price(kFreshness + minutes(5)).upper);
  EXPECT_LT(price(kFreshness + minutes(5)).upper,
            price(kFreshness + minutes(5) + Duration(1)).upper);
}

TEST_F(Series, without_an_on_demand_price_grows_on_to_ten_times) {
  hear("1", hours(0));
  EXPECT_EQ(price(kFreshness + hours(24), std::nullopt).upper, rate("2"));
  EXPECT_EQ(price(hours(24 * 365), std::nullopt).upper, rate("10"));
}

TEST_F(Series, a_spot_price_above_on_demand_is_its_own_cap) {
  hear("5", hours(0));
  EXPECT_EQ(price(hours(50)).upper, rate("5"));
  EXPECT_EQ(price(hours(50)).likely, rate("5"));
}

TEST_F(Series, falls_back_to_on_demand_and_then_to_unknown) {
  EXPECT_EQ(price(hours(0)).quality, PriceQuality::kFallback);
  EXPECT_EQ(price(hours(0)).upper, rate("3"));
  EXPECT_FALSE(price(hours(0)).observed_at);
  EXPECT_EQ(price(hours(0), std::nullopt).quality, PriceQuality::kUnknown);
}

TEST_F(Series, ignores_what_was_heard_before_the_newest) {
  hear("1", hours(2));
  EXPECT_FALSE(hear("2", hours(1)));
  EXPECT_EQ(series_.newest(), rate("1"));
}

TEST_F(Series, takes_a_revised_past_as_the_price_of_now) {
  series_.observe(rate("1"), at(hours(5)), at(hours(6)));
  EXPECT_TRUE(series_.observe(rate("2"), at(hours(4)), at(hours(7))));
  EXPECT_EQ(series_.newest(), rate("2"));
  EXPECT_GT(series_.changes()[1].changed_at, series_.changes()[0].changed_at);
}

TEST_F(Series, a_clock_that_steps_back_never_makes_a_negative_age) {
  hear("1", hours(1));
  EXPECT_EQ(series_.age(at(hours(0))), Duration(0));
  EXPECT_EQ(price(hours(0)).quality, PriceQuality::kLive);
}

TEST_F(Series, is_bounded_in_count_and_age) {
  PriceSeries small({.max_changes = 3, .max_age = hours(10)});
  for (int i = 0; i < 10; ++i) {
    small.observe(HourlyRate(Money::dollars(i + 1)), at(minutes(i)), at(minutes(i)));
  }
  EXPECT_EQ(small.changes().size(), 3U);
  EXPECT_EQ(small.newest(), HourlyRate(Money::dollars(10)));
  small.observe(rate("10"), at(minutes(9)), at(hours(24)));
  EXPECT_EQ(small.changes().size(), 1U);  // the current price stays whatever its age
}

TEST_F(Series, largest_rise_agrees_with_looking_at_every_pair) {
  std::uint64_t state = 7;
  const auto next = [&] { return state = state * 6364136223846793005ULL + 1442695040888963407ULL; };
  Duration when{};
  for (int i = 0; i < 200; ++i) {
    when += minutes(static_cast<std::int64_t>(1 + (next() >> 33) % 90));
    series_.observe(HourlyRate(Money::micros(static_cast<std::int64_t>(1 + (next() >> 33) % 1000))),
                    at(when), at(when));
  }
  const auto& all = series_.changes();
  for (const Duration window :
       {Duration(0), Duration(minutes(30)), Duration(hours(3)), Duration(hours(500))}) {
    HourlyRate expected;
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        // The price j was valid until the change after it.
        if (all[j + 1].changed_at < all[i].changed_at - window) continue;
        expected = std::max(expected, all[i].spot - all[j].spot);
      }
    }
    EXPECT_EQ(series_.largest_rise_within(window), expected) << window.count();
  }
}

}  // namespace
}  // namespace spillway::market
