#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <spillway/core/text.h>

namespace spillway {
namespace {

TEST(Text, splits_at_every_separator) {
  EXPECT_EQ(split("a,b,,c", ','), (std::vector<std::string_view>{"a", "b", "", "c"}));
  EXPECT_EQ(split("", ','), std::vector<std::string_view>{""});
  EXPECT_EQ(split("a,", ','), (std::vector<std::string_view>{"a", ""}));
}

TEST(Text, trims_blanks_at_both_ends) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
}

TEST(Text, joins_with_the_separator_between) {
  EXPECT_EQ(join({"a", "b"}, ", "), "a, b");
  EXPECT_EQ(join({}, ", "), "");
  EXPECT_EQ(join({"", "a", ""}, ","), ",a,");
}

TEST(Text, shortens_at_a_character_and_marks_the_cut) {
  EXPECT_EQ(shorten("short", 10), "short");
  EXPECT_EQ(shorten("0123456789", 6), "012...");
  EXPECT_EQ(shorten("a\u00e9\u00e9\u00e9", 5),
            "a...");  // the second byte of the first é would not fit
  EXPECT_EQ(shorten("0123456789", 2), "..");
}

TEST(Text, counts_in_words) {
  EXPECT_EQ(plural(1, "replica"), "1 replica");
  EXPECT_EQ(plural(0, "replica"), "0 replicas");
  EXPECT_EQ(plural(2, "replica"), "2 replicas");
}

// Names of objects depend on these values: they may never change.
TEST(Text, hashes_to_the_published_values_of_fnv_1a) {
  EXPECT_EQ(hex(stable_hash("")), "cbf29ce484222325");
  EXPECT_EQ(hex(stable_hash("a")), "af63dc4c8601ec8c");
  EXPECT_EQ(hex(stable_hash("foobar")), "85944171f73967e8");
}

RC_GTEST_PROP(TextProperty, joining_what_was_split_gives_the_same_text, (const std::string& text)) {
  std::vector<std::string> parts;
  for (std::string_view part : split(text, ','))
    parts.emplace_back(part);
  RC_ASSERT(join(parts, ",") == text);
}

RC_GTEST_PROP(TextProperty, shortened_text_is_never_longer_than_asked, (const std::string& text)) {
  const auto limit = *rc::gen::inRange<std::size_t>(0, 40);
  RC_ASSERT(shorten(text, limit).size() <= limit);
}

}  // namespace
}  // namespace spillway
