// The files of e2e/bad are refused by C++ too (the simulator and the command line have no API
// server), and where the sentence is ours, with the same sentence.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <vector>

#include <spillway/api/codec.h>

#include "yaml_json.h"

namespace spillway::api {
namespace {

std::vector<std::filesystem::path> bad_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(SPILLWAY_SOURCE_DIR "/e2e/bad")) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

template <class Kind>
std::string verdict(const nlohmann::json& object) {
  const auto kind = read<Kind>(object, UnknownFields::kRefuse);
  if (!kind) return kind.error().message;
  const auto result = validate(*kind);
  return result ? "" : result.error().message;
}

std::string verdict_of(const nlohmann::json& object) {
  const auto kind = object["kind"].get<std::string>();
  if (kind == "TrainingJob") return verdict<TrainingJob>(object);
  if (kind == "InferencePool") return verdict<InferencePool>(object);
  if (kind == "CostPolicy") return verdict<CostPolicy>(object);
  return verdict<CapacityPool>(object);
}

// What only the API server can refuse: the time of creation, and the fields of Kubernetes' pod
// template.
bool is_for_the_server_alone(const std::string& name) {
  static const std::array<std::string, 2> kNames{"trainingjob-deadline-in-the-past",
                                                 "trainingjob-field-misspelt-in-template"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

// Sentences of the API server itself.
bool is_servers_own(const std::string& sentence) {
  static const std::array<std::string, 5> kMarks{"in body", "Unsupported value", "supported values",
                                                 "unknown field", "Duplicate value"};
  return sentence.find("Required value") != std::string::npos ||
         std::any_of(kMarks.begin(), kMarks.end(), [&](const std::string& mark) {
           return sentence.find(mark) != std::string::npos;
         });
}

TEST(BadObjects, are_refused_without_an_api_server_with_the_same_sentences) {
  const std::string mark = "# refused: ";
  const auto files = bad_files();
  EXPECT_GE(files.size(), 50U);
  for (const auto& file : files) {
    SCOPED_TRACE(file.filename().string());
    const std::string text = testing::read_file(file.string());
    ASSERT_TRUE(text.starts_with(mark));
    const std::string expected = text.substr(mark.size(), text.find('\n') - mark.size());
    ASSERT_FALSE(expected.empty());
    if (is_for_the_server_alone(file.stem().string())) continue;
    const std::string said = verdict_of(testing::json_from_yaml(text));
    EXPECT_NE(said, "");
    if (!is_servers_own(expected)) EXPECT_NE(said.find(expected), std::string::npos) << said;
  }
}

}  // namespace
}  // namespace spillway::api
