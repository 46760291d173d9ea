#include <gtest/gtest.h>
#include <spillway/core/yaml.h>
#include <nlohmann/json.hpp>

namespace spillway {
namespace {

using Json = nlohmann::json;

Json only(std::string_view text) {
  const auto documents = parse_yaml(text);
  if (!documents) return "error: " + documents.error().message;
  EXPECT_EQ(documents->size(), 1u);
  return documents->empty() ? Json() : documents->front().value;
}

std::string refusal(std::string_view text) {
  const auto documents = parse_yaml(text);
  return documents ? "accepted" : documents.error().message;
}

TEST(Yaml, plain_words_mean_what_kubectl_takes_them_for) {
  const Json read = only(
      "a: yes\nb: 'yes'\nc: 010\nd: 0x1F\ne: 1e3\nf: 2026-11-21T00:00:00Z\ng: ~\nh: -5\n"
      "i: 1.2.3\nj: 48Gi\nk: !!str 12\nl: off\nm: |\n  12\n");
  EXPECT_EQ(read["a"], true);
  EXPECT_EQ(read["b"], "yes");
  EXPECT_EQ(read["c"], 8);
  EXPECT_EQ(read["d"], 31);
  EXPECT_EQ(read["e"], 1000.0);
  EXPECT_EQ(read["f"], "2026-11-21T00:00:00Z");
  EXPECT_TRUE(read["g"].is_null());
  EXPECT_EQ(read["h"], -5);
  EXPECT_EQ(read["i"], "1.2.3");
  EXPECT_EQ(read["j"], "48Gi");
  EXPECT_EQ(read["k"], "12");
  EXPECT_EQ(read["l"], false);
  EXPECT_EQ(read["m"], "12\n");
}

TEST(Yaml, whole_numbers_keep_all_their_digits) {
  EXPECT_EQ(only("n: 9007199254740993")["n"].get<std::int64_t>(), 9007199254740993);
  EXPECT_EQ(only("n: -9223372036854775808")["n"].get<std::int64_t>(),
            std::numeric_limits<std::int64_t>::min());
}

TEST(Yaml, documents_are_told_apart_and_empty_ones_left_out) {
  const auto documents = parse_yaml("# nothing\n---\na: 1\n---\n---\n\nb: 2\n");
  ASSERT_TRUE(documents);
  ASSERT_EQ(documents->size(), 2u);
  EXPECT_EQ((*documents)[0].line, 3u);
  EXPECT_EQ((*documents)[1].value, Json({{"b", 2}}));
  EXPECT_EQ((*documents)[1].line, 7u);
}

TEST(Yaml, json_is_read_with_all_its_escapes) {
  EXPECT_EQ(only(R"({"a": "\/A😀", "b": [1, null]})")["a"], "/A\xF0\x9F\x98\x80");
  EXPECT_EQ(only("{a: 1, b: [v, w]}"), Json({{"a", 1}, {"b", {"v", "w"}}}));
}

TEST(Yaml, anchors_and_merge_keys_are_written_out) {
  const Json read = only("base: &b {x: 1, y: 2}\nmore:\n  <<: *b\n  y: 3\nlist: [*b]\n");
  EXPECT_EQ(read["more"], Json({{"x", 1}, {"y", 3}}));
  EXPECT_EQ(read["list"][0], read["base"]);
}

TEST(Yaml, a_small_text_does_not_become_a_large_document) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j)
      bomb += (j ? ", *a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  EXPECT_NE(refusal(bomb).find("more than 200000 values"), std::string::npos) << refusal(bomb);
  EXPECT_NE(refusal("a: &a [*a]").find("line 1"), std::string::npos) << refusal("a: &a [*a]");
  EXPECT_NE(refusal(std::string(200, '[')), "accepted");
  EXPECT_NE(refusal("a: " + std::string(100, '[') + std::string(100, ']')).find("64 levels"),
            std::string::npos);
}

TEST(Yaml, an_error_names_its_line) {
  EXPECT_EQ(refusal("a: 1\nb: 2\na: 3\n"), "line 3: 'a' is written twice: keep one");
  EXPECT_EQ(refusal("a: 1\n  b: 2\n").rfind("line 2: this is not YAML", 0), 0u)
      << refusal("a: 1\n  b: 2\n");
  EXPECT_EQ(refusal("{\n\"a\": 1,\n\"b\" 2}").rfind("line 3: this is not JSON", 0), 0u)
      << refusal("{\n\"a\": 1,\n\"b\" 2}");
  EXPECT_EQ(refusal("n: .nan"),
            "line 1: '.nan' is no number that JSON knows: write a number, or quote it");
  EXPECT_EQ(refusal("? [a]\n: 1"), "line 1: a key has to be a word: quote it");
  EXPECT_NE(refusal("a: \"\x01\xFF\"").size(), 0u);
}

TEST(Yaml, what_is_written_is_read_back) {
  const nlohmann::ordered_json value = {
      {"word", "spot-a"},
      {"time", "2026-11-21T09:14:01Z"},
      {"no", "no"},
      {"empty", ""},
      {"number", 1.5},
      {"list", {1, "2", nullptr, true}},
      {"nested", {{"a", {{"b", nlohmann::ordered_json::array()}}}}},
      {"quote", "a \"b\": \n#c"}};
  EXPECT_EQ(only(to_yaml(value)), Json(value));
}

}  // namespace
}  // namespace spillway
