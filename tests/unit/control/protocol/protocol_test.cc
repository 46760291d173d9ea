// The books behind the interruption protocol, on virtual time: requests to pods and looks into a
// store that fails in every way.

#include <gtest/gtest.h>

#include <map>

#include <nlohmann/json.hpp>

#include <spillway/control/checkpoint_book.h>
#include <spillway/control/save_requests.h>
#include <spillway/sim/object_store_server.h>
#include <spillway/storage/layout.h>

namespace spillway::control {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class OnVirtualTime : public ::testing::Test {
 protected:
  asio::io_context io_;
  sim::VirtualTime time_{io_};
  std::unique_ptr<Random> random_ = make_random(7);
  Runtime runtime_{
      .executor = io_.get_executor(), .clock = time_, .timers = time_, .random = *random_};
  TaskGroup tasks_{io_.get_executor(), time_};
  int changes_ = 0;
};

// Pods that answer as they are told.
class Pods final : public cloud::HttpClient {
 public:
  explicit Pods(sim::VirtualTime& time) : time_(time) {}
  struct Behaviour {
    Duration latency = milliseconds(10);
    int failures = 0;  // before the first success
    int status = 202;
    std::optional<std::int64_t> saved;  // what /v1/status tells
  };
  std::map<std::string, Behaviour> pods;
  std::vector<cloud::HttpRequest> received;
  std::size_t at_once = 0, most_at_once = 0;

  Task<Result<cloud::HttpResponse>> send(cloud::HttpRequest request, Duration timeout) override {
    Behaviour& pod = pods[request.url.host];
    most_at_once = std::max(most_at_once, ++at_once);
    const auto timer = time_.make();
    co_await timer->wait_until(time_.monotonic() + std::min(pod.latency, timeout));
    --at_once;
    if (pod.latency > timeout) co_return fail(ErrorCode::kTimeout, "no answer");
    if (pod.failures > 0) {
      --pod.failures;
      co_return fail(ErrorCode::kUnavailable, "connection refused");
    }
    const bool post = request.method == "POST";
    const std::string id = post ? json::parse(request.body).at("id").get<std::string>() : last_id_;
    last_id_ = id;
    received.push_back(std::move(request));
    cloud::HttpResponse response{.status = post ? pod.status : 200};
    if (!post && pod.saved) {
      response.body =
          json{{"request", {{"id", id}, {"state", "Saved"}}}, {"saved", {{"step", *pod.saved}}}}
              .dump();
    }
    co_return response;
  }
  void shut_down() override {}

