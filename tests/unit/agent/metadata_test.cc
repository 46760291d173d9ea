// What the metadata services say, as their documentation shows it, and how they are asked.
#include "metadata.h"

#include <gtest/gtest.h>

#include <map>

#include "support/run_task.h"

namespace spillway::agent {
namespace {

using Notice = std::optional<MachineNotice>;

Instant at(const char* text) {
  return parse_instant(text).value();
}

TEST(Metadata, aws_names_the_time_of_the_interruption) {
  const auto notice =
      parse_aws_instance_action(R"({"action": "terminate", "time": "2017-09-18T08:22:00Z"})");
  ASSERT_TRUE(notice);
  EXPECT_EQ(*notice, (MachineNotice{EndKind::kInterruption, at("2017-09-18T08:22:00Z")}));
  EXPECT_FALSE(parse_aws_instance_action("<html>"));
  EXPECT_FALSE(parse_aws_instance_action("{}"));
}

TEST(Metadata, aws_hints_at_a_higher_risk) {
  const auto notice = parse_aws_rebalance(R"({"noticeTime": "2020-10-27T08:22:00Z"})");
  ASSERT_TRUE(notice);
  EXPECT_EQ(*notice, MachineNotice{EndKind::kRebalance});
  EXPECT_FALSE(parse_aws_rebalance("[]"));
}

TEST(Metadata, aws_schedules_maintenance) {
  const auto notice = parse_aws_maintenance(R"([
    {"NotBefore": "22 Jan 2019 09:00:43 GMT", "Code": "system-reboot", "State": "active"},
    {"NotBefore": "21 Jan 2019 09:00:43 GMT", "Code": "instance-retirement", "State": "active"},
    {"NotBefore": "1 Jan 2019 09:00:43 GMT", "Code": "system-reboot", "State": "completed"}])");
  ASSERT_TRUE(notice);
  EXPECT_EQ(*notice, (MachineNotice{EndKind::kMaintenance, at("2019-01-21T09:00:43Z")}));
  EXPECT_EQ(parse_aws_maintenance("[]").value(), Notice());
}

TEST(Metadata, google_says_yes_or_no) {
  EXPECT_EQ(parse_gcp_preempted("FALSE\n").value(), Notice());
  EXPECT_EQ(parse_gcp_preempted("TRUE").value()->within, std::chrono::seconds(30));
  EXPECT_FALSE(parse_gcp_preempted("MAYBE"));
  EXPECT_EQ(parse_gcp_maintenance("NONE").value(), Notice());
  EXPECT_EQ(parse_gcp_maintenance("MIGRATE_ON_HOST_MAINTENANCE").value(), Notice());
  EXPECT_EQ(parse_gcp_maintenance("TERMINATE_ON_HOST_MAINTENANCE").value()->kind,
            EndKind::kMaintenance);
}

TEST(Metadata, azure_names_the_machines_that_it_means) {
  const char* events = R"({"DocumentIncarnation": 2, "Events": [
    {"EventId": "A", "EventType": "Preempt", "ResourceType": "VirtualMachine", "Resources": ["vm-1"],
     "EventStatus": "Scheduled", "NotBefore": "Mon, 19 Sep 2016 18:29:47 GMT"},
    {"EventId": "B", "EventType": "Reboot", "Resources": ["vm-2"], "EventStatus": "Started", "NotBefore": ""},
    {"EventId": "C", "EventType": "Freeze", "Resources": ["vm-3"], "EventStatus": "Scheduled",
     "NotBefore": "Mon, 19 Sep 2016 18:29:47 GMT"}]})";
  const Instant now = at("2016-09-19T18:00:00Z");
  EXPECT_EQ(parse_azure_events(events, "vm-1", now).value(),
            (MachineNotice{EndKind::kInterruption, at("2016-09-19T18:29:47Z")}));
  EXPECT_EQ(parse_azure_events(events, "vm-2", now).value(),
            (MachineNotice{EndKind::kMaintenance, now}));
  EXPECT_EQ(parse_azure_events(events, "vm-3", now).value(), Notice());
  EXPECT_EQ(parse_azure_events(R"({"DocumentIncarnation": 1, "Events": []})", "vm-1", now).value(),
            Notice());
  EXPECT_FALSE(parse_azure_events("[]", "vm-1", now));
}

