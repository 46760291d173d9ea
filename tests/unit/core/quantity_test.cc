#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <spillway/core/quantity.h>

namespace spillway {
namespace {

TEST(Quantity, reads_the_suffixes_of_kubernetes) {
  EXPECT_EQ(parse_quantity("4"), 4);
  EXPECT_EQ(parse_quantity("2Gi"), 2LL << 30);
  EXPECT_EQ(parse_quantity("1Ki"), 1024);
  EXPECT_EQ(parse_quantity("3M"), 3'000'000);
  EXPECT_EQ(parse_quantity("1e3"), 1000);
  EXPECT_EQ(parse_quantity("1E3"), 1000);
  EXPECT_EQ(parse_quantity("5e-1"), 1);
  EXPECT_EQ(parse_quantity("0.5Gi"), 512LL << 20);
  EXPECT_EQ(parse_quantity("0"), 0);
  EXPECT_EQ(parse_quantity(".5k"), 500);
}

TEST(Quantity, rounds_up_as_the_scheduler_does) {
  EXPECT_EQ(parse_quantity("1500m"), 2);
  EXPECT_EQ(parse_quantity_milli("500m"), 500);
  EXPECT_EQ(parse_quantity_milli("0.1"), 100);
  EXPECT_EQ(parse_quantity_milli("2"), 2000);
  EXPECT_EQ(parse_quantity_milli("1u"), 1);
  EXPECT_EQ(parse_quantity_milli("1n"), 1);
}

TEST(Quantity, refuses_what_is_not_a_quantity_and_says_what_to_write) {
  for (const char* text : {"", "5x", "Gi", "1 Gi", "-1", "1.2.3", "1gi", "1e", "abc",
                           "99999999999999999999", "9999Pi"}) {
    const auto quantity = parse_quantity(text);
    ASSERT_FALSE(quantity.has_value()) << text;
    EXPECT_NE(quantity.error().message.find("write a number such as \"4\", \"500m\" or \"16Gi\""),
              std::string::npos);
  }
}

RC_GTEST_PROP(QuantityProperty, whole_numbers_are_themselves_and_thousandfold_in_thousandths, ()) {
  const auto number = *rc::gen::inRange<std::int64_t>(0, 9'000'000'000'000'000);
  RC_ASSERT(parse_quantity(std::to_string(number)) == number);
  RC_ASSERT(parse_quantity_milli(std::to_string(number)) == number * 1000);
  RC_ASSERT(parse_quantity_milli(std::to_string(number) + "m") == number);
}

}  // namespace
}  // namespace spillway