 private:
  sim::VirtualTime& time_;
  std::string last_id_;
};

class Requests : public OnVirtualTime {
 protected:
  SaveOrder order(const std::string& job, std::vector<std::string> hosts) {
    SaveOrder order{.job = Uid(job),
                    .id = "1-100",
                    .attempt = AttemptNumber(1),
                    .deadline = time_.now() + seconds(120),
                    .reason = "Notice",
                    .token = Secret("t0ken"),
                    .agent = true,
                    .recorded = true};
    for (const std::string& host : hosts) {
      const auto url = [&](const char* path) {
        return cloud::parse_url("http://" + host + ":8467" + path).value();
      };
      order.pods.push_back(
          {.uid = Uid(host), .save = url("/v1/save"), .status = url("/v1/status")});
    }
    return order;
  }
  ~Requests() override {
    requests_.stop();
    time_.run_for(seconds(10));
    EXPECT_EQ(tasks_.running(), 0U);
  }
  Pods pods_{time_};
  SaveRequests requests_{runtime_, tasks_, pods_, [this] { ++changes_; }};
};

TEST_F(Requests, go_to_every_pod_with_the_token_and_the_absolute_deadline) {
  requests_.want({order("a", {"10.0.0.1", "10.0.0.2"})});
  time_.run_for(milliseconds(50));
  ASSERT_EQ(pods_.received.size(), 2U);
  const cloud::HttpRequest& request = pods_.received[0];
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(cloud::find_header(request.headers, "authorization"), "Bearer t0ken");
  const json body = json::parse(request.body);
  EXPECT_EQ(body.at("id"), "1-100");
  EXPECT_EQ(body.at("deadline"), format_instant(time_.now() + seconds(120)));
  EXPECT_EQ(requests_.progress(Uid("a"), "1-100").delivered, 2U);
  EXPECT_GT(changes_, 0);
}

TEST_F(Requests, wait_until_the_decision_is_recorded) {
  SaveOrder early = order("a", {"10.0.0.1"});
  early.recorded = false;
  requests_.want({early});
  time_.run_for(seconds(1));
  EXPECT_TRUE(pods_.received.empty());
  requests_.want({order("a", {"10.0.0.1"})});
  time_.run_for(milliseconds(50));
  EXPECT_EQ(pods_.received.size(), 1U);
  EXPECT_GE(requests_.metrics().delivery.sum(), seconds(1)) << "the time counts from the decision";
}

TEST_F(Requests, leave_as_soon_as_the_record_is_there_without_another_pass) {
  SaveOrder early = order("a", {"10.0.0.1", "10.0.0.2"});
  early.recorded = false;
  requests_.want({early});
  requests_.record(Uid("a"), "1-99");  // another decision
  requests_.record(Uid("b"), "1-100");
  time_.run_for(milliseconds(50));
  EXPECT_TRUE(pods_.received.empty());
  requests_.record(Uid("a"), "1-100");
  requests_.record(Uid("a"), "1-100");
  time_.run_for(milliseconds(50));
  EXPECT_EQ(pods_.received.size(), 2U);
  requests_.want({order("a", {"10.0.0.1", "10.0.0.2"})});  // the next pass changes nothing
  time_.run_for(milliseconds(50));
  EXPECT_EQ(std::ranges::count(pods_.received, "POST", &cloud::HttpRequest::method), 2);
}

TEST_F(Requests, are_repeated_until_they_are_taken_and_then_no_more) {
  pods_.pods["10.0.0.1"].failures = 3;
  requests_.want({order("a", {"10.0.0.1"})});
  time_.run_for(milliseconds(100));
  EXPECT_FALSE(requests_.progress(Uid("a"), "1-100").trouble.empty());
  time_.run_for(seconds(5));
  EXPECT_EQ(requests_.progress(Uid("a"), "1-100").delivered, 1U);
  EXPECT_EQ(requests_.metrics().failed, 3U);
  const auto posts = std::ranges::count(pods_.received, "POST", &cloud::HttpRequest::method);
  EXPECT_EQ(posts, 1);
}

TEST_F(Requests, an_answer_counts_when_every_rank_has_given_it) {
  pods_.pods["10.0.0.1"].saved = 50;
  requests_.want({order("a", {"10.0.0.1", "10.0.0.2"})});
  time_.run_for(seconds(3));
  EXPECT_FALSE(requests_.progress(Uid("a"), "1-100").answered);
  pods_.pods["10.0.0.2"].saved = 40;
  time_.run_for(seconds(3));
  EXPECT_EQ(requests_.progress(Uid("a"), "1-100").answered, api::StepNumber(40));
}

TEST_F(Requests, end_with_the_deadline_and_with_the_order) {
  pods_.pods["10.0.0.1"].failures = 1'000'000;
  requests_.want({order("a", {"10.0.0.1"})});
  time_.run_for(seconds(121));
  const auto sent = requests_.metrics().sent;
  time_.run_for(minutes(5));
  EXPECT_EQ(requests_.metrics().sent, sent);
  pods_.pods["10.0.0.2"].failures = 1'000'000;
  requests_.want({order("b", {"10.0.0.2"})});
  time_.run_for(seconds(1));
  requests_.want({});
  const auto before = requests_.metrics().sent;
  time_.run_for(minutes(1));
  EXPECT_EQ(requests_.metrics().sent, before);
}

TEST_F(Requests, a_thousand_jobs_at_once_are_delivered_within_five_seconds_and_bounded) {
  std::vector<SaveOrder> orders;
  for (int i = 0; i < 1000; ++i) {
    std::vector<std::string> hosts;
    for (int rank = 0; rank < 2; ++rank)
      hosts.push_back("10." + std::to_string(rank) + "." + std::to_string(i / 250) + "." +
                      std::to_string(i % 250));
    for (const std::string& host : hosts)
      pods_.pods[host].latency = milliseconds(100);
    orders.push_back(order("job-" + std::to_string(i), hosts));
  }
  requests_.want(orders);
  time_.run_for(seconds(5));
  std::size_t delivered = 0;
  for (const SaveOrder& each : orders)
    delivered += requests_.progress(each.job, each.id).delivered;
  EXPECT_EQ(delivered, 2000U);
  EXPECT_LE(pods_.most_at_once, 256U);
}

// ---- the book

class Book : public OnVirtualTime {
 protected:
  Book() {
    server_.make_bucket("bucket");
    store_.config.name = api::StoreName("main");
    store_.config.s3.bucket = storage::BucketName("bucket");
    store_.config.s3.endpoint = sim::ObjectStoreServer::endpoint();
    store_.config.s3.addressing = storage::Addressing::kPath;
    store_.credentials = cloud::make_static_credentials(
        {.access_key_id = "SIMULATED", .secret_access_key = Secret("simulated")});
    store_.objects =
        storage::make_s3_store(runtime_, *http_, *store_.credentials, store_.config.s3);
    tasks_.spawn(book_.run());
  }
  ~Book() override {
    book_.stop();
    http_->shut_down();
    time_.run_for(minutes(20));
    EXPECT_EQ(tasks_.running(), 0U);
  }
  CheckpointTarget target(bool may_still_write = false) {
    return {.job = Uid("u"),
            .store = &store_,
            .prefix = storage::Key("team-a/llama/u/"),
            .format = storage::CheckpointFormat::kSuccessFile,
            .every = minutes(1),
            .may_still_write = may_still_write};
  }
  plan::StoreSight sight(bool may_still_write, int ended = 0) const {
    return book_.sight(Uid("u"), AttemptNumber(ended), may_still_write);
  }
  void save(int attempt, int step, bool complete = true) {
    const std::string folder = "team-a/llama/u/attempt-000" + std::to_string(attempt) +
                               "/checkpoint-" + std::to_string(step) + "/";
    server_.put("bucket", folder + "weights.bin", "w");
    time_.run_for(seconds(1));
    if (complete) server_.put("bucket", folder + "_SUCCESS", "ok");
  }
  std::optional<std::int64_t> newest() const {
    const FoundCheckpoints* found = book_.find(Uid("u"));
    if (found == nullptr || !found->newest) return std::nullopt;
    return found->newest->judgement.step.value();
  }
  sim::ObjectStoreServer server_{time_};
  std::unique_ptr<cloud::HttpClient> http_ = server_.connect();
  Stores::Store store_;
  CheckpointBook book_{runtime_, tasks_, [this] { ++changes_; }};
};

TEST_F(Book, tells_the_newest_complete_one) {
  save(1, 10);
  save(1, 20, false);
  book_.want({target()});
  time_.run_for(seconds(5));
  EXPECT_EQ(newest(), 10);
  EXPECT_TRUE(book_.find(Uid("u"))->passed_over.has_value());
  EXPECT_GT(changes_, 0);
  save(1, 30);
  time_.run_for(seconds(70));
  EXPECT_EQ(newest(), 30);
}

TEST_F(Book, an_error_is_no_answer) {
  save(1, 10);
  book_.want({target()});
  time_.run_for(seconds(5));
  server_.set_faults([](const sim::StoreRequest&) {
    return sim::StoreAnswer{.fate = sim::StoreFate::kForbidden};
  });
  time_.run_for(minutes(3));
  EXPECT_EQ(newest(), 10) << "a 403 is not an absence";
  EXPECT_FALSE(book_.find(Uid("u"))->trouble.empty());
  EXPECT_GT(book_.metrics().failures, 0U);
  server_.set_faults({});
  time_.run_for(minutes(2));
  EXPECT_TRUE(book_.find(Uid("u"))->trouble.empty());
}

TEST_F(Book, is_behind_until_it_has_looked_after_the_last_writer_was_gone) {
  using plan::StoreSight;
  book_.want({target()});
  EXPECT_EQ(sight(false), StoreSight::kBehind);
  time_.run_for(seconds(5));
  EXPECT_EQ(sight(false), StoreSight::kCurrent);
  book_.want({target(true)});
  EXPECT_EQ(sight(true), StoreSight::kBehind);
  time_.run_for(seconds(5));
  book_.want({target(true)});
  save(1, 40);
  book_.want({target(false)});
  EXPECT_EQ(sight(false), StoreSight::kBehind) << "it may have written since";
  time_.run_for(seconds(5));
  EXPECT_EQ(sight(false), StoreSight::kCurrent);
  EXPECT_EQ(newest(), 40);
}

// A program that fails, or a lost rank, may take all pods with it between two passes: nobody has
// seen an attempt that was ending.
TEST_F(Book, is_behind_of_an_attempt_that_ended_with_all_its_pods_between_two_passes) {
  using plan::StoreSight;
  book_.want({target()});
  time_.run_for(seconds(5));
  save(3, 10);
  EXPECT_EQ(sight(false), StoreSight::kCurrent) << "of what was before it";
  EXPECT_EQ(sight(false, 3), StoreSight::kBehind) << "it may have saved since the last look";
  CheckpointTarget after = target();
  after.ended = AttemptNumber(3);
  book_.want({after});
  EXPECT_EQ(sight(false, 3), StoreSight::kBehind);
  time_.run_for(seconds(5));
  book_.want(
      {after});  // the next pass: in the model the first look began at the very instant of the end
  time_.run_for(seconds(5));
  EXPECT_EQ(sight(false, 3), StoreSight::kCurrent);
  EXPECT_EQ(newest(), 10);
}

TEST_F(Book, prunes_verified_ones_beyond_what_is_to_stay) {
  for (int step = 10; step <= 50; step += 10)
    save(1, step);
  CheckpointTarget pruned = target();
  pruned.pruning = CheckpointTarget::Pruning{.keep = 2};
  book_.want({pruned});
  time_.run_for(seconds(30));
  EXPECT_EQ(book_.metrics().pruned, 3U);
  EXPECT_EQ(server_.objects("bucket").count("team-a/llama/u/attempt-0001/checkpoint-40/_SUCCESS"),
            1U);
  EXPECT_EQ(server_.objects("bucket").count("team-a/llama/u/attempt-0001/checkpoint-30/_SUCCESS"),
            0U);
}

TEST_F(Book, removes_what_a_deleted_job_left_and_nothing_beside_it) {
  save(1, 10);
  save(2, 20, false);
  server_.put("bucket", "team-a/llama/u2/attempt-0001/weights.bin", "of another job");
  CheckpointTarget leaving = target();
  leaving.erase = true;
  int failures = 0;
  server_.set_faults([&failures](const sim::StoreRequest&) {
    return sim::StoreAnswer{.fate = ++failures <= 2 ? sim::StoreFate::kForbidden
                                                    : sim::StoreFate::kServed};
  });
  book_.want({leaving});
  time_.run_for(milliseconds(500));
  EXPECT_FALSE(book_.find(Uid("u"))->erased);
  time_.run_for(seconds(30));
  EXPECT_TRUE(book_.find(Uid("u"))->erased);
  EXPECT_EQ(server_.objects("bucket").size(), 1U);
  EXPECT_TRUE(server_.objects("bucket").contains("team-a/llama/u2/attempt-0001/weights.bin"));
}

}  // namespace
}  // namespace spillway::control
