#include <spillway/control/off_hours.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fixtures.h"

namespace spillway::control {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::at;
using testing::json;
using testing::must;

// Saturday, 12:00 in Berlin is 11:00Z.
const Instant kNoon = at("2026-11-21T11:00:00Z");

std::shared_ptr<const api::CostPolicy> policy(const std::string& name, const std::string& from,
                                              const std::string& to) {
  api::CostPolicy made;
  made.meta.key.name = ObjectName(name);
  made.meta.created_at = at("2026-01-01T00:00:00Z");
  made.spec.mode = api::PolicyMode::kEnforce;
  api::OffHours off_hours;
  off_hours.time_zone = TimeZoneName("Europe/Berlin");
  AwakeWindow window;
  window.from = must(parse_time_of_day(from));
  window.to = must(parse_time_of_day(to));
  off_hours.awake = {window};
  off_hours.workloads = {PlainKind::kDeployment};
  made.spec.off_hours = off_hours;
  return std::make_shared<const api::CostPolicy>(std::move(made));
}
std::shared_ptr<const api::CostPolicy> changed(
    const std::shared_ptr<const api::CostPolicy>& policy,
    const std::function<void(api::CostPolicy&)>& change) {
  auto copy = std::make_shared<api::CostPolicy>(*policy);
  change(*copy);
  return copy;
}

NamespaceView ns(const json& labels = json::object(), const json& annotations = json::object()) {
  return must(NamespaceView::from_json({{"metadata",
                                         {{"name", "team-a"},
                                          {"uid", "n"},
                                          {"resourceVersion", "1"},
                                          {"labels", labels},
                                          {"annotations", annotations}}}}));
}
PlainWorkload web(const json& annotations = json::object(), PlainKind kind = PlainKind::kDeployment,
                  const json& labels = json::object()) {
  return must(PlainWorkload::from_json(kind, {{"metadata",
                                               {{"name", "web"},
                                                {"namespace", "team-a"},
                                                {"uid", "w"},
                                                {"resourceVersion", "1"},
                                                {"labels", labels},
                                                {"annotations", annotations}}},
                                              {"spec", {{"replicas", 3}}}}));
}

class OffHoursTest : public ::testing::Test {
 protected:
  OffHoursOrder order(const std::vector<OffHoursBook::PolicyPointer>& policies,
                      const PlainWorkload& object = web(), const NamespaceView& in = ns(),
                      Instant now = kNoon) {
    book_.look(policies, {std::make_shared<const NamespaceView>(in)}, now);
    return book_.order(object);
  }
  OffHoursBook book_;
  const OffHoursBook::PolicyPointer mornings_ = policy("mornings", "08:00", "11:00");
  const OffHoursBook::PolicyPointer days_ = policy("days", "08:00", "18:00");
};

TEST_F(OffHoursTest, a_policy_says_since_when_and_until_when) {
  const OffHoursOrder now = order({mornings_});
  EXPECT_EQ(now.policy, "mornings");
  EXPECT_TRUE(now.asleep);
  EXPECT_EQ(now.since, at("2026-11-21T10:00:00Z"));
  EXPECT_EQ(now.until, at("2026-11-22T07:00:00Z"));
  EXPECT_FALSE(order({days_}).asleep);
  // Computed once, and again when the edge has passed.
  EXPECT_TRUE(order({days_}, web(), ns(), kNoon + hours(6)).asleep);
  EXPECT_FALSE(order({days_}, web(), ns(), kNoon).asleep) << "the clock was set back";
}

TEST_F(OffHoursTest, a_policy_that_was_made_in_the_night_begins_then) {
  const Instant made = kNoon - minutes(20);
  const auto fresh =
      changed(mornings_, [&](api::CostPolicy& copy) { copy.meta.created_at = made; });
  EXPECT_EQ(order({fresh}).since, made);
}

TEST_F(OffHoursTest, of_several_policies_awake_wins) {
  const OffHoursOrder now = order({mornings_, days_});
  EXPECT_FALSE(now.asleep);
  EXPECT_EQ(now.policy, "days");
  EXPECT_EQ(now.until, at("2026-11-21T17:00:00Z"));
  EXPECT_TRUE(order({mornings_, days_}, web(), ns(), kNoon + hours(7)).asleep);
}

TEST_F(OffHoursTest, only_what_is_enforced_and_selected_counts) {
  const auto audit =
      changed(mornings_, [](api::CostPolicy& copy) { copy.spec.mode = api::PolicyMode::kAudit; });
  EXPECT_EQ(order({audit}).policy, "");
  EXPECT_EQ(order({mornings_}, web({}, PlainKind::kStatefulSet)).policy, "");
  const auto dev = changed(mornings_, [](api::CostPolicy& copy) {
    copy.spec.selector.namespaces = api::LabelSelector{.match_labels = {{"stage", "dev"}}};
  });
  EXPECT_EQ(order({dev}).policy, "");
  EXPECT_EQ(order({dev}, web(), ns({{"stage", "dev"}})).policy, "mornings");
  const auto staging = changed(
      mornings_, [](api::CostPolicy& copy) { copy.spec.selector.environments = {"staging"}; });
  const json label = {{api::kEnvironmentLabel, "staging"}};
  const json other = {{api::kEnvironmentLabel, "production"}};
  EXPECT_EQ(order({staging}).policy, "");
  EXPECT_EQ(order({staging}, web(), ns(label)).policy, "mornings");
  EXPECT_EQ(order({staging}, web({}, PlainKind::kDeployment, other), ns(label)).policy, "")
      << "the object's own environment counts";
  EXPECT_EQ(order({}).policy, "") << "deleted";
}

TEST_F(OffHoursTest, overrides_of_the_object_count_before_those_of_the_namespace) {
  const auto until = [](Duration ahead) { return format_instant(kNoon + ahead); };
  const json wake = {{api::annotation::kWakeUntil, until(hours(2))}};
  const json sleep = {{api::annotation::kSleepUntil, until(hours(1))},
                      {api::annotation::kOverrideAt, format_instant(kNoon - minutes(5))}};
  OffHoursOrder now = order({mornings_}, web(), ns({}, wake));
  EXPECT_FALSE(now.asleep);
  EXPECT_EQ(now.until, kNoon + hours(2));
  now = order({mornings_}, web(sleep), ns({}, wake));
  EXPECT_TRUE(now.asleep);
  EXPECT_EQ(now.since, kNoon - minutes(5)) << "a person's word is an edge";
  EXPECT_FALSE(order({mornings_}, web(wake), ns({}, sleep)).asleep);
  EXPECT_TRUE(order({days_}, web(), ns({}, sleep)).asleep);
  EXPECT_FALSE(order({days_}, web(), ns({}, sleep), kNoon + hours(1)).asleep) << "it has ended";
  EXPECT_EQ(order({}, web(sleep)).policy, "") << "and is nothing without a policy";
}

TEST_F(OffHoursTest, an_override_that_cannot_be_read_counts_towards_awake) {
  EXPECT_FALSE(order({mornings_}, web({{api::annotation::kWakeUntil, "tonight"}})).asleep);
  EXPECT_FALSE(order({days_}, web({{api::annotation::kSleepUntil, "tonight"}})).asleep);
}

}  // namespace
}  // namespace spillway::control
