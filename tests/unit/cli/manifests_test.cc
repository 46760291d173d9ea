#include "manifests.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kJob = R"(
apiVersion: spillway.dev/v1alpha1
kind: TrainingJob
metadata: {name: llama}
spec:
  accelerator: {models: [{name: V100}], perReplica: 1}
  template: {spec: {containers: [{name: main, image: train:1}]}}
)";

std::string with(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string refusal(const std::string& text) {
  const auto read = parse_manifests(text, "jobs.yaml");
  return read ? "accepted" : read.error().message;
}

class Manifests : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              ("spillway-manifests-" + std::to_string(::getpid()) + "-" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  fs::path folder_;
};

TEST_F(Manifests, a_folder_is_read_in_order_of_names) {
  write("b.yaml", with(kJob, "llama", "second"));
  write("a.yml", with(kJob, "llama", "first"));
  write("c.json", R"({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "third"}})");
  write("README.md", "not a manifest: {");
  const auto read = read_manifests({folder_.string()});
  ASSERT_TRUE(read) << read.error().message;
  std::vector<std::string> names;
  for (const Manifest& manifest : *read)
    names.push_back(manifest.object["metadata"]["name"]);
  EXPECT_THAT(names, ElementsAre("first", "second", "third"));
  EXPECT_TRUE((*read)[0].ours());
  EXPECT_FALSE((*read)[2].ours());
}

TEST_F(Manifests, what_is_not_there_is_said_with_what_to_write) {
  EXPECT_THAT(read_manifests({folder_.string()}).error().message,
              HasSubstr("has no *.yaml, *.yml or *.json"));
  EXPECT_THAT(read_manifests({"/nowhere.yaml"}).error().message,
              HasSubstr("there is no file or folder '/nowhere.yaml'"));
  EXPECT_THAT(read_manifests({write("empty.yaml", "# nothing\n")}).error().message,
              HasSubstr("holds no object"));
  EXPECT_THAT(read_manifests({"-", "-"}).error().message, HasSubstr("given twice"));
}

TEST_F(Manifests, the_examples_of_the_project_are_read) {
  for (const char* name :
       {"pools", "chat", "experiment", "finetune", "search", "sweep", "report"}) {
    const auto read = read_manifests({std::string(SPILLWAY_SOURCE_DIR "/examples/") + name});
    EXPECT_TRUE(read) << name << ": " << read.error().message;
  }
}

TEST(ManifestText, lists_are_taken_apart) {
  const auto read = parse_manifests(
      R"({"apiVersion": "v1", "kind": "List", "items": [
           {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}},
           {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "b"}}]})",
      "all.json");
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[1].source, "all.json, item 2");
}

TEST(ManifestText, an_error_names_file_document_object_and_field) {
  const std::string two = std::string(kJob) + "---" + kJob;
  const auto replaced = [&](const char* from, const char* to) {
    return refusal(with(kJob, from, to));
  };
  EXPECT_THAT(refusal(two + "  duration: soon\n"),
              HasSubstr("jobs.yaml, document 2, TrainingJob llama: spec.duration: "));
  EXPECT_THAT(replaced("accelerator:", "acelerator:"),
              HasSubstr("spec.acelerator: there is no such field"));
  EXPECT_THAT(replaced("kind: TrainingJob", "kind: TrainingJobs"),
              HasSubstr("kind: 'TrainingJobs' is not a kind of spillway.dev: write TrainingJob"));
  EXPECT_THAT(replaced("v1alpha1", "v1"),
              HasSubstr("'spillway.dev/v1' is not served: write spillway.dev/v1alpha1"));
  EXPECT_THAT(replaced("{name: llama}", "{}"), HasSubstr("metadata.name: it is missing"));
  EXPECT_THAT(replaced("{name: llama}", "{generateName: llama-}"), HasSubstr("a generated name"));
  EXPECT_THAT(replaced("{name: llama}", "{name: 12}"),
              HasSubstr("metadata.name: it has to be a text"));
  EXPECT_THAT(replaced("{name: llama}", "{name: llama, namespace: 12}"),
              HasSubstr("metadata.namespace"));
  EXPECT_THAT(replaced("kind: TrainingJob\n", ""), HasSubstr("kind: it is missing"));
  EXPECT_THAT(refusal("- a\n- b\n"), HasSubstr("this is not an object"));
  EXPECT_THAT(refusal("a: [1\n"), HasSubstr("jobs.yaml: line 2: this is not YAML"));
}

TEST(ManifestText, an_object_without_a_namespace_gets_that_of_the_command_line) {
  auto read = parse_manifests(kJob, "jobs.yaml");
  ASSERT_TRUE(read);
  ASSERT_TRUE(settle_namespaces(*read, Namespace("team-a"), true));
  EXPECT_EQ(read->front().object["metadata"]["namespace"], "team-a");
  const auto other = settle_namespaces(*read, Namespace("team-b"), true);
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message,
              HasSubstr("'team-a' is not the namespace of the command line, 'team-b'"));
  EXPECT_TRUE(settle_namespaces(*read, Namespace("team-b"), false));
}

TEST(ManifestText, one_object_twice_is_an_error) {
  auto read = parse_manifests(std::string(kJob) + "---" + kJob, "jobs.yaml");
  ASSERT_TRUE(read);
  const auto settled = settle_namespaces(*read, Namespace("a"), false);
  ASSERT_FALSE(settled);
  EXPECT_EQ(settled.error().message,
            "jobs.yaml, document 2: TrainingJob a/llama is written twice: keep one");
}

}  // namespace
}  // namespace spillway::cli
