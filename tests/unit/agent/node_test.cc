// The marks on a Node, and the watcher that keeps them.
#include "node_role.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include <spillway/api/agent_protocol.h>
#include <nlohmann/json.hpp>

#include "conformance/request_form.h"
#include "conformance/script.h"
#include "support/run_task.h"

namespace spillway::agent {
namespace {

using nlohmann::json;
namespace mark = api::agent::node_mark;

Instant at(const char* text) {
  return parse_instant(text).value();
}
const NodeMark kNotice{EndKind::kInterruption, at("2026-11-21T12:02:00Z")};

json plain_node() {
  return {{"metadata",
           {{"name", "node-1"}, {"resourceVersion", "7"}, {"annotations", {{"other", "stays"}}}}},
          {"spec", {{"taints", {{{"key", "nvidia.com/gpu"}, {"effect", "NoSchedule"}}}}}}};
}
json patched(json node, const NodeMark& wanted) {
  const auto patch = patch_for(node, wanted, "aws-metadata");
  if (patch) node.merge_patch(*patch);
  return node;
}

TEST(NodeMarks, add_a_taint_and_two_annotations_and_leave_the_rest) {
  const json node = patched(plain_node(), kNotice);
  ASSERT_EQ(node["spec"]["taints"].size(), 2U);
  EXPECT_EQ(node["spec"]["taints"][0]["key"], "nvidia.com/gpu");
  EXPECT_EQ(node["spec"]["taints"][1],
            (json{{"key", mark::kTaint}, {"value", "interruption"}, {"effect", "NoSchedule"}}));
  EXPECT_EQ(node["metadata"]["annotations"],
            (json{{"other", "stays"},
                  {std::string(mark::kDeadline), "2026-11-21T12:02:00Z"},
                  {std::string(mark::kSource), "aws-metadata"}}));
}

TEST(NodeMarks, say_nothing_twice) {
  json node = patched(plain_node(), kNotice);
  EXPECT_FALSE(patch_for(node, kNotice, "aws-metadata"));
  node["spec"]["taints"][1]["timeAdded"] = "2026-11-21T12:00:00Z";
  EXPECT_FALSE(patch_for(node, kNotice, "aws-metadata"));
  EXPECT_FALSE(patch_for(plain_node(), std::nullopt, "aws-metadata"));
}

TEST(NodeMarks, are_taken_away_without_a_trace) {
  json node = patched(plain_node(), kNotice);
  const auto patch = patch_for(node, std::nullopt, "aws-metadata");
  ASSERT_TRUE(patch);
  node.merge_patch(*patch);
  EXPECT_EQ(node, plain_node());
}

TEST(NodeMarks, never_move_a_deadline_to_later) {
  const json node = patched(plain_node(), kNotice);
  EXPECT_FALSE(patch_for(node, NodeMark{EndKind::kInterruption, at("2026-11-21T12:09:00Z")},
                         "aws-metadata"));
  EXPECT_FALSE(patch_for(node, NodeMark{EndKind::kInterruption, std::nullopt}, "aws-metadata"));
  const json earlier = patched(node, NodeMark{EndKind::kInterruption, at("2026-11-21T12:01:00Z")});
  EXPECT_EQ(earlier["metadata"]["annotations"][std::string(mark::kDeadline)],
            "2026-11-21T12:01:00Z");
  // Another kind is another notice.
  const json other = patched(node, NodeMark{EndKind::kMaintenance, at("2026-11-21T13:00:00Z")});
  EXPECT_EQ(other["metadata"]["annotations"][std::string(mark::kDeadline)], "2026-11-21T13:00:00Z");
  EXPECT_EQ(other["spec"]["taints"].size(), 2U);
}

TEST(NodeMarks, work_on_a_node_without_taints_or_annotations) {
  const json bare{{"metadata", {{"name", "n"}}}, {"spec", json::object()}};
  const json node = patched(bare, kNotice);
  EXPECT_EQ(node["spec"]["taints"].size(), 1U);
  json cleared = node;
  cleared.merge_patch(*patch_for(node, std::nullopt, "x"));
  EXPECT_FALSE(cleared["spec"].contains("taints"));
}

TEST(NodeMarks, reckon_a_deadline_from_the_first_sight) {
  const MachineNotice google{.kind = EndKind::kInterruption, .within = std::chrono::seconds(30)};
  EXPECT_EQ(mark_of(google, at("2026-11-21T12:00:00Z")).deadline, at("2026-11-21T12:00:30Z"));
}

// --- the watcher ---

class ScriptedReader final : public MetadataReader {
 public:
  Task<Result<std::optional<MachineNotice>>> read() override { co_return word; }
  Result<std::optional<MachineNotice>> word = std::optional<MachineNotice>();
};

// One Node, as the API server keeps it.
class NodeServer final : public kube::Transport {
 public:
  Task<Result<kube::HttpResponse>> send(kube::HttpRequest request, MonotonicTime) override {
    EXPECT_EQ(request.target.substr(0, request.target.find('?')), "/api/v1/nodes/node-1");
    asked.merge(conformance::request_forms(request));
    if (request.method == kube::Method::kGet) {
      ++gets;
      const std::string body = node.dump();
      if (moves_on_after_get) {
        node["metadata"]["resourceVersion"] = "8";
        moves_on_after_get = false;
      }
      co_return kube::HttpResponse{.status = 200, .body = body};
    }
    EXPECT_EQ(request.method, kube::Method::kPatch);
    const json patch = json::parse(request.body);
    if (patch["metadata"].value("resourceVersion", "") !=
        node["metadata"].value("resourceVersion", "?")) {
      co_return kube::HttpResponse{
          .status = 409,
          .body = R"({"kind":"Status","reason":"Conflict","code":409,"message":"moved on"})"};
    }
    ++patches;
    node.merge_patch(patch);
    co_return kube::HttpResponse{.status = 200, .body = node.dump()};
  }
  Task<Result<kube::StreamResponse>> open(kube::HttpRequest, MonotonicTime) override {
    co_return fail(ErrorCode::kInternal, "nothing is watched");
  }
  void close() override {}

