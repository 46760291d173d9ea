#pragma once
// A world without an operator: what is there is put there by the test, which thereby breaks the
// promise that it wants to see checked.

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/control/keys.h>
#include <spillway/core/log.h>

#include "scenario_parts.h"

namespace spillway::sim {

class OperatorlessWorld : public ::testing::Test {
 protected:
  void SetUp() override {
    log::configure(log::Format::kText, log::Level::kError);
    world.add_pool({.name = "spot-a",
                    .tier = api::Tier::kSpot,
                    .max_nodes = 1,
                    .spot = "8.00",
                    .provisioned = true});
    world.add_pool(
        {.name = "on-demand", .tier = api::Tier::kOnDemand, .max_nodes = 1, .fixed = "24.00"});
    world.submit(training_job({}));
    pass(std::chrono::seconds(1));
    ASSERT_THAT(world.violations(), ::testing::IsEmpty());
  }
  // Time and a change: invariants are looked at when something changed.
  void pass(Duration time) {
    world.run_for(time);
    world.patch(control::kTrainingJobs, "train",
                {{"metadata", {{"annotations", {{"test", std::to_string(++changes)}}}}}});
    world.time().after(std::chrono::milliseconds(1), [] {});
    world.run_for(std::chrono::milliseconds(2));
  }
  void set_status(const nlohmann::json& status,
                  const kube::ResourceType& type = control::kTrainingJobs,
                  const std::string& name = "train") {
    const auto written = world.server().merge_patch(
        type, {.ns = Namespace("default"), .name = ObjectName(name)}, {{"status", status}},
        {.manager = "mutant", .subresource = "status"});
    ASSERT_TRUE(written) << written.error().message;
    pass(std::chrono::seconds(1));
  }
  static nlohmann::json condition(const char* type) {
    return {
        {"type", type},  {"status", "True"},        {"reason", "Because"},
        {"message", ""}, {"observedGeneration", 1}, {"lastTransitionTime", "2020-01-01T00:00:00Z"}};
  }
  static nlohmann::json cost(const char* total) {
    return {{"rate", "8.00"},
            {"since", "2020-01-01T00:00:00Z"},
            {"total", total},
            {"onDemandEquivalent", "30.00"},
            {"saved", "20.00"}};
  }
  void pod(const std::string& name, const std::string& attempt, int accelerators,
           const std::string& node = "", const nlohmann::json& instead = nullptr) {
    nlohmann::json made = {
        {"apiVersion", "v1"},
        {"kind", "Pod"},
        {"metadata",
         {{"name", name},
          {"labels",
           {{control::label::kTrainingJob, "train"},
            {control::label::kAttempt, attempt},
            {control::label::kPool, "spot-a"}}}}},
        {"spec",
         {{"containers",
           nlohmann::json::array(
               {{{"name", "main"},
                 {"image", "program:1"},
                 {"resources",
                  {{"requests", {{"nvidia.com/gpu", std::to_string(accelerators)}}}}}}})}}}};
    if (!instead.is_null()) made["metadata"]["labels"] = instead;
    if (!node.empty()) made["spec"]["nodeName"] = node;
    world.submit(std::move(made));
  }
  void job(const std::string& name) {
    world.submit(
        {{"apiVersion", "batch/v1"},
         {"kind", "Job"},
         {"metadata", {{"name", name}, {"labels", {{control::label::kTrainingJob, "train"}}}}},
         {"spec",
          {{"suspend", true},
           {"template",
            {{"spec",
              {{"restartPolicy", "Never"},
               {"containers",
                nlohmann::json::array({{{"name", "main"}, {"image", "program:1"}}})}}}}}}}});
  }
  // This check spoke, and no other.
  void expect_only(const char* sentence) {
    EXPECT_THAT(world.violations(), ::testing::Not(::testing::IsEmpty()));
    EXPECT_THAT(world.violations(), ::testing::Each(::testing::HasSubstr(sentence)));
  }

  World world;
  int changes = 0;
};

}  // namespace spillway::sim
