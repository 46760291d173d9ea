#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/core/log.h>

#include "scenarios.h"

namespace spillway::sim {
namespace {

using std::chrono::seconds;
using ::testing::IsEmpty;

bool of_event(const std::string& target) {
  return target.find("/events") != std::string::npos;
}

struct WriteFault {
  std::string name;
  RequestFate fate;
};

std::vector<WriteFault> write_faults() {
  return {{"is never answered and not carried out", {.fate = Fate::kLost}},
          {"is carried out and never answered", {.fate = Fate::kAnswerLost}},
          {"is refused a connection", {.fate = Fate::kRefused}},
          {"arrives ten seconds late", {.delay = seconds(10)}},
          {"is answered 429",
           {.fate = Fate::kAnswered,
            .canned = {.status = 429, .retry_after = seconds(5), .body = "{}"}}},
          {"is answered 500",
           {.fate = Fate::kAnswered,
            .canned = {.status = 500, .body = R"({"reason":"InternalError","message":"etcd"})"}}}};
}

// The fault befalls exactly the `wanted`-th write that is not an Event's.
FaultPlan on_write(std::uint64_t wanted, const RequestFate& fate) {
  const auto seen = std::make_shared<std::uint64_t>(0);
  return {.on_request = [=](const RequestSeen& request) {
    if (request.write == 0 || of_event(request.request.target) || ++*seen != wanted)
      return RequestFate{};
    return fate;
  }};
}

class FaultMatrixTest : public ::testing::TestWithParam<Scenario> {
 protected:
  void SetUp() override {
    log::configure(log::Format::kText, log::Level::kError);
    undisturbed = run(GetParam(), std::nullopt);
    ASSERT_THAT(undisturbed.problems, IsEmpty());
  }
  std::vector<std::string> problems_with(const FaultPlan& faults) const {
    const Outcome outcome = run(GetParam(), std::nullopt, 1, faults);
    std::vector<std::string> problems = outcome.problems;
    const auto differs = differences(undisturbed.end, outcome.end);
    problems.insert(problems.end(), differs.begin(), differs.end());
    if (outcome.writes_in_quiet_hour > 0)
      problems.push_back(std::to_string(outcome.writes_in_quiet_hour) +
                         " writes in the quiet hour");
    return problems;
  }
  Outcome undisturbed;
};

class WriteFaultMatrixTest : public FaultMatrixTest {
};  // over one story: each write meets every fault, which takes a minute

TEST_P(WriteFaultMatrixTest, a_fault_of_any_write_ends_the_same) {
  for (std::uint64_t write = 1; write <= undisturbed.writes.size(); ++write) {
    for (const WriteFault& fault : write_faults()) {
      const WriteRecord& at = undisturbed.writes[write - 1];
      EXPECT_THAT(problems_with(on_write(write, fault.fate)), IsEmpty())
          << "write " << write << " (" << kube::to_string(at.method) << " " << at.target << ") "
          << fault.name;
    }
  }
}

TEST_P(FaultMatrixTest, late_doubled_and_overtaken_events_end_the_same) {
  const auto every = [](EventFate fate) {
    return FaultPlan{.on_event = [fate](const std::string&, const WatchFrame&) { return fate; }};
  };
  EXPECT_THAT(problems_with(every({.delay = seconds(3)})), IsEmpty())
      << "all events three seconds late";
  EXPECT_THAT(problems_with(every({.copies = 2})), IsEmpty()) << "all events twice";
  // Objects overtake each other, one object never itself: what a watch after a reconnection may
  // look like.
  const FaultPlan shuffled{.on_event = [](const std::string&, const WatchFrame& frame) {
    if (frame.key.name.empty())
      return EventFate{.delay = seconds(2)};  // a bookmark promises that nothing older is to come
    return EventFate{.delay = std::chrono::milliseconds(std::hash<ObjectKey>{}(frame.key) % 2000),
                     .may_be_overtaken = true};
  }};
  EXPECT_THAT(problems_with(shuffled), IsEmpty()) << "objects overtaking each other";
  for (const char* collection : {"pods", "jobs.batch", "trainingjobs.spillway.dev", "nodes",
                                 "deployments.apps", "capacitypools.spillway.dev"}) {
    const std::string slow = collection;
    const FaultPlan stale{.on_event = [slow](const std::string& of, const WatchFrame&) {
      return EventFate{.delay = of == slow ? seconds(20) : seconds(0)};
    }};
    EXPECT_THAT(problems_with(stale), IsEmpty())
        << "a cache of " << slow << " that is twenty seconds behind";
  }
}

INSTANTIATE_TEST_SUITE_P(First, WriteFaultMatrixTest, ::testing::Values(scenarios().front()),
                         [](const auto& story) { return story.param.name; });
INSTANTIATE_TEST_SUITE_P(All, FaultMatrixTest, ::testing::ValuesIn(scenarios()),
                         [](const auto& story) { return story.param.name; });

}  // namespace
}  // namespace spillway::sim
