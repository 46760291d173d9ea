#include <gtest/gtest.h>

#include <set>

#include <spillway/core/clock.h>
#include <spillway/core/result.h>

namespace spillway {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return invalid(std::to_string(number) + " is odd: write an even number");
  return number / 2;
}

Result<int> quarter(int number) {
  TRY(once, half(number));
  TRY(twice, half(once));
  return twice;
}

Result<void> check_even(int number) {
  TRY_VOID(half(number));
  return {};
}

TEST(Result, try_hands_on_the_value_or_the_first_error) {
  EXPECT_EQ(quarter(12), 3);
  EXPECT_EQ(quarter(6).error().message, "3 is odd: write an even number");
  EXPECT_TRUE(check_even(2).has_value());
  EXPECT_EQ(check_even(3).error().code, ErrorCode::kInvalidArgument);
}

TEST(Error, says_where_it_happened_and_keeps_the_rest) {
  const Error error{.code = ErrorCode::kThrottled,
                    .message = "slow down",
                    .http_status = 429,
                    .retry_after = std::chrono::seconds(2)};
  const Error outer = error.in("reading the price feed 'aws'");
  EXPECT_EQ(outer.message, "reading the price feed 'aws': slow down");
  EXPECT_EQ(outer.code, ErrorCode::kThrottled);
  EXPECT_EQ(outer.http_status, 429);
  EXPECT_EQ(outer.retry_after, std::chrono::seconds(2));
}

TEST(Error, is_retryable_only_when_time_alone_can_help) {
  for (ErrorCode code : {ErrorCode::kThrottled, ErrorCode::kUnavailable, ErrorCode::kTimeout}) {
    EXPECT_TRUE((Error{.code = code}).retryable()) << to_string(code);
  }
  for (ErrorCode code : {ErrorCode::kInvalidArgument, ErrorCode::kForbidden, ErrorCode::kRejected,
                         ErrorCode::kNotFound, ErrorCode::kFenced, ErrorCode::kCancelled}) {
    EXPECT_FALSE((Error{.code = code}).retryable()) << to_string(code);
  }
}

TEST(Random, draws_the_same_numbers_from_the_same_seed) {
  const auto first = make_random(7);
  const auto second = make_random(7);
  const auto other = make_random(8);
  std::set<std::uint64_t> drawn;
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t number = first->next();
    EXPECT_EQ(number, second->next());
    differs = differs || number != other->next();
    drawn.insert(number);
  }
  EXPECT_TRUE(differs);
  EXPECT_EQ(drawn.size(), 100U);
}

TEST(Random, draws_uniform_numbers_below_one) {
  const auto random = make_random(1);
  double sum = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double number = random->uniform();
    ASSERT_GE(number, 0.0);
    ASSERT_LT(number, 1.0);
    sum += number;
  }
  EXPECT_NEAR(sum / 10'000, 0.5, 0.02);
}

}  // namespace
}  // namespace spillway
