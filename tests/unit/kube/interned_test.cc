#include <spillway/kube/interned.h>

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace spillway::kube {
namespace {

TEST(InternedText, EqualTextsShareOneEntryThatDiesWithItsLastOwner) {
  const std::size_t before = Interned::live_count();
  {
    const Interned a("gpu-node-1");
    const Interned b(std::string("gpu-node-") + "1");
    const Interned c = b;
    EXPECT_EQ(a, b);
    EXPECT_EQ(&a.str(), &c.str());
    EXPECT_EQ(Interned::live_count(), before + 1);
  }
  EXPECT_EQ(Interned::live_count(), before);
}
TEST(InternedText, TheEmptyTextCostsNothing) {
  const std::size_t before = Interned::live_count();
  const Interned empty("");
  EXPECT_TRUE(empty.empty());
  EXPECT_EQ(empty, Interned());
  EXPECT_EQ(empty.str(), "");
  EXPECT_EQ(Interned::live_count(), before);
}
TEST(InternedText, IsOrderedByText) {
  EXPECT_LT(Interned("a"), Interned("b"));
  EXPECT_LT(Interned(), Interned("a"));
  EXPECT_EQ(Interned("a"), "a");
}
TEST(InternedText, AssignmentReleasesAndMovedFromIsEmpty) {
  const std::size_t before = Interned::live_count();
  Interned a("one");
  Interned b("two");
  a = b;
  EXPECT_EQ(Interned::live_count(), before + 1);
  const Interned c = std::move(a);
  EXPECT_EQ(c, "two");
  const Interned& same = b;
  b = same;
  EXPECT_EQ(b, "two");
}
TEST(InternedText, IsSafeToShareAmongThreads) {
  const std::size_t before = Interned::live_count();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 20'000; ++i) {
        const Interned text("shared-" + std::to_string(i % 7));
        const Interned copy = text;
        ASSERT_EQ(copy.str().substr(0, 7), "shared-");
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(Interned::live_count(), before);
}

}  // namespace
}  // namespace spillway::kube
