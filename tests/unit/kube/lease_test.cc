#include <spillway/kube/lease.h>

#include "kube_fixture.h"

namespace spillway::kube {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using ::testing::ElementsAre;

const LeaseOptions kOptions{.lease = {.ns = Namespace("spillway"), .name = ObjectName("operator")},
                            .identity = "me"};

MonotonicTime at_seconds(int s) {
  return MonotonicTime(seconds(s));
}
LeaseRecord record(const char* holder, const char* renew_time, int duration_seconds = 15) {
  return {.holder = holder,
          .duration = seconds(duration_seconds),
          .renew_time = renew_time,
          .version = ResourceVersion("1"),
          .uid = Uid("u")};
}

TEST(LeaseOptionsCheck, AsksForAGapBetweenRenewalAndLease) {
  EXPECT_TRUE(kOptions.validate());
  const auto refused = [](auto change) {
    LeaseOptions options = kOptions;
    change(options);
    const auto result = options.validate();
    return !result && result.error().code == ErrorCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused([](LeaseOptions& o) { o.renew_deadline = seconds(15); }));
  EXPECT_TRUE(refused([](LeaseOptions& o) { o.retry_period = seconds(9); }));
  EXPECT_TRUE(refused([](LeaseOptions& o) { o.retry_period = {}; }));
  EXPECT_TRUE(refused([](LeaseOptions& o) { o.lease_duration = Duration(15'500); }));
  EXPECT_TRUE(refused([](LeaseOptions& o) { o.identity = ""; }));
  EXPECT_TRUE(refused([](LeaseOptions& o) { o.lease.ns = {}; }));
  EXPECT_TRUE(refused([](LeaseOptions& o) { o.jitter = -1; }));
}

TEST(ElectionCore, CreatesALeaseThatIsNotThere) {
  Election election;
  observe(election, std::nullopt, kOptions, at_seconds(0));
  EXPECT_TRUE(std::holds_alternative<CreateLease>(next_action(election, kOptions, at_seconds(0))));
}
TEST(ElectionCore, TakesAReleasedLeaseAtOnce) {
  Election election;
  observe(election, record("", "t1", 1), kOptions, at_seconds(0));
  const auto action = next_action(election, kOptions, at_seconds(0));
  ASSERT_TRUE(std::holds_alternative<WriteLease>(action));
  EXPECT_FALSE(std::get<WriteLease>(action).renewal);
}
TEST(ElectionCore, WaitsUntilAnotherHolderHasBeenSilentForTheWholeLease) {
  Election election;
  observe(election, record("other", "t1"), kOptions, at_seconds(100));
  EXPECT_EQ(std::get<WaitUntil>(next_action(election, kOptions, at_seconds(100))).when,
            at_seconds(115));
  observe(election, record("other", "t1"), kOptions, at_seconds(110));  // seen again, unchanged
  EXPECT_EQ(std::get<WaitUntil>(next_action(election, kOptions, at_seconds(110))).when,
            at_seconds(115));
  observe(election, record("other", "t2"), kOptions,
          at_seconds(112));  // renewed: counts from when we saw it
  EXPECT_EQ(std::get<WaitUntil>(next_action(election, kOptions, at_seconds(115))).when,
            at_seconds(127));
  EXPECT_TRUE(std::holds_alternative<WriteLease>(next_action(election, kOptions, at_seconds(127))));
}
TEST(ElectionCore, TheHoldersOwnDurationCounts) {
  Election election;
  observe(election, record("other", "t1", 60), kOptions, at_seconds(0));
  EXPECT_EQ(std::get<WaitUntil>(next_action(election, kOptions, at_seconds(20))).when,
            at_seconds(60));
}
TEST(ElectionCore, TheFenceCountsFromTheStartOfTheRenewal) {
  Election election;
  EXPECT_FALSE(fence_deadline(election, kOptions));
  observe(election, record("me", "t1"), kOptions, at_seconds(7));
  lead(election, kOptions, at_seconds(4));  // asked at 4, answered at 7
  EXPECT_EQ(fence_deadline(election, kOptions), at_seconds(14));
}
TEST(ElectionCore, LosesItAsSoonAsAnotherNameStandsThere) {
  for (const auto& edited : {std::optional<LeaseRecord>{}, std::optional(record("", "t2")),
                             std::optional(record("other", "t2"))}) {
    Election election;
    observe(election, record("me", "t1"), kOptions, at_seconds(0));
    lead(election, kOptions, at_seconds(0));
    observe(election, edited, kOptions, at_seconds(1));
    EXPECT_FALSE(fence_deadline(election, kOptions));
  }
}
TEST(ElectionCore, ALeaderNeverReachesPastTheMomentAnotherMayBegin) {
  // Whatever the delays: renewal asked at s, standby sees it at s + d (d >= 0) and may begin at s +
  // d + 15.
  Election leader;
  observe(leader, record("me", "t1"), kOptions, at_seconds(9));
  lead(leader, kOptions, at_seconds(0));
  Election standby;
  LeaseOptions other = kOptions;
  other.identity = "other";
  observe(standby, record("me", "t1"), other, at_seconds(0));
  EXPECT_LE(*fence_deadline(leader, kOptions) + seconds(5),
            std::get<WaitUntil>(next_action(standby, other, at_seconds(0))).when);
}
TEST(LeaseReading, TakesWhatIsThereAndRefusesNonsense) {
  json object = {{"metadata", {{"resourceVersion", "5"}, {"uid", "u"}}}};
  EXPECT_EQ(read_lease(object)->holder, "");
  object["spec"] = {{"holderIdentity", "x"},
                    {"leaseDurationSeconds", 15},
                    {"leaseTransitions", 3},
                    {"renewTime", "t"}};
  EXPECT_EQ(read_lease(object)->transitions, 3);
  EXPECT_EQ(read_lease(object)->duration, seconds(15));
  object["spec"]["leaseDurationSeconds"] = "15";
  EXPECT_FALSE(read_lease(object));
}

// An API server's view of one Lease, with as many electors as a test wants.
class LeaseServer final : public Transport {
 public:
  explicit LeaseServer(Runtime runtime) : runtime_(std::move(runtime)) {}
  json lease;  // null: there is none
  int version = 1;
  bool unreachable = false;
  bool swallow_answers = false;  // writes happen, their answers get lost
  int writes = 0;

  void edit(const json& spec) {
    lease["spec"].update(spec);
    lease["metadata"]["resourceVersion"] = std::to_string(++version);
  }
  std::string holder() {
    return lease.is_null() ? "" : lease["spec"]["holderIdentity"].get<std::string>();
  }

  Task<Result<HttpResponse>> send(HttpRequest request, MonotonicTime deadline) override {
    EXPECT_EQ(request.priority, Priority::kLease);
    if (unreachable) {
      const auto timer = runtime_.timers.make();
      co_await timer->wait_until(deadline);
      co_return fail(mutating(request.method) ? ErrorCode::kUnknownOutcome : ErrorCode::kTimeout,
                     "silence");
    }
    HttpResponse response = handle(request);
    if (swallow_answers && mutating(request.method))
      co_return fail(ErrorCode::kUnknownOutcome, "lost");
    co_return response;
  }
  Task<Result<StreamResponse>> open(HttpRequest, MonotonicTime) override {
    co_return fail(ErrorCode::kInternal, "no watches here");
  }
  void close() override {}

 private:
  static HttpResponse answer(int status, const json& body) {
    return {.status = status, .body = body.dump()};
  }
  HttpResponse handle(const HttpRequest& request) {
    if (request.method == Method::kGet) {
      return lease.is_null() ? answer(404, status_json(404, "NotFound")) : answer(200, lease);
    }
    json body = json::parse(request.body);
    if (request.method == Method::kPost) {
      if (!lease.is_null()) return answer(409, status_json(409, "AlreadyExists"));
      body["metadata"]["uid"] = "u" + std::to_string(version);
    } else {
      if (lease.is_null()) return answer(404, status_json(404, "NotFound"));
      const bool same = body["metadata"]["resourceVersion"] == lease["metadata"]["resourceVersion"];
      if (!same) return answer(409, status_json(409, "Conflict"));
    }
    ++writes;
    lease = body;
    lease["metadata"]["resourceVersion"] = std::to_string(++version);
    return answer(200, lease);
  }
  Runtime runtime_;
};

class ElectorTest : public KubeTest {
 protected:
  struct Candidate {
    Candidate(ElectorTest& test, const char* identity)
        : elector(test.runtime, test.server, test.metrics, named(identity),
                  [this](bool leading) { history.push_back(leading); }) {}
    static LeaseOptions named(const char* identity) {
      LeaseOptions options = kOptions;
      options.identity = identity;
      return options;
    }
    std::vector<bool> history;
    LeaderElector elector;
  };
  Candidate& join(const char* identity) {
    candidates.push_back(std::make_unique<Candidate>(*this, identity));
    start(candidates.back()->elector.run());
    time.settle();
    return *candidates.back();
  }
  void TearDown() override {
    for (const auto& candidate : candidates)
      candidate->elector.stop();
    time.run_for(seconds(60));
  }
  LeaseServer server{runtime};
  std::vector<std::unique_ptr<Candidate>> candidates;
};

TEST_F(ElectorTest, TheFirstOneLeadsAndKeepsRenewing) {
  Candidate& me = join("me");
  EXPECT_TRUE(me.elector.leading());
  EXPECT_EQ(server.lease["spec"]["leaseDurationSeconds"], 15);
  const auto first = *me.elector.write_deadline();
  time.run_for(seconds(60));
  EXPECT_TRUE(me.elector.leading());
  EXPECT_GT(*me.elector.write_deadline(), first + seconds(50));
  EXPECT_NEAR(server.writes, 31, 1);
  EXPECT_THAT(me.history, ElementsAre(true));
  EXPECT_EQ(server.lease["spec"]["leaseTransitions"], 0);
}
TEST_F(ElectorTest, OnlyOneLeads) {
  Candidate& first = join("first");
  Candidate& second = join("second");
  time.run_for(seconds(120));
  EXPECT_TRUE(first.elector.leading());
  EXPECT_FALSE(second.elector.leading());
  EXPECT_EQ(second.elector.write_deadline().error().code, ErrorCode::kFenced);
  EXPECT_EQ(second.elector.holder(), "first");
}
TEST_F(ElectorTest, AReleaseHandsOverWithoutWaitingForTheLeaseToRunOut) {
  Candidate& first = join("first");
  Candidate& second = join("second");
  first.elector.stop();
  time.settle();
  EXPECT_TRUE(run(first.elector.release()));
  EXPECT_FALSE(first.elector.leading());
  time.run_for(seconds(5));
  EXPECT_TRUE(second.elector.leading());
  EXPECT_EQ(server.lease["spec"]["leaseTransitions"], 0);
  EXPECT_THAT(first.history, ElementsAre(true, false));
}
TEST_F(ElectorTest, ACrashedLeaderIsFollowedAfterTheLease) {
  Candidate& first = join("first");
  Candidate& second = join("second");
  const auto begun = time.monotonic();
  first.elector.stop();  // without a release, as if killed
  while (!second.elector.leading())
    time.run_for(Duration(100));
  EXPECT_GE(time.monotonic() - begun, seconds(15));
  EXPECT_LE(time.monotonic() - begun, seconds(22));
  EXPECT_EQ(server.lease["spec"]["leaseTransitions"], 1);
}
TEST_F(ElectorTest, AStandbyIsThereWhenTheLeaseRunsOut) {
  Candidate& first = join("first");
  Candidate& second = join("second");
  time.run_for(Duration(3300));
  first.elector.stop();  // without a release, as if killed
  time.settle();
  // What it waits for is the lease's time since it saw the last renewal, which was at most one
  // round (retry_period, spread by the jitter) after the renewal itself.
  const Duration round = std::chrono::duration_cast<Duration>(kOptions.retry_period * 2.2);
  time.run_for(kOptions.lease_duration + round);
  EXPECT_TRUE(second.elector.leading());
}
TEST_F(ElectorTest, ALeaderCutOffFromTheServerStopsWritingBeforeItsDeadline) {
  Candidate& me = join("me");
  server.unreachable = true;
  const MonotonicTime deadline = *me.elector.write_deadline();
  time.run_until(deadline - Duration(1));
  EXPECT_TRUE(me.elector.leading());
  time.run_until(deadline);
  EXPECT_FALSE(me.elector.leading());
  EXPECT_EQ(me.elector.write_deadline().error().code, ErrorCode::kFenced);
  time.run_for(seconds(6));
  EXPECT_THAT(me.history, ElementsAre(true, false));
  server.unreachable = false;
  time.run_for(seconds(20));
  EXPECT_THAT(me.history, ElementsAre(true, false, true));
}
TEST_F(ElectorTest, AShortGapIsRiddenOut) {
  Candidate& me = join("me");
  server.unreachable = true;
  time.run_for(seconds(4));
  server.unreachable = false;
  time.run_for(seconds(20));
  EXPECT_THAT(me.history, ElementsAre(true));
}
TEST_F(ElectorTest, ALostAnswerIsReadBack) {
  Candidate& me = join("me");
  server.swallow_answers = true;
  time.run_for(seconds(3));
  server.swallow_answers = false;
  time.run_for(seconds(30));
  EXPECT_THAT(me.history, ElementsAre(true));
}
TEST_F(ElectorTest, ADeletedLeaseIsMadeAgain) {
  Candidate& me = join("me");
  server.lease = nullptr;
  time.run_for(seconds(3));
  EXPECT_EQ(server.holder(), "me");
  EXPECT_TRUE(me.elector.leading());
}
TEST_F(ElectorTest, AnEmptiedHolderIsTakenAgain) {
  Candidate& me = join("me");
  server.edit({{"holderIdentity", ""}});
  time.run_for(seconds(3));
  EXPECT_EQ(server.holder(), "me");
  EXPECT_TRUE(me.elector.leading());
}
TEST_F(ElectorTest, ALeaseThatWasGivenToAnotherIsLost) {
  Candidate& me = join("me");
  server.edit({{"holderIdentity", "somebody"}});
  time.run_for(seconds(3));
  EXPECT_FALSE(me.elector.leading());
  EXPECT_EQ(me.elector.holder(), "somebody");
  EXPECT_THAT(me.history, ElementsAre(true, false));
  time.run_for(seconds(25));
  EXPECT_TRUE(me.elector.leading()) << "somebody never renewed";
}
TEST_F(ElectorTest, KeepsWhatOthersPutOnTheLease) {
  Candidate& me = join("me");
  server.edit({{"strategy", "x"}});
  server.lease["metadata"]["labels"] = {{"app", "spillway"}};
  time.run_for(seconds(10));
  EXPECT_TRUE(me.elector.leading());
  EXPECT_EQ(server.lease["metadata"]["labels"]["app"], "spillway");
  EXPECT_EQ(server.lease["spec"]["strategy"], "x");
}
TEST_F(ElectorTest, ReleasingWhatIsNotHeldDoesNothing) {
  join("first");
  Candidate& second = join("second");
  second.elector.stop();
  const int writes = server.writes;
  EXPECT_TRUE(run(second.elector.release()));
  EXPECT_EQ(server.writes, writes);
  EXPECT_EQ(server.holder(), "first");
}

}  // namespace
}  // namespace spillway::kube
