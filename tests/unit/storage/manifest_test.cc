#include <spillway/storage/manifest.h>

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace spillway::storage {
namespace {

const std::string kHash(64, 'a');

Manifest example() {
  return {.job = {Namespace("team-a"), ObjectName("llama")},
          .uid = Uid("0815"),
          .attempt = AttemptNumber(3),
          .step = TrainingStep(1200),
          .rank = {.index = 1, .world_size = 4},
          .saved_at = parse_instant("2026-11-21T09:14:01Z").value(),
          .parts = {{.key = Key("rank-00001/model.bin"),
                     .size = Bytes(20),
                     .chunk_size = Bytes(8),
                     .chunks = {Sha256(kHash), Sha256(kHash), Sha256(kHash)}}}};
}

nlohmann::json document() {
  return nlohmann::json::parse(write_manifest(example()));
}

std::string problem(const nlohmann::json& changed) {
  const auto parsed = parse_manifest(changed.dump());
  return parsed ? "" : parsed.error().message;
}

TEST(Manifest, is_read_back_as_it_was_written) {
  const auto parsed = parse_manifest(write_manifest(example()));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, example());
}

TEST(Manifest, takes_one_hash_for_a_whole_file) {
  auto changed = document();
  changed["parts"][0].erase("chunkSize");
  changed["parts"][0]["sha256"] = kHash;
  const auto parsed = parse_manifest(changed.dump());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->parts.at(0).chunk_size, Bytes(20));
  EXPECT_EQ(parsed->parts.at(0).chunks.size(), 1U);
}

TEST(Manifest, refuses_keys_that_lead_out_of_the_folder) {
  for (const char* key : {"../other", "/etc/passwd", "a//b", "a/./b", "a/../../b", "", "a/"}) {
    auto changed = document();
    changed["parts"][0]["key"] = key;
    EXPECT_NE(problem(changed).find("leads out"), std::string::npos) << key;
  }
}

TEST(Manifest, refuses_hashes_that_do_not_fit_the_size) {
  auto changed = document();
  changed["parts"][0]["size"] = 25;
  EXPECT_NE(problem(changed).find("number of hashes"), std::string::npos);
  changed["parts"][0]["size"] = 20;
  changed["parts"][0]["chunkSize"] = 0;
  EXPECT_NE(problem(changed).find("number of hashes"), std::string::npos);
}

TEST(Manifest, says_what_is_wrong) {
  const auto without = [](const char* field) {
    auto changed = document();
    changed.erase(field);
    return problem(changed);
  };
  EXPECT_NE(without("step").find("'step'"), std::string::npos);
  EXPECT_NE(without("job").find("'job'"), std::string::npos);
  EXPECT_NE(without("parts").find("'parts'"), std::string::npos);
  EXPECT_NE(without("version").find("'version'"), std::string::npos);
  auto changed = document();
  changed["step"] = -1;
  EXPECT_NE(problem(changed).find("negative"), std::string::npos);
  changed = document();
  changed["rank"] = 4;
  EXPECT_NE(problem(changed).find("worldSize"), std::string::npos);
  changed = document();
  changed["parts"].push_back(changed["parts"][0]);
  EXPECT_NE(problem(changed).find("twice"), std::string::npos);
}

TEST(Manifest, cut_off_anywhere_is_refused) {
  const std::string whole = write_manifest(example());
  for (std::size_t length = 0; length + 2 < whole.size(); ++length)
    EXPECT_FALSE(parse_manifest(std::string_view(whole).substr(0, length))) << length;
}

}  // namespace
}  // namespace spillway::storage
