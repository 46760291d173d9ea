#include <spillway/control/notices.h>

#include <ostream>

#include <spillway/api/agent_protocol.h>

#include "fixtures.h"

namespace spillway::control {
namespace {

using std::chrono::seconds;
using testing::at;
using testing::json;
using testing::kNow;
using testing::must;
using testing::node_json;

json tainted(const std::string& key, const std::string& value = "",
             const std::string& added_at = "") {
  json node = node_json("n1", "spot-a");
  json taint = {{"key", key}, {"effect", "NoSchedule"}};
  if (!value.empty()) taint["value"] = value;
  if (!added_at.empty()) taint["timeAdded"] = added_at;
  node["spec"]["taints"] = json::array({taint});
  return node;
}
json conditioned(const std::string& type, const std::string& reason = "x") {
  json node = node_json("n1", "spot-a");
  node["status"]["conditions"].push_back({{"type", type},
                                          {"status", "True"},
                                          {"reason", reason},
                                          {"lastTransitionTime", "2026-11-21T11:59:50Z"}});
  return node;
}
json agent_mark(const std::string& kind, const std::string& deadline) {
  json node = tainted("spillway.dev/interruption", kind);
  node["metadata"]["annotations"] = {{"spillway.dev/interruption-source", "aws-metadata"}};
  if (!deadline.empty())
    node["metadata"]["annotations"]["spillway.dev/interruption-deadline"] = deadline;
  return node;
}
json not_ready(const std::string& message) {
  json node = node_json("n1", "spot-a");
  node["status"]["conditions"][0].update(json{{"status", "False"},
                                              {"reason", "KubeletNotReady"},
                                              {"message", message},
                                              {"lastTransitionTime", "2026-11-21T11:59:55Z"}});
  return node;
}

struct Case {
  const char* name;
  json node;
  NoticeKind kind;
  const char* source;
  const char* deadline;  // with a first sight at kNow = 12:00:00
};
void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

class Mark : public ::testing::TestWithParam<Case> {};

TEST_P(Mark, IsANoticeWithAnAbsoluteDeadline) {
  kube::Store<kube::Node> nodes;
  nodes.upsert(must(kube::Node::from_json(GetParam().node)));
  NoticeBook book;
  book.learn(nodes, {}, kNow);
  ASSERT_EQ(book.notices().size(), 1U);
  const NodeNotice& notice = book.notices().begin()->second;
  EXPECT_EQ(notice.node, NodeName("n1"));
  EXPECT_EQ(notice.kind, GetParam().kind);
  EXPECT_EQ(notice.source, GetParam().source);
  EXPECT_EQ(format_instant(notice.deadline), GetParam().deadline);
  // Later passes see the same.
  book.learn(nodes, {}, kNow + seconds(20));
  EXPECT_EQ(book.notices().begin()->second, notice);
}

INSTANTIATE_TEST_SUITE_P(
    All, Mark,
    ::testing::Values(
        Case{"karpenter", tainted("karpenter.sh/disrupted"), NoticeKind::kDrain, "karpenter",
             "2026-11-21T12:02:00Z"},
        Case{"taint_with_time", tainted("karpenter.sh/disrupted", "", "2026-11-21T11:59:00Z"),
             NoticeKind::kDrain, "karpenter", "2026-11-21T12:01:00Z"},
        Case{"nth_spot", tainted("aws-node-termination-handler/spot-itn", "spot-itn-47dd"),
             NoticeKind::kInterruption, "aws-node-termination-handler", "2026-11-21T12:02:00Z"},
        Case{"nth_maintenance", tainted("aws-node-termination-handler/scheduled-maintenance", "e"),
             NoticeKind::kMaintenance, "aws-node-termination-handler", "2026-11-21T12:02:00Z"},
        Case{"nth_rebalance", tainted("aws-node-termination-handler/rebalance-recommendation"),
             NoticeKind::kRebalance, "aws-node-termination-handler", "2026-11-21T12:02:00Z"},
        Case{"cluster_autoscaler", tainted("ToBeDeletedByClusterAutoscaler", "1795262340"),
             NoticeKind::kDrain, "cluster-autoscaler", "2026-11-21T12:09:00Z"},
        Case{"cluster_autoscaler_without_a_time", tainted("ToBeDeletedByClusterAutoscaler", "soon"),
             NoticeKind::kDrain, "cluster-autoscaler", "2026-11-21T12:10:00Z"},
        Case{"cluster_autoscaler_candidate", tainted("DeletionCandidateOfClusterAutoscaler", "1"),
             NoticeKind::kRebalance, "cluster-autoscaler", "1970-01-01T00:10:01Z"},
        Case{"gke", tainted("cloud.google.com/impending-node-termination"),
             NoticeKind::kInterruption, "gke", "2026-11-21T12:00:30Z"},
        Case{"aks_drain", tainted("remediator.kubernetes.azure.com/unschedulable"),
             NoticeKind::kInterruption, "aks", "2026-11-21T12:00:30Z"},
        Case{"aks_condition", conditioned("VMEventScheduled", "PreemptScheduled"),
             NoticeKind::kInterruption, "condition VMEventScheduled", "2026-11-21T12:00:20Z"},
        Case{"aks_reboot", conditioned("VMEventScheduled", "RebootScheduled"),
             NoticeKind::kMaintenance, "condition VMEventScheduled", "2026-11-21T12:00:20Z"},
        Case{"azure_karpenter", conditioned("PreemptionScheduled"), NoticeKind::kInterruption,
             "condition PreemptionScheduled", "2026-11-21T12:00:20Z"},
        Case{"kubelet_shutdown", not_ready("node is shutting down"), NoticeKind::kInterruption,
             "kubelet shutdown", "2026-11-21T12:00:25Z"},
        Case{"own_agent", agent_mark("interruption", "2026-11-21T12:01:43Z"),
             NoticeKind::kInterruption, "aws-metadata", "2026-11-21T12:01:43Z"},
        Case{"own_agent_hint", agent_mark("rebalance", "2026-11-21T12:01:43Z"),
             NoticeKind::kRebalance, "aws-metadata", "2026-11-21T12:01:43Z"},
        Case{"own_agent_without_a_deadline", agent_mark("interruption", ""),
             NoticeKind::kInterruption, "aws-metadata", "2026-11-21T12:00:30Z"},
        Case{"own_agent_with_a_bad_deadline", agent_mark("interruption", "soon"),
             NoticeKind::kInterruption, "aws-metadata", "2026-11-21T12:00:30Z"}),
    [](const auto& tested) { return std::string(tested.param.name); });

class Book : public ::testing::Test {
 protected:
  void see(json node, Instant now, const NoticeBook::Recorded& recorded = {}) {
    node["metadata"]["resourceVersion"] = std::to_string(++version_);
    nodes_.upsert(must(kube::Node::from_json(node)));
    book_.learn(nodes_, recorded, now);
  }
  std::optional<NodeNotice> notice() const {
    const auto at = book_.notices().find(NodeName("n1"));
    return at == book_.notices().end() ? std::nullopt : std::optional(at->second);
  }
  kube::Store<kube::Node> nodes_;
  NoticeBook book_;
  int version_ = 10;
};

TEST_F(Book, TheSameWordFromTwoSourcesIsOneNoticeWithTheEarliestDeadline) {
  json node = agent_mark("interruption", "2026-11-21T12:01:43Z");
  node["spec"]["taints"].push_back(
      {{"key", "aws-node-termination-handler/spot-itn"}, {"effect", "NoSchedule"}});
  see(node, kNow);
  ASSERT_TRUE(notice());
  EXPECT_EQ(notice()->deadline, at("2026-11-21T12:01:43Z"));
  EXPECT_EQ(notice()->source, "aws-metadata");
  EXPECT_EQ(book_.notices().size(), 1U);
}

TEST_F(Book, AHintThatBecomesANoticeTakesTheDeadlineOfTheNotice) {
  see(tainted("aws-node-termination-handler/rebalance-recommendation"), kNow);
  EXPECT_EQ(notice()->kind, NoticeKind::kRebalance);
  json node = tainted("aws-node-termination-handler/rebalance-recommendation");
  node["spec"]["taints"].push_back(
      {{"key", "aws-node-termination-handler/spot-itn"}, {"effect", "NoSchedule"}});
  // The first sight of the hint is not that of the notice.
  see(node, kNow + seconds(600));
  EXPECT_EQ(notice()->kind, NoticeKind::kInterruption);
  EXPECT_EQ(notice()->deadline, kNow + seconds(720));
}

TEST_F(Book, ACancelledNoticeIsGone) {
  see(tainted("karpenter.sh/disrupted"), kNow);
  EXPECT_TRUE(notice());
  see(node_json("n1", "spot-a"), kNow + seconds(5));
  EXPECT_FALSE(notice());
  see(tainted("karpenter.sh/disrupted"), kNow + seconds(60));
  EXPECT_EQ(notice()->deadline, kNow + seconds(180)) << "a new one has its own time";
}

TEST_F(Book, ARestartDoesNotGiveTheBudgetAgain) {
  see(tainted("aws-node-termination-handler/spot-itn"), kNow + seconds(90),
      {{NodeName("n1"), kNow + seconds(120)}});
  EXPECT_EQ(notice()->deadline, kNow + seconds(120));
  book_.learn(nodes_, {}, kNow + seconds(95));
  EXPECT_EQ(notice()->deadline, kNow + seconds(120)) << "also when the record is gone again";
}

TEST_F(Book, AnotherMachineOfTheSameNameHasItsOwnFirstSight) {
  see(tainted("karpenter.sh/disrupted"), kNow);
  json other = tainted("karpenter.sh/disrupted");
  other["metadata"]["uid"] = "uid-other";
  see(other, kNow + seconds(300));
  EXPECT_EQ(notice()->deadline, kNow + seconds(420));
}

TEST_F(Book, NoMarkIsNoNotice) {
  see(tainted("nvidia.com/gpu"), kNow);
  EXPECT_FALSE(notice());
  see(conditioned("VMEventScheduled", "FreezeScheduled"), kNow);
  EXPECT_FALSE(notice()) << "a pause of seconds is none";
}

InstanceWord word(const std::string& instance, NoticeKind kind, bool gone = false) {
  return {.instance = instance,
          .gone = gone,
          .mark = {.kind = kind, .source = "aws-events", .since = kNow, .budget = seconds(120)}};
}
json with_provider_id(json node) {
  node["spec"]["providerID"] = "aws:///us-east-1a/i-1";
  return node;
}

TEST_F(Book, AQueueSpeaksOfInstances) {
  EXPECT_TRUE(book_.hear(word("i-1", NoticeKind::kInterruption)));
  EXPECT_FALSE(book_.hear(word("i-1", NoticeKind::kInterruption))) << "twice is once";
  EXPECT_FALSE(book_.hear(word("i-1", NoticeKind::kRebalance)));
  see(with_provider_id(node_json("n1", "spot-a")), kNow + seconds(3));
  ASSERT_TRUE(notice());
  EXPECT_EQ(notice()->deadline, kNow + seconds(120));
  EXPECT_EQ(notice()->source, "aws-events");
  // It stayed alive: the notice was not carried out.
  book_.learn(nodes_, {}, kNow + seconds(120) + NoticeBook::kForgetAfter + seconds(1));
  EXPECT_FALSE(notice());
}

TEST_F(Book, ATerminatedInstanceIsGoneWhateverItsNodeSays) {
  see(with_provider_id(node_json("n1", "spot-a")), kNow);
  EXPECT_TRUE(book_.hear(word("i-1", NoticeKind::kInterruption, true)));
  const auto node = nodes_.find({Namespace(), ObjectName("n1")});
  EXPECT_EQ(book_.fate(*node), NodeFate::kGone);
  EXPECT_FALSE(book_.hear(word("i-1", NoticeKind::kInterruption))) << "nothing follows an end";
}

TEST_F(Book, IsBounded) {
  for (std::size_t i = 0; i < NoticeBook::kMaxInstances + 5; ++i) {
    InstanceWord next = word("i-" + std::to_string(i), NoticeKind::kInterruption);
    next.mark.since = kNow + std::chrono::milliseconds(i);
    book_.hear(std::move(next));
  }
  EXPECT_TRUE(book_.hear(word("i-0", NoticeKind::kInterruption))) << "the oldest were let go";
  EXPECT_FALSE(book_.hear(word("i-10004", NoticeKind::kInterruption)));
}

TEST(Fate, NotReadyIsASuspicionAndNoMore) {
  const auto fate = [](const json& node) { return fate_of(must(kube::Node::from_json(node))); };
  EXPECT_EQ(fate(node_json("n1", "p")), NodeFate::kThere);
  EXPECT_EQ(fate(not_ready("Kubelet stopped posting node status.")), NodeFate::kSuspected);
  EXPECT_EQ(fate(not_ready("node is shutting down")), NodeFate::kThere);
  EXPECT_EQ(fate(tainted("node.kubernetes.io/out-of-service", "nodeshutdown")), NodeFate::kGone);
  EXPECT_EQ(fate(tainted("node.cloudprovider.kubernetes.io/shutdown")), NodeFate::kGone);
  EXPECT_EQ(fate(tainted("node.kubernetes.io/unreachable")), NodeFate::kThere)
      << "the node controller's taint follows the condition; alone it proves nothing";
}

TEST(ProviderId, EndsWithTheInstance) {
  EXPECT_EQ(instance_of("aws:///us-east-1a/i-0abc"), "i-0abc");
  EXPECT_EQ(instance_of("i-0abc"), "i-0abc");
  EXPECT_EQ(instance_of(""), "");
}

}  // namespace
}  // namespace spillway::control
