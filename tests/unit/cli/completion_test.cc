#include "completion.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "options.h"

namespace spillway::cli {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

struct Answer {
  std::vector<std::string> lines;
  std::string directive;
};

// As a shell asks: words behind the program's name, the last one being typed.
Answer ask(std::vector<const char*> words) {
  words.insert(words.begin(), {"kubectl-spillway", "__complete"});
  ::testing::internal::CaptureStdout();
  const CommandLine command = parse_command_line(static_cast<int>(words.size()), words.data());
  EXPECT_FALSE(command.options);
  EXPECT_EQ(command.exit_code, 0);
  std::istringstream text(::testing::internal::GetCapturedStdout());
  Answer answer;
  for (std::string line; std::getline(text, line);)
    answer.lines.push_back(line);
  EXPECT_FALSE(answer.lines.empty());
  answer.directive = answer.lines.back();
  answer.lines.pop_back();
  return answer;
}

TEST(Completion, commands_begin_a_line) {
  EXPECT_THAT(ask({""}).lines, IsSupersetOf({"completion", "explain", "plan", "schedule",
                                             "simulate", "sleep", "wake"}));
  EXPECT_THAT(ask({"ex"}).lines, ElementsAre("explain"));
  EXPECT_THAT(ask({"x"}).lines, ElementsAre());
  EXPECT_EQ(ask({""}).directive, ":4");
  EXPECT_THAT(ask({}).lines, Contains("plan"));
}

TEST(Completion, flags_are_those_of_the_command_and_of_every_command) {
  EXPECT_THAT(ask({"simulate", "--"}).lines,
              AllOf(IsSupersetOf({"--market", "--report", "--namespace", "--output", "--help"}),
                    Not(Contains("--version"))));
  EXPECT_THAT(ask({"plan", "--"}).lines, Not(Contains("--market")));
  EXPECT_THAT(ask({"simulate", "--ma"}).lines, ElementsAre("--market"));
  EXPECT_THAT(ask({"--ver"}).lines, ElementsAre("--version"));
}

TEST(Completion, values_that_are_known_are_offered) {
  EXPECT_THAT(ask({"plan", "-o", ""}).lines, ElementsAre("json", "table", "yaml"));
  EXPECT_THAT(ask({"plan", "--output=j"}).lines, ElementsAre("--output=json"));
  EXPECT_THAT(ask({"-o", "json", "pl"}).lines, ElementsAre("plan"));
  EXPECT_THAT(ask({"completion", ""}).lines, ElementsAre("bash", "fish", "zsh"));
}

TEST(Completion, a_flag_without_a_value_is_not_waited_for) {
  EXPECT_THAT(ask({"plan", "--all", "--na"}).lines, ElementsAre("--namespace"));
}

TEST(Completion, files_may_stand_where_files_are_meant) {
  EXPECT_EQ(ask({"simulate", "-f", ""}).directive, ":0");
  EXPECT_EQ(ask({"simulate", "--market", "re"}).directive, ":0");
  EXPECT_EQ(ask({"plan", "--context", ""}).directive, ":4");
}

TEST(Completion, a_kind_is_followed_by_a_name_without_a_space) {
  const Answer answer = ask({"explain", ""});
  EXPECT_THAT(answer.lines, ElementsAre("cpool/", "ipool/", "tj/"));
  EXPECT_EQ(answer.directive, ":6");
}

TEST(Completion, each_shell_has_a_script_that_asks_the_program) {
  for (const char* shell : {"bash", "zsh", "fish"})
    EXPECT_THAT(completion_script(shell).value_or(""), HasSubstr("kubectl-spillway __complete"))
        << shell;
  const auto refused = completion_script("csh");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("bash, zsh or fish"));
}

}  // namespace
}  // namespace spillway::cli