TEST(Metadata, the_graver_word_counts_and_of_equals_the_earlier) {
  const MachineNotice soon{EndKind::kInterruption, at("2026-01-01T00:00:00Z")};
  const MachineNotice later{EndKind::kInterruption, at("2026-01-01T00:01:00Z")};
  const MachineNotice hint{EndKind::kRebalance};
  EXPECT_EQ(graver(hint, later), later);
  EXPECT_EQ(graver(later, soon), soon);
  EXPECT_EQ(graver(Notice(), hint), hint);
  EXPECT_EQ(graver(Notice(), Notice()), Notice());
}

// Answers by method and target; everything else is 404.
class Service final : public cloud::HttpClient {
 public:
  Task<Result<cloud::HttpResponse>> send(cloud::HttpRequest request, Duration) override {
    requests.push_back(request);
    if (down) co_return fail(ErrorCode::kTimeout, "silent");
    const auto found = answers.find(request.method + " " + request.url.target());
    if (found == answers.end()) co_return cloud::HttpResponse{.status = 404};
    co_return cloud::HttpResponse{.status = 200, .body = found->second};
  }
  void shut_down() override {}
  std::string header(std::size_t i, std::string_view name) {
    return std::string(cloud::find_header(requests.at(i).headers, name).value_or(""));
  }

  std::map<std::string, std::string> answers;
  std::vector<cloud::HttpRequest> requests;
  bool down = false;
};

class Reader : public ::testing::Test {
 protected:
  Result<Notice> read(Cloud cloud) {
    if (!reader_) {
      reader_ = make_metadata_reader(runtime_, service_, cloud, metadata_address(cloud).value());
    }
    return *testing::run_task(io_, time_, reader_->read());
  }

  asio::io_context io_;
  testing::VirtualTime time_{io_};
  std::unique_ptr<Random> random_ = make_random(1);
  Runtime runtime_{io_.get_executor(), time_, time_, *random_};
  Service service_;
  std::unique_ptr<MetadataReader> reader_;
};

TEST_F(Reader, asks_aws_with_a_token_and_takes_404_for_nothing) {
  service_.answers["PUT /latest/api/token"] = "secret-token";
  EXPECT_EQ(read(Cloud::kAws).value(), Notice());
  EXPECT_EQ(service_.header(0, "X-aws-ec2-metadata-token-ttl-seconds"), "21600");
  EXPECT_EQ(service_.header(1, "X-aws-ec2-metadata-token"), "secret-token");
  service_.answers["GET /latest/meta-data/spot/instance-action"] =
      R"({"action": "terminate", "time": "2017-09-18T08:22:00Z"})";
  EXPECT_EQ(read(Cloud::kAws).value()->deadline, at("2017-09-18T08:22:00Z"));
  EXPECT_EQ(service_.requests.size(), 7U);  // the token only once
}

TEST_F(Reader, asks_google_and_azure_in_their_ways) {
  service_.answers["GET /computeMetadata/v1/instance/preempted"] = "TRUE";
  service_.answers["GET /computeMetadata/v1/instance/maintenance-event"] = "NONE";
  EXPECT_EQ(read(Cloud::kGcp).value()->kind, EndKind::kInterruption);
  EXPECT_EQ(service_.header(0, "Metadata-Flavor"), "Google");
  reader_.reset();
  service_.requests.clear();
  service_.answers["GET /metadata/instance/compute/name?api-version=2021-02-01&format=text"] =
      "vm-1";
  service_.answers["GET /metadata/scheduledevents?api-version=2020-07-01"] =
      R"({"Events": [{"EventType": "Preempt", "Resources": ["vm-1"], "EventStatus": "Scheduled",
          "NotBefore": "Mon, 19 Sep 2016 18:29:47 GMT"}]})";
  EXPECT_EQ(read(Cloud::kAzure).value()->deadline, at("2016-09-19T18:29:47Z"));
  EXPECT_EQ(service_.header(0, "Metadata"), "true");
}

TEST_F(Reader, silence_says_nothing_either_way) {
  service_.down = true;
  EXPECT_EQ(read(Cloud::kAws).error().code, ErrorCode::kTimeout);
}

TEST(Clouds, are_named_or_refused) {
  EXPECT_EQ(parse_cloud("gcp"), Cloud::kGcp);
  EXPECT_NE(parse_cloud("oci").error().message.find("write aws, gcp or azure"), std::string::npos);
}

}  // namespace
}  // namespace spillway::agent
