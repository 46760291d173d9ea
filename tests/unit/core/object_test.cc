#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <unordered_set>

#include <spillway/core/object.h>

namespace spillway {
namespace {

TEST(ResourceVersion, compares_by_length_and_then_by_digits) {
  EXPECT_LT(ResourceVersion("9"), ResourceVersion("10"));
  EXPECT_LT(ResourceVersion("99"), ResourceVersion("100"));
  EXPECT_GT(ResourceVersion("123456789012345678901234567890"),
            ResourceVersion("18446744073709551615"));
  EXPECT_EQ(ResourceVersion("42"), ResourceVersion("42"));
}

TEST(ResourceVersion, is_older_than_every_other_when_empty) {
  EXPECT_LT(ResourceVersion(), ResourceVersion("0"));
  EXPECT_TRUE(ResourceVersion().empty());
}

RC_GTEST_PROP(ResourceVersionProperty, orders_as_numbers_do, (std::uint64_t a, std::uint64_t b)) {
  RC_ASSERT((ResourceVersion(std::to_string(a)) < ResourceVersion(std::to_string(b))) == (a < b));
}

TEST(ObjectKey, prints_the_namespace_only_when_there_is_one) {
  EXPECT_EQ((ObjectKey{Namespace("team-a"), ObjectName("llama")}).to_string(), "team-a/llama");
  EXPECT_EQ((ObjectKey{Namespace(), ObjectName("spot-a")}).to_string(), "spot-a");
}

TEST(ObjectKey, orders_by_namespace_and_then_by_name) {
  const ObjectKey first{Namespace("a"), ObjectName("z")};
  const ObjectKey second{Namespace("b"), ObjectName("a")};
  EXPECT_LT(first, second);
}

TEST(ObjectKey, is_told_apart_in_a_hash_set_when_namespace_and_name_are_exchanged) {
  const std::unordered_set<ObjectKey> keys{{Namespace("a"), ObjectName("b")},
                                           {Namespace("b"), ObjectName("a")}};
  EXPECT_EQ(keys.size(), 2U);
  EXPECT_TRUE(keys.contains(ObjectKey{Namespace("b"), ObjectName("a")}));
}

}  // namespace
}  // namespace spillway
