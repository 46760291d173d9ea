#include "table.h"

#include <gtest/gtest.h>

#include "words.h"

namespace spillway::cli {
namespace {

TEST(Table, columns_are_as_wide_as_their_content_and_numbers_end_below_each_other) {
  Table table({{"POOL"}, {"USD/H", true}, {"NOTE"}});
  table.row({"spot-a", "3.77", "x"});
  table.row({"b", "12.24", ""});
  table.remark("why");
  EXPECT_EQ(table.text(),
            "POOL     USD/H   NOTE\n"
            "spot-a    3.77   x\n"
            "b        12.24   -\n"
            "    why\n");
}

TEST(Table, a_cell_cannot_talk_to_the_terminal) {
  Table table({{"A"}});
  table.row({"\x1b[31mred\x07\n\xC2\x9Bx"});
  EXPECT_EQ(table.text(), "A\n [31mred   x\n");
}

TEST(Table, letters_beyond_ascii_take_one_column) {
  EXPECT_EQ(display_width("Z\xC3\xBCrich"), 6u);
  EXPECT_TRUE(Table({{"A"}}).text().empty());
}

TEST(Words, money_is_read_to_the_cent) {
  EXPECT_EQ(dollars(Money::micros(12'345'678'900)), "$12,345.68");
  EXPECT_EQ(dollars(Money::micros(-500'000)), "-$0.50");
  EXPECT_EQ(dollars(Money::micros(-1)), "$0.00");
  EXPECT_EQ(dollars(std::nullopt), "-");
  EXPECT_EQ(grouped(-1'234'567), "-1,234,567");
  EXPECT_EQ(grouped(999), "999");
}

TEST(Words, times_have_two_units) {
  using std::chrono::seconds;
  EXPECT_EQ(time_span(seconds(0)), "0 s");
  EXPECT_EQ(time_span(seconds(59)), "59 s");
  EXPECT_EQ(time_span(seconds(3'660)), "1 h 1 min");
  EXPECT_EQ(time_span(seconds(86'400 * 30)), "30 d");
  EXPECT_EQ(hours(seconds(4'454'640)), "1,237.4");
  EXPECT_EQ(percent(1, 3), "33.3 %");
  EXPECT_EQ(percent(1, 0), "");
}

}  // namespace
}  // namespace spillway::cli