  json node = plain_node();
  std::set<std::string> asked;  // in what forms
  int gets = 0;
  int patches = 0;
  bool moves_on_after_get = false;
};

class Watcher : public ::testing::Test {
 protected:
  Watcher() { group_.spawn(watcher_.run()); }
  ~Watcher() override {
    watcher_.stop();
    time_.run_for(std::chrono::seconds(10));
    EXPECT_EQ(group_.running(), 0U);
    EXPECT_EQ(conformance::unscripted(server_.asked), std::vector<std::string>());
  }
  void pass_time() { time_.run_for(std::chrono::seconds(3)); }
  [[nodiscard]] std::size_t taints() const { return server_.node["spec"]["taints"].size(); }

  asio::io_context io_;
  testing::VirtualTime time_{io_};
  std::unique_ptr<Random> random_ = make_random(1);
  Runtime runtime_{io_.get_executor(), time_, time_, *random_};
  NodeServer server_;
  kube::OpenFence fence_;
  kube::ClientMetrics metrics_;
  kube::Client client_{runtime_, server_, fence_, metrics_, {}};
  ScriptedReader reader_;
  NodeWatcher watcher_{runtime_, {.node = NodeName("node-1")}, reader_, client_};
  TaskGroup group_{io_.get_executor(), time_};
};

TEST_F(Watcher, marks_its_node_once_and_then_is_quiet) {
  pass_time();
  EXPECT_EQ(server_.patches, 0);
  reader_.word = MachineNotice{EndKind::kInterruption, time_.now() + std::chrono::minutes(2)};
  pass_time();
  EXPECT_EQ(taints(), 2U);
  const int gets = server_.gets;
  time_.run_for(std::chrono::minutes(10));
  EXPECT_EQ(server_.patches, 1);
  EXPECT_EQ(server_.gets, gets);
}

TEST_F(Watcher, takes_the_mark_away_with_the_notice) {
  reader_.word = MachineNotice{EndKind::kInterruption};
  pass_time();
  EXPECT_EQ(taints(), 2U);
  reader_.word = std::optional<MachineNotice>();
  pass_time();
  EXPECT_EQ(server_.node["spec"], plain_node()["spec"]);
}

TEST_F(Watcher, leaves_the_marks_while_the_metadata_service_is_silent) {
  reader_.word = MachineNotice{EndKind::kInterruption};
  pass_time();
  reader_.word = fail(ErrorCode::kTimeout, "silent");
  time_.run_for(std::chrono::minutes(1));
  EXPECT_EQ(taints(), 2U);
  EXPECT_EQ(server_.patches, 1);
}

TEST_F(Watcher, decides_again_when_the_node_moved_on) {
  pass_time();
  server_.moves_on_after_get = true;
  reader_.word = MachineNotice{EndKind::kInterruption};
  pass_time();
  EXPECT_EQ(taints(), 2U);
}

TEST_F(Watcher, keeps_the_first_sight_of_a_notice_that_comes_without_a_time) {
  reader_.word = MachineNotice{.kind = EndKind::kInterruption, .within = std::chrono::seconds(30)};
  pass_time();
  const json before = server_.node;
  time_.run_for(std::chrono::minutes(1));
  EXPECT_EQ(server_.node, before);
}

TEST(NodeSettings, are_read_and_refused) {
  const auto read = [](std::map<std::string, std::string> variables) {
    return read_node_settings([variables](const char* name) -> const char* {
      const auto found = variables.find(name);
      return found == variables.end() ? nullptr : found->second.c_str();
    });
  };
  const auto good = read({{"NODE_NAME", "n"}, {"SPILLWAY_CLOUD", "gcp"}});
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->metadata.host, "metadata.google.internal");
  EXPECT_NE(read({{"SPILLWAY_CLOUD", "gcp"}}).error().message.find("NODE_NAME"), std::string::npos);
  EXPECT_FALSE(read({{"NODE_NAME", "n"}, {"SPILLWAY_CLOUD", "x"}}));
  EXPECT_FALSE(
      read({{"NODE_NAME", "n"}, {"SPILLWAY_CLOUD", "aws"}, {"SPILLWAY_METADATA_POLL", "1ms"}}));
}

}  // namespace
}  // namespace spillway::agent
