#include "options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::cli {
namespace {

using ::testing::HasSubstr;

struct Parsed {
  CommandLine command;
  std::string said;  // on standard error
};

Parsed parse(std::vector<const char*> words) {
  words.insert(words.begin(), "kubectl-spillway");
  ::testing::internal::CaptureStderr();
  Parsed parsed{.command = parse_command_line(static_cast<int>(words.size()), words.data())};
  parsed.said = ::testing::internal::GetCapturedStderr();
  return parsed;
}

TEST(Options, flags_of_kubectl_may_stand_behind_the_command) {
  const auto parsed = parse({"plan", "-n", "research", "--context", "prod", "-o", "json"});
  ASSERT_TRUE(parsed.command.options) << parsed.said;
  const Options options = parsed.command.options.value_or(Options{});
  EXPECT_EQ(options.connection.ns, "research");
  EXPECT_EQ(options.connection.context, "prod");
  EXPECT_EQ(options.format, Format::kJson);
  EXPECT_TRUE(std::holds_alternative<PlanOptions>(options.command));
}

TEST(Options, a_value_may_be_joined_to_its_flag_as_kubectl_takes_it) {
  for (const char* word : {"-n=research", "-nresearch", "--namespace=research"}) {
    const auto parsed = parse({"plan", word});
    ASSERT_TRUE(parsed.command.options) << parsed.said;
    EXPECT_EQ(parsed.command.options.value_or(Options{}).connection.ns, "research") << word;
  }
}

TEST(Options, an_object_is_named_as_kubectl_names_it) {
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"tj/llama"},
                                             {"TrainingJob/llama"},
                                             {"trainingjobs.spillway.dev/llama"},
                                             {"tj", "llama"}}) {
    const auto target = parse_target(words);
    ASSERT_TRUE(target) << words.front();
    EXPECT_EQ(target->kind, TargetKind::kTrainingJob);
    EXPECT_EQ(target->name.str(), "llama");
  }
  EXPECT_EQ(parse_target({"ipool/chat"})->kind, TargetKind::kInferencePool);
  EXPECT_EQ(parse_target({"cpool/spot-a"})->kind, TargetKind::kCapacityPool);
}

TEST(Options, simulate_takes_days_and_instants) {
  const auto parsed = parse({"simulate", "-f", "a.yaml", "-f", "b", "--market", "m", "--from",
                             "2020-01-05", "--to", "2020-02-04T12:00:00+02:00", "--seed", "7"});
  ASSERT_TRUE(parsed.command.options) << parsed.said;
  const Options options = parsed.command.options.value_or(Options{});
  const auto& simulate = std::get<SimulateOptions>(options.command);
  EXPECT_EQ(simulate.files, (std::vector<std::string>{"a.yaml", "b"}));
  EXPECT_EQ(simulate.from, parse_instant("2020-01-05T00:00:00Z").value());
  EXPECT_EQ(simulate.to, parse_instant("2020-02-04T10:00:00Z").value());
  EXPECT_EQ(simulate.seed, 7u);
}

struct Wrong {
  std::vector<const char*> words;
  const char* says;
};

TEST(Options, wrong_input_is_one_sentence_and_exit_code_2) {
  const std::vector<Wrong> cases = {
      {{}, "subcommand"},
      {{"plan", "-o", "xml"}, "-o xml is no output format: write table, json or yaml"},
      {{"plan", "--what"}, "--what"},
      {{"explain"}, "KIND/NAME"},
      {{"explain", "llama"}, "write KIND/NAME, such as tj/llama"},
      {{"explain", "pod/llama"}, "'pod' is no kind that is placed: write trainingjob (tj)"},
      {{"explain", "tj/"}, "one object at a time"},
      {{"simulate", "-f", "a.yaml"}, "--market"},
      {{"simulate", "--market", "m"}, "--filename"},
      {{"simulate", "-f", "a", "--market", "m", "--from", "January"},
       "--from January is no time: write a day such as 2020-01-05"},
      {{"simulate", "-f", "a", "--market", "m", "--from", "2020-02-01", "--to", "2020-01-01"},
       "--from 2020-02-01 is not before --to 2020-01-01"},
      {{"simulate", "-f", "a", "--market", "m", "--seed", "-1"}, "--seed"},
  };
  for (const Wrong& wrong : cases) {
    const auto parsed = parse(wrong.words);
    EXPECT_FALSE(parsed.command.options) << wrong.says;
    EXPECT_EQ(parsed.command.exit_code, 2) << wrong.says;
    EXPECT_THAT(parsed.said, HasSubstr(wrong.says));
    EXPECT_TRUE(parsed.said.starts_with("error: ")) << parsed.said;
    EXPECT_EQ(std::count(parsed.said.begin(), parsed.said.end(), '\n'), 1) << parsed.said;
  }
}

TEST(Options, help_is_no_error) {
  ::testing::internal::CaptureStdout();
  const auto parsed = parse({"--help"});
  const std::string help = ::testing::internal::GetCapturedStdout();
  EXPECT_EQ(parsed.command.exit_code, 0);
  for (const char* word : {"kubectl spillway", "plan", "explain", "simulate", "--kubeconfig"})
    EXPECT_THAT(help, HasSubstr(word));
}

TEST(Options, wake_and_sleep_name_a_workload_or_a_namespace_and_a_time) {
  const auto wake = parse({"wake", "ipool/chat", "-n", "dev", "--for", "3h"});
  ASSERT_TRUE(wake.command.options) << wake.said;
  const auto asked = std::get<OverrideOptions>(wake.command.options.value_or(Options{}).command);
  EXPECT_TRUE(asked.wake);
  EXPECT_EQ(asked.target, std::vector<std::string>{"ipool/chat"});
  EXPECT_EQ(asked.span, "3h");
  const auto sleep = parse({"sleep", "-n", "dev"});
  ASSERT_TRUE(sleep.command.options) << sleep.said;
  const auto all = std::get<OverrideOptions>(sleep.command.options.value_or(Options{}).command);
  EXPECT_FALSE(all.wake);
  EXPECT_TRUE(all.target.empty());
}

TEST(Options, schedule_looks_as_far_ahead_as_it_is_told) {
  const auto parsed = parse({"schedule", "--next", "14d", "-f", "policy.yaml"});
  ASSERT_TRUE(parsed.command.options) << parsed.said;
  const auto schedule =
      std::get<ScheduleOptions>(parsed.command.options.value_or(Options{}).command);
  EXPECT_EQ(schedule.next, std::chrono::hours(24 * 14));
  EXPECT_EQ(schedule.files, std::vector<std::string>{"policy.yaml"});
  const auto refused = parse({"schedule", "--next", "soon"});
  EXPECT_EQ(refused.command.exit_code, 2);
  EXPECT_THAT(refused.said, HasSubstr("--next"));
}

TEST(Options, all_namespaces_may_be_said_and_not_together_with_one) {
  for (const char* command : {"plan", "schedule"}) {
    EXPECT_TRUE(parse({command, "-A"}).command.options);
    const auto refused = parse({command, "-A", "-n", "dev"});
    EXPECT_EQ(refused.command.exit_code, 2);
    EXPECT_THAT(refused.said, HasSubstr("--namespace"));
  }
}

}  // namespace
}  // namespace spillway::cli
