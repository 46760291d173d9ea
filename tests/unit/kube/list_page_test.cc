#include "kube_fixture.h"

namespace spillway::kube {
namespace {

using nlohmann::json;

TEST(ListPageParsing, CutsTheItemsOutOfTheBody) {
  const auto page = ListPage::parse(
      R"({ "kind":"PodList", "items": [ {"a":"}]\"{"} , {"b":[1,{"c":[]}]}, {} ], "metadata":{"resourceVersion":"12","continue":"tok","remainingItemCount":3} })");
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->size(), 3U);
  EXPECT_EQ(page->item(0), R"({"a":"}]\"{"})");
  EXPECT_EQ(json::parse(page->item(1)), (json{{"b", {1, {{"c", json::array()}}}}}));
  EXPECT_EQ(page->item(2), "{}");
  EXPECT_EQ(page->resource_version(), ResourceVersion("12"));
  EXPECT_EQ(page->continue_token(), "tok");
}
TEST(ListPageParsing, ItemsStayValidWhenThePageMoves) {
  auto page = ListPage::parse(R"({"metadata":{},"items":[{"a":1}]})");
  ASSERT_TRUE(page);
  const ListPage moved = *std::move(page);
  EXPECT_EQ(moved.item(0), R"({"a":1})");
}
TEST(ListPageParsing, AnEmptyListIsAList) {
  for (const char* body : {R"({"metadata":{"resourceVersion":"1"},"items":[]})",
                           R"({"metadata":{"resourceVersion":"1"},"items":null})"}) {
    const auto page = ListPage::parse(body);
    ASSERT_TRUE(page) << body;
    EXPECT_EQ(page->size(), 0U);
    EXPECT_TRUE(page->continue_token().empty());
  }
}
TEST(ListPageParsing, ABodyCutAnywhereIsAnErrorAndNeverAShorterList) {
  const std::string body =
      R"({"metadata":{"resourceVersion":"1"},"items":[{"a":"x\"y"},{"b":[{}]}]})";
  ASSERT_TRUE(ListPage::parse(body));
  for (std::size_t length = 0; length < body.size(); ++length) {
    EXPECT_FALSE(ListPage::parse(body.substr(0, length))) << body.substr(0, length);
  }
}
TEST(ListPageParsing, RefusesWhatIsNoList) {
  for (const char* body :
       {"", "[]", "null", "{}", R"({"kind":"Status"})", R"({"items":[]})", R"({"metadata":{}})",
        R"({"items":[{} {}],"metadata":{}})", R"({"items":[]"metadata":{}})",
        R"({"items":[],"metadata":{"continue":5}})"}) {
    EXPECT_FALSE(ListPage::parse(body)) << body;
  }
}

}  // namespace
}  // namespace spillway::kube
