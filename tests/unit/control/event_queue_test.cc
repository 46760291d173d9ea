// Notices from a queue: what messages say, and when they are acknowledged.
#include <spillway/control/event_queue.h>

#include <gtest/gtest.h>

#include <map>

#include <nlohmann/json.hpp>

#include "support/virtual_time.h"

namespace spillway::control {
namespace {

using nlohmann::json;

json event(const std::string& type, json detail) {
  return {{"version", "0"},        {"id", "1"},
          {"detail-type", type},   {"source", "aws.ec2"},
          {"account", "1234"},     {"time", "2026-11-21T12:00:00Z"},
          {"region", "eu-west-1"}, {"detail", std::move(detail)}};
}
const Instant kTime = parse_instant("2026-11-21T12:00:00Z").value();

InstanceWord only(const json& body) {
  const auto words = parse_event(body.dump());
  EXPECT_TRUE(words) << words.error().message;
  EXPECT_EQ(words->size(), 1U);
  return words->empty() ? InstanceWord{} : words->front();
}

TEST(Events, a_spot_warning_gives_two_minutes_from_its_time) {
  const InstanceWord word = only(event("EC2 Spot Instance Interruption Warning",
                                       {{"instance-id", "i-1"}, {"instance-action", "terminate"}}));
  EXPECT_EQ(word.instance, "i-1");
  EXPECT_FALSE(word.gone);
  EXPECT_EQ(word.mark.kind, NoticeKind::kInterruption);
  EXPECT_EQ(word.mark.since, kTime);
  EXPECT_EQ(word.mark.budget, std::chrono::minutes(2));
}

TEST(Events, hibernation_gives_no_time) {
  EXPECT_EQ(only(event("EC2 Spot Instance Interruption Warning",
                       {{"instance-id", "i-1"}, {"instance-action", "hibernate"}}))
                .mark.budget,
            Duration(0));
}

TEST(Events, a_rebalance_recommendation_is_a_hint) {
  EXPECT_EQ(
      only(event("EC2 Instance Rebalance Recommendation", {{"instance-id", "i-1"}})).mark.kind,
      NoticeKind::kRebalance);
}

TEST(Events, states_tell_what_is_gone_and_what_goes) {
  const auto state = [](const char* name) {
    return event("EC2 Instance State-change Notification",
                 {{"instance-id", "i-1"}, {"state", name}});
  };
  EXPECT_TRUE(only(state("terminated")).gone);
  EXPECT_TRUE(only(state("stopped")).gone);
  EXPECT_FALSE(only(state("shutting-down")).gone);
  for (const char* other : {"pending", "running"})
    EXPECT_TRUE(parse_event(state(other).dump())->empty()) << other;
}

TEST(Events, maintenance_has_the_time_that_is_planned) {
  const json detail{{"service", "EC2"},
                    {"eventTypeCategory", "scheduledChange"},
                    {"startTime", "Sat, 21 Nov 2026 15:00:00 GMT"},
                    {"affectedEntities", {{{"entityValue", "i-1"}}, {{"entityValue", "vol-1"}}}}};
  const InstanceWord word = only(event("AWS Health Event", detail));
  EXPECT_EQ(word.mark.kind, NoticeKind::kMaintenance);
  EXPECT_EQ(word.mark.deadline, parse_instant("2026-11-21T15:00:00Z").value());
  json issue = detail;
  issue["eventTypeCategory"] = "issue";
  EXPECT_TRUE(parse_event(event("AWS Health Event", issue).dump())->empty());
}

TEST(Events, may_be_wrapped_by_sns) {
  const json inside = event("EC2 Instance Rebalance Recommendation", {{"instance-id", "i-1"}});
  EXPECT_EQ(only({{"Type", "Notification"}, {"Message", inside.dump()}}).instance, "i-1");
}

TEST(Events, that_say_nothing_of_instances_are_passed_over_and_others_refused) {
  EXPECT_TRUE(parse_event(event("Scheduled Event", json::object()).dump())->empty());
  for (
      const char* strange :
      {"", "x", "[]", "{}", R"({"detail-type": "x"})", R"({"Message": "not json"})",
       R"({"detail-type": "EC2 Instance Rebalance Recommendation", "time": "2026-11-21T12:00:00Z"})"})
    EXPECT_FALSE(parse_event(strange)) << strange;
}

// A queue behind the HTTP seam: messages in flight come again until they are removed.
class Queue final : public cloud::HttpClient {
 public:
  explicit Queue(testing::VirtualTime& time) : time_(time) {}
  Task<Result<cloud::HttpResponse>> send(cloud::HttpRequest request, Duration) override {
    const auto form = cloud::decode_form(request.body).value();
    const std::map<std::string, std::string> fields(form.begin(), form.end());
    EXPECT_TRUE(cloud::find_header(request.headers, "Authorization"));
    if (down) {
      ++refused;
      co_return cloud::HttpResponse{
          .status = 403,
          .body = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"};
    }
    if (fields.at("Action") == "DeleteMessage") {
      removed.push_back(fields.at("ReceiptHandle"));
      co_return cloud::HttpResponse{.status = 200, .body = "<DeleteMessageResponse/>"};
    }
    ++polls;
    std::string body = "<ReceiveMessageResponse><ReceiveMessageResult>";
    for (const auto& [receipt, text] : std::exchange(waiting, {})) {
      body += "<Message><MessageId>1</MessageId><ReceiptHandle>" + receipt +
              "</ReceiptHandle><Body>" + cloud_escaped(text) + "</Body></Message>";
    }
    const auto timer = time_.make();
    co_await timer->wait_until(time_.monotonic() + std::chrono::seconds(1));
    co_return cloud::HttpResponse{
        .status = 200, .body = body + "</ReceiveMessageResult></ReceiveMessageResponse>"};
  }
  void shut_down() override {}
  static std::string cloud_escaped(const std::string& text) {
    std::string out;
    for (const char c : text)
      out += c == '"' ? std::string("&quot;") : std::string(1, c);
    return out;
  }

  std::vector<std::pair<std::string, std::string>> waiting;
  std::vector<std::string> removed;
  int polls = 0;
  int refused = 0;
  bool down = false;

 private:
  testing::VirtualTime& time_;
};

class EventQueueTest : public ::testing::Test {
 protected:
  EventQueueTest() { group_.spawn(events_.run()); }
  ~EventQueueTest() override {
    events_.stop();
    time_.run_for(std::chrono::minutes(2));
    EXPECT_EQ(group_.running(), 0U);
  }
  void say(const std::string& receipt, const std::string& instance) {
    http_.waiting.emplace_back(
        receipt,
        event("EC2 Instance Rebalance Recommendation", {{"instance-id", instance}}).dump());
  }

