#include <gtest/gtest.h>

#include <spillway/api/condition.h>

namespace spillway::api {
namespace {

Condition placed(ConditionStatus status, std::int64_t seconds, std::string message = "in spot-a") {
  return {.type = std::string(condition::kPlaced),
          .status = status,
          .observed_generation = 1,
          .last_transition_time = Instant(std::chrono::seconds(seconds)),
          .reason = "Cheapest",
          .message = std::move(message)};
}

TEST(SetCondition, keeps_the_time_of_the_transition_while_the_status_stays) {
  Conditions conditions;
  EXPECT_TRUE(set_condition(conditions, placed(ConditionStatus::kTrue, 10)));
  EXPECT_FALSE(set_condition(conditions, placed(ConditionStatus::kTrue, 20)));
  EXPECT_TRUE(set_condition(conditions, placed(ConditionStatus::kTrue, 30, "in spot-b")));
  EXPECT_EQ(conditions.at(0).last_transition_time, Instant(std::chrono::seconds(10)));
  EXPECT_EQ(conditions.at(0).message, "in spot-b");
}

TEST(SetCondition, moves_the_time_when_the_status_flips) {
  Conditions conditions;
  set_condition(conditions, placed(ConditionStatus::kTrue, 10));
  EXPECT_TRUE(set_condition(conditions, placed(ConditionStatus::kFalse, 20)));
  EXPECT_EQ(conditions.size(), 1U);
  EXPECT_EQ(conditions.at(0).last_transition_time, Instant(std::chrono::seconds(20)));
}

TEST(SetCondition, keeps_the_list_in_the_order_of_the_types) {
  Conditions conditions;
  for (std::string_view type : {condition::kRunning, condition::kComplete, condition::kPlaced}) {
    set_condition(conditions,
                  {.type = std::string(type), .status = ConditionStatus::kTrue, .reason = "R"});
  }
  EXPECT_EQ(conditions.at(0).type, "Complete");
  EXPECT_EQ(conditions.at(1).type, "Placed");
  EXPECT_EQ(conditions.at(2).type, "Running");
}

TEST(FindCondition, tells_true_from_false_unknown_and_absent) {
  Conditions conditions;
  set_condition(conditions, placed(ConditionStatus::kUnknown, 1));
  EXPECT_FALSE(is_true(conditions, condition::kPlaced));
  EXPECT_FALSE(is_true(conditions, condition::kFailed));
  EXPECT_EQ(find_condition(conditions, condition::kFailed), nullptr);
  set_condition(conditions, placed(ConditionStatus::kTrue, 2));
  EXPECT_TRUE(is_true(conditions, condition::kPlaced));
}

}  // namespace
}  // namespace spillway::api
