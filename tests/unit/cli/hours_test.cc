#include "hours.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::cli {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using namespace std::chrono_literals;

Instant at(const char* text) {
  return parse_instant(text).value();
}

json policy(const char* mode = "Enforce") {
  return {{"apiVersion", "spillway.dev/v1alpha1"},
          {"kind", "CostPolicy"},
          {"metadata", {{"name", "nights"}}},
          {"spec",
           {{"mode", mode},
            {"selector", {{"namespaces", {{"matchLabels", {{"stage", "dev"}}}}}}},
            {"offHours",
             {{"timeZone", "Europe/Berlin"},
              {"workloads", {"Deployment"}},
              {"awake",
               json::array({{{"days", {"Mon-Fri"}}, {"from", "08:00"}, {"to", "20:00"}}})}}}}}};
}
json ns(const char* name, json annotations = json::object()) {
  return {
      {"kind", "Namespace"},
      {"metadata", {{"name", name}, {"labels", {{"stage", "dev"}}}, {"annotations", annotations}}}};
}
json workload(const char* kind, const char* name) {
  json object = {{"apiVersion", "spillway.dev/v1alpha1"},
                 {"kind", kind},
                 {"metadata", {{"name", name}, {"namespace", "team-a"}}}};
  if (std::string_view(kind) == "Deployment") return object;
  object["spec"] = {
      {"accelerator", {{"models", json::array({{{"name", "V100"}}})}, {"perReplica", 1}}},
      {"template",
       {{"spec", {{"containers", json::array({{{"name", "main"}, {"image", "x:1"}}})}}}}}};
  return object;
}

// Monday, 11:00 in Berlin.
const Instant kMonday = at("2026-11-23T10:00:00Z");

TEST(Hours, edges_of_a_policy_are_those_of_what_it_selects) {
  const Hours hours = hours_of({policy(), ns("team-a"), workload("InferencePool", "chat"),
                                workload("Deployment", "web"), workload("CronJob", "report")});
  const auto changes = coming_changes(hours, kMonday, kMonday + 24h);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].at, at("2026-11-23T19:00:00Z"));
  EXPECT_FALSE(changes[0].awake);
  EXPECT_THAT(changes[0].objects, ElementsAre("ipool team-a/chat", "deployment team-a/web"));
  EXPECT_EQ(changes[0].local, "Mon 23 Nov 20:00 Europe/Berlin");
  EXPECT_EQ(changes[1].at, at("2026-11-24T07:00:00Z"));
  EXPECT_TRUE(changes[1].awake);
}

TEST(Hours, the_local_time_of_an_edge_stays_when_clocks_change) {
  const Hours hours = hours_of({policy(), ns("team-a"), workload("InferencePool", "chat")});
  const auto changes =
      coming_changes(hours, at("2026-10-24T00:00:00Z"), at("2026-10-26T12:00:00Z"));
  ASSERT_EQ(changes.size(), 1u);  // a week end
  EXPECT_EQ(changes[0].at, at("2026-10-26T07:00:00Z"));
  EXPECT_EQ(changes[0].local, "Mon 26 Oct 08:00 Europe/Berlin");
}

TEST(Hours, an_override_of_a_namespace_moves_the_edge) {
  const Hours hours =
      hours_of({policy(), ns("team-a", {{"spillway.dev/wake-until", "2026-11-23T21:00:00Z"}}),
                workload("InferencePool", "chat")});
  const auto changes = coming_changes(hours, kMonday, kMonday + 12h);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].at, at("2026-11-23T21:00:00Z"));
  EXPECT_FALSE(changes[0].awake);
}

TEST(Hours, a_policy_that_only_shows_is_listed_apart) {
  const Hours hours = hours_of({policy("Audit"), ns("team-a"), workload("InferencePool", "chat")});
  const auto changes = coming_changes(hours, kMonday, kMonday + 12h);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_THAT(changes[0].objects, IsEmpty());
  EXPECT_THAT(changes[0].reason, HasSubstr("Audit"));
  EXPECT_THAT(changes_text(changes, hours, kMonday, kMonday + 12h),
              HasSubstr("Nothing here ever sleeps"));
}

TEST(Hours, a_file_with_a_policy_alone_shows_its_edges) {
  const Hours hours = hours_of({policy()});
  const std::string text =
      changes_text(coming_changes(hours, kMonday, kMonday + 24h), hours, kMonday, kMonday + 24h);
  EXPECT_THAT(text, AllOf(HasSubstr("2026-11-23 19:00"), HasSubstr("sleep"), HasSubstr("wake"),
                          HasSubstr("policy nights")));
}

TEST(Hours, what_makes_no_sense_is_named_and_passed_over) {
  json broken = policy();
  broken["spec"]["offHours"]["timeZone"] = "Europe/Berlinn";
  const Hours hours = hours_of({broken, ns("team-a"), workload("InferencePool", "chat")});
  ASSERT_EQ(hours.remarks.size(), 1u);
  EXPECT_THAT(hours.remarks[0], AllOf(HasSubstr("CostPolicy nights"), HasSubstr("Europe/Berlin")));
  EXPECT_THAT(coming_changes(hours, kMonday, kMonday + 24h), IsEmpty());
}

TEST(Hours, what_belongs_to_a_controller_is_left_to_its_owner) {
  json owned = workload("Deployment", "chat-spot");
  owned["metadata"]["ownerReferences"] =
      json::array({{{"kind", "InferencePool"}, {"name", "chat"}, {"controller", true}}});
  EXPECT_THAT(hours_of({policy(), ns("team-a"), owned}).sleepers, IsEmpty());
}

TEST(Hours, documents_name_every_workload) {
  const Hours hours = hours_of({policy(), ns("team-a"), workload("InferencePool", "chat")});
  const auto document = changes_document(coming_changes(hours, kMonday, kMonday + 12h), hours,
                                         kMonday, kMonday + 12h);
  EXPECT_EQ(document["kind"], "Schedule");
  EXPECT_EQ(document["workloads"][0]["nextTransition"], "2026-11-23T19:00:00Z");
  EXPECT_EQ(document["transitions"][0]["workloads"][0], "ipool team-a/chat");
  EXPECT_EQ(document["transitions"][0]["awake"], false);
}

TEST(Hours, spans_have_days_and_limits) {
  EXPECT_EQ(parse_span("14d", "--next", 24h * 366).value(), 24h * 14);
  EXPECT_EQ(parse_span("90m", "--for", 24h * 31).value(), 90min);
  for (const char* wrong :
       {"", "d", "2", "-2h", "0s", "0d", "two hours", "9999999999999d", "1.5d"}) {
    const auto refused = parse_span(wrong, "--for", 24h * 31);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_THAT(refused.error().message, AllOf(HasSubstr("--for"), HasSubstr("write a time")))
        << wrong;
  }
  EXPECT_THAT(parse_span("32d", "--for", 24h * 31).error().message,
              AllOf(HasSubstr("too long"), HasSubstr("31d"), Not(HasSubstr("366d"))));
}

}  // namespace
}  // namespace spillway::cli