  asio::io_context io_;
  testing::VirtualTime time_{io_};
  std::unique_ptr<Random> random_ = make_random(1);
  Runtime runtime_{io_.get_executor(), time_, time_, *random_};
  Queue http_{time_};
  std::unique_ptr<cloud::CredentialsProvider> credentials_ =
      cloud::make_static_credentials({.access_key_id = "AKID", .secret_access_key = Secret("s")});
  cloud::SqsClient client_{
      runtime_,
      http_,
      *credentials_,
      {.url = cloud::parse_url("https://sqs.eu-west-1.amazonaws.com/1/q").value(),
       .region = Region("eu-west-1")}};
  bool leading_ = true;
  bool acted_ = false;
  std::vector<std::string> heard_;
  EventQueue events_{runtime_,
                     client_,
                     {.leading = [this] { return leading_; },
                      .hear = [this](InstanceWord word) { heard_.push_back(word.instance); },
                      .acted_on = [this](const std::string&) { return acted_; }}};
  TaskGroup group_{io_.get_executor(), time_};
};

TEST_F(EventQueueTest, acknowledges_only_what_was_acted_on) {
  say("r-1", "i-1");
  time_.run_for(std::chrono::seconds(10));
  EXPECT_EQ(heard_, std::vector<std::string>{"i-1"});
  EXPECT_TRUE(http_.removed.empty());
  acted_ = true;
  time_.run_for(std::chrono::seconds(2));
  EXPECT_EQ(http_.removed, std::vector<std::string>{"r-1"});
}

TEST_F(EventQueueTest, forgets_a_receipt_that_is_of_no_use_any_more) {
  say("r-1", "i-1");
  time_.run_for(std::chrono::seconds(90));
  say("r-2", "i-1");  // the same message, delivered again
  acted_ = true;
  time_.run_for(std::chrono::seconds(5));
  EXPECT_EQ(http_.removed, std::vector<std::string>{"r-2"});
}

TEST_F(EventQueueTest, removes_what_it_will_never_understand) {
  http_.waiting.emplace_back("r-1", "not an event");
  time_.run_for(std::chrono::seconds(5));
  EXPECT_EQ(http_.removed, std::vector<std::string>{"r-1"});
  EXPECT_EQ(events_.counts().not_understood, 1U);
}

TEST_F(EventQueueTest, asks_less_and_less_often_while_it_is_refused) {
  http_.down = true;
  time_.run_for(std::chrono::minutes(10));
  EXPECT_LT(http_.refused, 30);
  EXPECT_GT(http_.refused, 8);
  http_.down = false;
  acted_ = true;
  say("r-1", "i-1");
  time_.run_for(std::chrono::minutes(2));
  EXPECT_EQ(http_.removed.size(), 1U);
}

TEST_F(EventQueueTest, leaves_the_queue_to_the_leader) {
  time_.run_for(std::chrono::seconds(5));
  leading_ = false;
  time_.run_for(std::chrono::seconds(5));
  const int polls = http_.polls;
  time_.run_for(std::chrono::minutes(5));
  EXPECT_EQ(http_.polls, polls);
  leading_ = true;
  time_.run_for(std::chrono::seconds(5));
  EXPECT_GT(http_.polls, polls);
}

}  // namespace
}  // namespace spillway::control
